// What every page has. Loaded by base.html; app modules import from their own files.
import { wireBalances } from "./balances.js";
import { copy } from "./clipboard.js";
import { today } from "./clock.js";
import { wireDialogs } from "./dialog.js";
import { wireDrawer } from "./drawer.js";
import { writeRelativeTimes } from "./format.js";
import { wireMember } from "./member.js";
import { wirePreferences } from "./preferences.js";
import { onReturn, wireReturn } from "./way_back.js";

// <button data-copy="text"> or <button data-copy-from="element-id">
function wireCopying() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copyFrom ?? "");
    copy(source ? source.textContent.trim() : button.dataset.copy);
  });
}

let shownDay = today();

/** Words like "an hour ago" grow old; at the site's midnight more does: parts that say "today" hear "day:changed". */
function keepTime() {
  writeRelativeTimes();
  if (shownDay === today()) return;
  shownDay = today();
  document.dispatchEvent(new CustomEvent("day:changed"));
  document.dispatchEvent(new CustomEvent("balances:changed"));
}

wireMember();
wireReturn();
wirePreferences();
wireDialogs();
wireDrawer();
wireCopying();
wireBalances();
keepTime();
onReturn(keepTime);
setInterval(keepTime, 60_000);
