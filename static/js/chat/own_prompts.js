// A member's own prompts: keep, change, delete. What came of it is written by the page anew.
import { api } from "../core/api.js";
import { ask, closeSheet, openSheet } from "../core/dialog.js";
import { Intentions } from "../core/intentions.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";

const form = document.getElementById("prompt-form");
const state = document.getElementById("prompt-state");
const button = form.querySelector("[type=submit]");
const present = document.getElementById("prompt-now");
const kept = new Intentions();

// The card that is being changed, null for a new prompt; and the version that the member has seen.
let card = null;
let version = 0;

const part = (node, name) => node.querySelector(`[data-part=${name}]`);
const path = (node) => `chat/prompts/${node.dataset.ownPrompt}`;

function showError(message, field) {
  (field ? field.closest(".field") : form.querySelector(".sheet__body")).append(state);
  state.textContent = message;
  state.hidden = !message;
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  if (field) {
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
  if (message) state.scrollIntoView({ block: "nearest" });
}

function open(node) {
  card = node;
  version = node ? Number(node.dataset.version) : 0;
  form.elements.title.value = node ? part(node, "title").textContent : "";
  form.elements.text.value = node ? part(node, "text").textContent : "";
  document.getElementById("prompt-sheet-title").textContent = text(node ? "prompt-change" : "prompt-new");
  present.hidden = true;
  showError("");
  openSheet("prompt-sheet");
}

/** Somebody changed it meanwhile: what it is now stands beside what is written here, and saving again is on purpose. */
async function showPresent() {
  const now = await api.get(path(card)).catch(() => null);
  if (!now) return;
  version = now.version;
  part(present, "title").textContent = now.title;
  part(present, "text").textContent = now.text;
  present.hidden = false;
}

async function save() {
  const said = { title: form.elements.title.value.trim(), text: form.elements.text.value };
  if (card) return api.put(path(card), { ...said, version });
  return kept.carryOut(JSON.stringify(said), ({ key }) => api.post("chat/prompts", { ...said, client_id: key }));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.getAttribute("aria-busy")) return;
  showError("");
  if (!form.elements.text.value.trim()) return showError(text("prompt-text-missing"), form.elements.text);
  button.setAttribute("aria-busy", "true");
  try {
    await save();
    closeSheet("prompt-sheet");
    location.reload();
  } catch (error) {
    if (error.code === "prompt_changed") await showPresent();
    showError(error.title, form.elements[error.context?.field ?? Object.keys(error.errors ?? {})[0]]);
  } finally {
    button.removeAttribute("aria-busy");
  }
});

async function remove(node) {
  if ((await ask("delete-prompt-sheet")) !== "yes") return;
  try {
    await api.delete(path(node));
  } catch (error) {
    // Deleted on another device: it is gone, as was wished.
    if (error.code !== "prompt_not_found") return toast(error.message, "bad");
  }
  location.reload();
}

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-new-prompt], [data-change-prompt], [data-delete-prompt]");
  if (!pressed) return;
  const node = pressed.closest("[data-own-prompt]");
  if ("deletePrompt" in pressed.dataset) remove(node);
  else open(node);
});
