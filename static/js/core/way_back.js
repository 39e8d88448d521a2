// A page that slept, lay behind another, lost the network or was kept by the Back button comes back here.
const BEAT_MS = 5_000;
const ASLEEP_MS = 3 * BEAT_MS;
const AT_ONCE_MS = 500;

const acts = new Set();
const lost = new Set();
let beatAt = Date.now();
let cameBackAt = -AT_ONCE_MS;

/** Calls `act` whenever the page is looked at again after it may have missed something. Returns how to stop that. */
export function onReturn(act) {
  acts.add(act);
  return () => acts.delete(act);
}

function comeBack() {
  // Several signs of one return come together.
  if (document.visibilityState !== "visible" || performance.now() - cameBackAt < AT_ONCE_MS) return;
  cameBackAt = performance.now();
  for (const act of [...acts]) act();
}

/** A laptop that wakes with the page in front gives no sign but this: a beat that comes late. */
function beat() {
  const late = Math.abs(Date.now() - beatAt) > ASLEEP_MS;
  beatAt = Date.now();
  if (late) comeBack();
}

export function wireReturn() {
  document.addEventListener("visibilitychange", comeBack);
  addEventListener("online", comeBack);
  addEventListener("pageshow", (event) => {
    if (event.persisted) comeBack();
  });
  setInterval(beat, BEAT_MS);
}

/** Says on the page that `who` has no connection, until it has one again. */
export function showLost(who, isLost) {
  if (isLost) lost.add(who);
  else lost.delete(who);
  const line = document.getElementById("reconnecting");
  if (line) line.hidden = lost.size === 0;
}
