// Short news at the bottom of the page; the container is an aria-live region of base.html.
import { element, icon } from "./dom.js";

const ICONS = { info: "info", ok: "ok", warn: "warning", bad: "error" };
const SHOWN_MS = 4500;

/** kind: info | ok | warn | bad. Errors stay twice as long. */
export function toast(text, kind = "info") {
  const box = document.getElementById("toasts");
  const item = element("div", { class: "toast", "data-kind": kind }, icon(ICONS[kind] ?? "info"), element("span", {}, text));
  box.append(item);
  setTimeout(() => item.remove(), kind === "bad" ? 2 * SHOWN_MS : SHOWN_MS);
  item.addEventListener("click", () => item.remove());
}
