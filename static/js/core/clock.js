// The server's time and zone. A browser's own clock may be hours off and its zone another: neither is asked.
const page = document.documentElement.dataset;

// The page says when it was made; `anchor` is that moment on the counter that no setting of the clock can move.
let anchor = performance.getEntriesByType("navigation")[0]?.responseStart ?? 0;
let served = page.now ? Number(page.now) * 1000 : Date.now() - performance.now() + anchor;

/** The zone that every time is written in; the browser's own only where the page does not say. */
export const timeZone = page.timeZone || undefined;

/** Milliseconds since 1970, as the server counts them. */
export const now = () => served + performance.now() - anchor;

/**
 * Learns from the Date header of an answer, which is right to the second and was written while we waited.
 * The counter may have stood still while the machine slept, so every answer corrects it.
 */
export function hear(date, waitedMs) {
  const earliest = Date.parse(date ?? "");
  if (Number.isNaN(earliest)) return;
  const heard = Math.min(Math.max(now(), earliest), earliest + 1000 + waitedMs);
  served = heard;
  anchor = performance.now();
}

const days = new Intl.DateTimeFormat("sv-SE", { timeZone });

/** The site's calendar day as "2026-11-30": what is free or once a day turns with it. */
export const today = () => days.format(now());
