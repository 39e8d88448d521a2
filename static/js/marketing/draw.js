// Drawing: ask the server, then show its answer. The grid stands still until there is one.
import { api, newKey } from "../core/api.js";
import { openSheet } from "../core/dialog.js";
import { icon } from "../core/dom.js";
import { text } from "../core/texts.js";
import { clear, runTo } from "./nine_grid.js";
import { followDeliveries, prizeRow } from "./prizes.js";

const ICONS = { quota: "quota", points: "points", nothing: "star" };

const byId = (id) => document.getElementById(id);

// One key per intention: when the answer is lost, the next tap asks for the same draw again.
let pending = null;

function clientSeed() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function ask(activity, count) {
  if (pending?.count !== count) pending = { count, key: newKey(), seed: clientSeed() };
  const body = { count, client_seed: pending.seed };
  try {
    const receipt = await api.post(`activities/${activity}/draws`, body, { idempotencyKey: pending.key });
    pending = null;
    return receipt;
  } catch (error) {
    // Only an answer settles the intention; silence, a crash or a twin in flight does not.
    if (error.status >= 400 && error.status < 500 && error.code !== "request_in_flight") pending = null;
    throw error;
  }
}

function showProblem(error) {
  const box = byId("draw-problem");
  const isOpen = pending !== null;
  box.textContent = isOpen ? text("draw-unknown") : text("draw-failed", { reason: error.message });
  box.hidden = false;
  if (error.code === "no_chances") openSheet("chances-sheet");
}

function explain(draw) {
  if (draw.fallback_reason) return text("sold-out-text");
  return draw.prize.kind === "nothing" ? text("nothing-text") : text("on-its-way");
}

function showResult(draws, isRare) {
  const sheet = byId("result-sheet");
  const [first] = draws;
  const isTen = draws.length > 1;
  const wins = draws.filter((draw) => draw.prize.kind !== "nothing");
  const kind = isTen && wins.length ? wins[0].prize.kind : first.prize.kind;
  const title = first.prize.kind === "nothing" ? first.prize.title : text("won", { title: first.prize.title });
  sheet.dataset.kind = kind;
  sheet.toggleAttribute("data-rare", isRare);
  byId("result-badge").replaceChildren(icon(ICONS[kind] ?? "gift"));
  byId("result-title").textContent = isTen ? text("ten-title") : title;
  byId("result-text").textContent = isTen ? text("ten-text", { n: wins.length }) : explain(first);
  byId("result-list").hidden = !isTen;
  byId("result-list").replaceChildren(
    ...(isTen ? draws.map((draw) => prizeRow(draw, draw.fallback_reason ? text("sold-out") : "")) : []),
  );
  byId("result-check").href = `/welfare/verify/?draw=${first.id}`;
  openSheet(sheet);
}

async function refreshAccount(activity) {
  const account = await api.get(`activities/${activity}/account`);
  const left = account.chances.today;
  byId("draws-left").textContent = text("left-today", { n: left });
  byId("more-chances").hidden = left > 0;
  byId("draw-ten").hidden = left < 10;
  byId("next-hash").textContent = account.next_server_seed_hash;
  const note = byId("limit-note");
  note.hidden = !(account.chances.total > 0 && left === 0);
  note.textContent = text("limit-day");
  return left;
}

async function draw(grid, count) {
  const buttons = [byId("draw"), byId("draw-ten")];
  byId("draw-problem").hidden = true;
  clear(grid);
  buttons.forEach((button) => (button.disabled = true));
  byId("draw").setAttribute("aria-busy", "true");
  try {
    const receipt = await ask(grid.dataset.activity, count);
    byId("draw").removeAttribute("aria-busy");
    const [first] = receipt.draws;
    // New odds were published since this page was made: its cells no longer show what was drawn.
    const isStale = first.proof.version !== grid.dataset.version;
    grid.setAttribute("data-running", "");
    if (!isStale) await runTo(grid, first.position);
    const cell = grid.querySelector(`[data-position="${first.position}"]`);
    showResult(receipt.draws, count === 1 && !isStale && Boolean(cell?.hasAttribute("data-rare")));
    if (isStale) byId("result-sheet").addEventListener("close", () => location.reload(), { once: true });
    followDeliveries();
  } catch (error) {
    showProblem(error);
  } finally {
    byId("draw").removeAttribute("aria-busy");
    grid.removeAttribute("data-running");
    buttons.forEach((button) => (button.disabled = false));
    refreshAccount(grid.dataset.activity).catch(() => {});
  }
}

/** Wires the grid, if an activity is on show and open. */
export function wireDraw() {
  const grid = byId("grid");
  if (!grid || byId("draw").dataset.closed) return;
  byId("draw").addEventListener("click", () => draw(grid, 1));
  byId("draw-ten").addEventListener("click", () => draw(grid, 10));
  let shown = null;
  document.addEventListener("balances:read", ({ detail }) => {
    if (shown !== null && shown !== detail.chances) refreshAccount(grid.dataset.activity).catch(() => {});
    shown = detail.chances;
  });
}
