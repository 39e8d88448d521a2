// Drawing: ask the server, then show its answer. The grid stands still until there is one.
import { api } from "../core/api.js";
import { holdBalances } from "../core/balances.js";
import { openSheet } from "../core/dialog.js";
import { Intentions } from "../core/intentions.js";
import { text } from "../core/texts.js";
import { clear, runTo } from "./nine_grid.js";
import { followDeliveries, leaveDeliveries, prizeIcon, prizeRow } from "./prizes.js";

const byId = (id) => document.getElementById(id);

// When the answer is lost, the next tap asks for the same draw again.
const intentions = new Intentions();
let isDrawing = false;

function clientSeed() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function ask({ activity, version }, count) {
  const name = `${activity} ${count}`;
  intentions.of(name, { wish: { count, client_seed: clientSeed(), odds_version: version } });
  return intentions.carryOut(name, ({ key, wish }) => api.post(`activities/${activity}/draws`, wish, { idempotencyKey: key }));
}

/** After a lost answer nothing is said of chances: the lost draw may have used one. */
function problemOf(error) {
  if (error.isUnsure) return text("draw-unknown");
  return error.wasLost ? error.message : text("draw-failed", { reason: error.message });
}

function showProblem(error) {
  const box = byId("draw-problem");
  box.textContent = problemOf(error);
  box.hidden = false;
  if (error.code === "no_chances") openSheet("chances-sheet");
  // The grid shows odds that are no longer drawn by.
  if (error.code === "odds_changed") setTimeout(() => location.reload(), 2500);
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
  byId("result-badge").replaceChildren(prizeIcon(kind));
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
  byId("more-chances").hidden = left > 0 || account.limit_reached !== "";
  byId("draw-ten").hidden = left < 10;
  byId("next-hash").textContent = account.next_server_seed_hash;
  byId("limit-note").hidden = !account.limit_reached;
  byId("limit-note").textContent = account.limit_reached && text(`limit-${account.limit_reached}`);
}

/** Asks, and shows the answer; nothing else on the page tells it before the light has stopped. */
async function draw(grid, count) {
  if (isDrawing) return;
  isDrawing = true;
  // Not disabled: a disabled button drops the focus.
  const buttons = [byId("draw"), byId("draw-ten")];
  byId("draw-problem").hidden = true;
  clear(grid);
  leaveDeliveries();
  const release = holdBalances();
  buttons.forEach((button) => button.setAttribute("aria-disabled", "true"));
  byId("draw").setAttribute("aria-busy", "true");
  try {
    await show(grid, await ask(grid.dataset, count));
  } catch (error) {
    showProblem(error);
  } finally {
    isDrawing = false;
    release();
    byId("draw").removeAttribute("aria-busy");
    grid.removeAttribute("data-running");
    buttons.forEach((button) => button.removeAttribute("aria-disabled"));
    refreshAccount(grid.dataset.activity).catch(() => {});
    followDeliveries();
  }
}

async function show(grid, { draws }) {
  const [first] = draws;
  byId("draw").removeAttribute("aria-busy");
  grid.setAttribute("data-running", "");
  await runTo(grid, first.position);
  const cell = grid.querySelector(`[data-position="${first.position}"]`);
  showResult(draws, draws.length === 1 && Boolean(cell?.hasAttribute("data-rare")));
}

/** Wires the grid, whichever is on show: the page renews it. */
export function wireDraw() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("#draw, #draw-ten");
    if (button && !byId("draw").dataset.closed) draw(byId("grid"), button.id === "draw" ? 1 : 10);
  });
  // "Draw ten times" may be gone by then, and the focus with it.
  byId("result-sheet").addEventListener("close", () => byId("draw")?.focus({ preventScroll: true }));
  let shown = null;
  document.addEventListener("balances:read", ({ detail }) => {
    const grid = byId("grid");
    if (grid && shown !== null && shown !== detail.chances) refreshAccount(grid.dataset.activity).catch(() => {});
    shown = detail.chances;
  });
}
