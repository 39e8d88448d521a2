// What every page has. Loaded by base.html; app modules import from their own files.
import { wireBalances } from "./balances.js";
import { wireDialogs } from "./dialog.js";
import { wireDrawer } from "./drawer.js";
import { writeRelativeTimes } from "./format.js";
import { wirePreferences } from "./preferences.js";
import { text } from "./texts.js";
import { toast } from "./toast.js";

async function copy(value) {
  try {
    await navigator.clipboard.writeText(value);
    toast(text("copied"), "ok");
  } catch {
    toast(text("copy-failed"), "warn");
  }
}

// <button data-copy="text"> or <button data-copy-from="element-id">
function wireCopying() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copyFrom ?? "");
    copy(source ? source.textContent.trim() : button.dataset.copy);
  });
}

wirePreferences();
wireDialogs();
wireDrawer();
wireCopying();
wireBalances();
writeRelativeTimes();
setInterval(writeRelativeTimes, 60_000);
