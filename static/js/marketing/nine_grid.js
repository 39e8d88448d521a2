// The light that runs round the grid. It starts when the server's result is here and ends exactly on it:
// nothing is simulated, and no cell beside the prize is teased.

const MIN_MS = 2200;
const SPREAD_MS = 600;
const LAPS = 4;

const reduced = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** How many steps of `total` are done at `share` (0..1) of the time: fast first, then slower. */
function stepsAt(share, total) {
  const rest = 1 - Math.min(Math.max(share, 0), 1);
  return Math.round(total * (1 - rest * rest));
}

function light(cells, index) {
  cells.forEach((cell, at) => cell.toggleAttribute("data-lit", at === index));
}

/** Removes the marks of the last draw. */
export function clear(grid) {
  for (const cell of grid.querySelectorAll(".grid9__cell")) {
    cell.removeAttribute("data-lit");
    cell.removeAttribute("data-won");
  }
}

/** Runs to `position` and answers when it is there. A tap on the grid or Escape goes there at once. */
export function runTo(grid, position) {
  const cells = [...grid.querySelectorAll(".grid9__cell")];
  const total = LAPS * cells.length + position;
  const duration = MIN_MS + Math.random() * SPREAD_MS;
  return new Promise((resolve) => {
    let startedAt = null;
    let frame = 0;
    const finish = () => {
      cancelAnimationFrame(frame);
      grid.removeEventListener("pointerdown", finish);
      document.removeEventListener("keydown", onKey);
      light(cells, -1);
      cells[position]?.setAttribute("data-won", "");
      resolve();
    };
    const onKey = (event) => {
      if (event.key === "Escape") finish();
    };
    const tick = (time) => {
      startedAt ??= time;
      const share = (time - startedAt) / duration;
      if (share >= 1) {
        finish();
        return;
      }
      light(cells, stepsAt(share, total) % cells.length);
      frame = requestAnimationFrame(tick);
    };
    if (reduced()) {
      finish();
      return;
    }
    grid.addEventListener("pointerdown", finish);
    document.addEventListener("keydown", onKey);
    frame = requestAnimationFrame(tick);
  });
}
