// The three balances of the top bar: asked for now, every half minute, on return, and when something here changes one:
//   document.dispatchEvent(new CustomEvent("balances:changed"))
import { api } from "./api.js";
import { count, creditNumber } from "./format.js";
import { leave } from "./member.js";
import { keepAsking } from "./polling.js";

const FORMATS = { quota_milli: creditNumber, free_left: count, points: count, chances: count };
// What happens on another device shows here as late as this.
const ASK_EVERY_MS = 30_000;

let holds = 0;
let held = null;

function write(node, shown) {
  const before = node.textContent.trim();
  if (before === shown) return;
  node.textContent = shown;
  if (before === "–") return;
  node.dataset.changed = "";
  node.addEventListener("animationend", () => delete node.dataset.changed, { once: true });
}

function show(balances) {
  for (const [name, format] of Object.entries(FORMATS)) {
    for (const node of document.querySelectorAll(`[data-balance="${name}"]`)) {
      if (Number.isFinite(balances[name])) write(node, format(balances[name]));
    }
  }
  document.dispatchEvent(new CustomEvent("balances:read", { detail: balances }));
}

async function refresh(signal) {
  const balances = await api.get("balances", { signal });
  if (holds) held = balances;
  else show(balances);
}

/** Keeps the shown numbers while a draw is on show: they would tell its result first. Returns how to let them go. */
export function holdBalances() {
  holds += 1;
  return () => {
    holds -= 1;
    if (holds || !held) return;
    show(held);
    held = null;
  };
}

export function wireBalances() {
  if (!document.querySelector("[data-balance]")) return;
  const asking = keepAsking(refresh, {
    everyMs: () => ASK_EVERY_MS,
    refused: (error) => {
      if (error.status === 401) leave();
    },
  });
  document.addEventListener("balances:changed", asking.now);
}
