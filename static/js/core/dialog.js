// Sheets are native <dialog class="sheet">: the browser traps the focus and gives it back.
//   <button data-open="pay-sheet">  opens,  <button data-close>  inside closes,
//   a click beside the sheet and Esc close; data-modal="strict" closes only by its own buttons.
import { isComposing } from "./dom.js";

const answers = new Map(); // who waits for which sheet

const target = (sheet) => (typeof sheet === "string" ? document.getElementById(sheet) : sheet);

export function openSheet(sheet) {
  const dialog = target(sheet);
  if (dialog?.open === false) {
    // An entry of a menu is gone when the sheet closes: the focus goes back to the menu itself.
    document.activeElement?.closest("details.menu")?.querySelector("summary").focus();
    dialog.showModal();
  }
  return dialog;
}

export function closeSheet(sheet, result = "") {
  const dialog = target(sheet);
  if (dialog?.open) dialog.close(result);
}

/** Then Escape is the sheet's, whatever else is open below it. */
export const isSheetOpen = () => document.querySelector("dialog[open]") !== null;

/**
 * Opens and answers the `returnValue` once closed ("" when dismissed); <button value="yes" data-close> sets it.
 * The browser tells of a closing with its next frame: asked again by then, the earlier question counts as dismissed.
 */
export function ask(sheet) {
  const dialog = openSheet(sheet);
  dialog.returnValue = "";
  answers.get(dialog)?.("");
  return new Promise((resolve) => answers.set(dialog, resolve));
}

function answer({ target: dialog }) {
  if (dialog.open) return;
  answers.get(dialog)?.(dialog.returnValue);
  answers.delete(dialog);
}

function isBackdrop(event) {
  if (!event.target.matches("dialog.sheet")) return false;
  const box = event.target.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

export function wireDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]:not(.sidebar):not(.drawer-scrim)");
    if (opener?.dataset.open) openSheet(opener.dataset.open);
    const closer = event.target.closest("[data-close]");
    if (closer) closeSheet(closer.closest("dialog"), closer.value ?? "");
    if (isBackdrop(event) && event.target.dataset.modal !== "strict") closeSheet(event.target);
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target) || event.target.closest(".menu__item")) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || isComposing(event) || isSheetOpen()) return;
    const menu = document.querySelector("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
    event.preventDefault();
  });
  document.addEventListener("close", answer, true);
  // What opened the sheet may be gone by now; the focus shall not fall out of the page. In a closed sheet the browser
  // leaves it for a moment longer, and drops it then.
  document.addEventListener("close", () => {
    const focused = document.activeElement;
    if (focused === document.body || !focused?.checkVisibility()) document.getElementById("page").focus({ preventScroll: true });
  }, true);
  document.addEventListener("cancel", (event) => {
    if (event.target.matches?.('dialog[data-modal="strict"]')) event.preventDefault();
  }, true);
}
