// Taking a copy of one's data, and closing the account.
import { api } from "../core/api.js";
import { leave } from "../core/member.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";

// A copy may be large, and its line slow.
const PATIENCE_MS = 600_000;

const link = document.getElementById("export");
const exportState = document.getElementById("export-state");
const form = document.getElementById("close-form");
const confirmInput = form.elements.confirm;
const closeState = document.getElementById("close-state");
const button = form.querySelector("button[type=submit]");

function show(node, message) {
  node.textContent = message;
  node.hidden = !message;
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

async function download() {
  const answer = await fetch(link.href, { credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (answer.status === 429) return show(exportState, text("export-later"));
  if (!answer.ok) return show(exportState, text("request-failed"));
  const name = /filename="?([^";]+)/.exec(answer.headers.get("Content-Disposition") ?? "");
  save(await answer.blob(), name?.[1] ?? "chatloop.zip");
  toast(text("export-ready"), "ok");
}

// A plain link would leave the page for an error document when it is refused.
link.addEventListener("click", async (event) => {
  event.preventDefault();
  if (link.getAttribute("aria-busy") === "true") return;
  show(exportState, "");
  link.setAttribute("aria-busy", "true");
  try {
    await download();
  } catch {
    show(exportState, text("network"));
  } finally {
    link.removeAttribute("aria-busy");
  }
});

const plain = (value) => value.normalize("NFC").trim().replace(/\s+/g, " ");

function compare() {
  button.disabled = plain(confirmInput.value) !== form.dataset.nickname;
  show(closeState, "");
}

confirmInput.addEventListener("input", compare);
compare(); // what was typed before this script came

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.disabled) return show(closeState, text("nickname-differs"));
  button.setAttribute("aria-busy", "true");
  document.getElementById("close-next").hidden = true;
  try {
    await api.delete("me", { body: { confirm: confirmInput.value } });
    leave("/");
  } catch (error) {
    show(closeState, error.title);
    document.getElementById("close-next").hidden = error.code !== "order_under_way";
    button.removeAttribute("aria-busy");
  }
});
