// The three balances of the top bar. Anything that changes one dispatches on document:
//   document.dispatchEvent(new CustomEvent("balances:changed"))
import { api } from "./api.js";
import { count, creditNumber } from "./format.js";

const FORMATS = { quota_milli: creditNumber, free_left: count, points: count, chances: count };

function write(node, shown) {
  const before = node.textContent.trim();
  if (before === shown) return;
  node.textContent = shown;
  if (before === "–") return;
  node.dataset.changed = "";
  node.addEventListener("animationend", () => delete node.dataset.changed, { once: true });
}

async function refresh() {
  let balances;
  try {
    balances = await api.get("balances");
  } catch {
    return; // The numbers on the page stay; the next change asks again.
  }
  for (const [name, format] of Object.entries(FORMATS)) {
    for (const node of document.querySelectorAll(`[data-balance="${name}"]`)) {
      if (Number.isFinite(balances[name])) write(node, format(balances[name]));
    }
  }
  document.dispatchEvent(new CustomEvent("balances:read", { detail: balances }));
}

export function wireBalances() {
  if (!document.querySelector("[data-balance]")) return;
  document.addEventListener("balances:changed", refresh);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") refresh();
  });
  refresh();
}
