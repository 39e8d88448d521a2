// Sheets are native <dialog class="sheet">: the browser traps the focus and gives it back.
//   <button data-open="pay-sheet">  opens,  <button data-close>  inside closes,
//   a click beside the sheet and Esc close; data-modal="strict" closes only by its own buttons.

const target = (sheet) => (typeof sheet === "string" ? document.getElementById(sheet) : sheet);

export function openSheet(sheet) {
  const dialog = target(sheet);
  if (dialog && !dialog.open) dialog.showModal();
  return dialog;
}

export function closeSheet(sheet, result = "") {
  const dialog = target(sheet);
  if (dialog?.open) dialog.close(result);
}

/** Opens and answers the `returnValue` once closed ("" when dismissed); <button value="yes" data-close> sets it. */
export function ask(sheet) {
  const dialog = openSheet(sheet);
  dialog.returnValue = "";
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
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
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
    event.preventDefault();
  });
  document.addEventListener("cancel", (event) => {
    if (event.target.matches?.('dialog[data-modal="strict"]')) event.preventDefault();
  }, true);
}
