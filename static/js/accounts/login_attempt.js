// This browser's attempt to sign in: opened, followed by events or, where those do not come through, by asking.
import { api } from "../core/api.js";
import { now } from "../core/clock.js";
import { followEvents } from "../core/event_stream.js";
import { keepAsking } from "../core/polling.js";

const ASK_EVERY_MS = 2_000;
// An attempt this close to its end is not begun anything with.
const SPARE_MS = 5_000;
// One that was begun before the page was loaded is gone on with if somebody still has the time to scan it.
const WORTHWHILE_MS = 60_000;
const KEPT = "chatloop:login-attempt";
const MOVING = ["waiting", "scanned"];

let current = null;
let stop = () => {};

export const attempt = () => current;
export const isUsable = () => current !== null && new Date(current.expires_at) - now() > SPARE_MS;
const address = () => `auth/login-attempts/${current.id}`;

/** The state as the server has it; the first answer that says "confirmed" also brings the session. */
export const look = async (signal) => (await api.get(address(), { signal })).state;

/** Forget the attempt: it is gone, or belongs to another browser. */
export function drop() {
  stop();
  current = null;
}

/** Open a new attempt, with a QR code if one is shown, and tell `onState(state)` whenever it moves. */
export async function open(invite, onState, { qr }) {
  stop();
  current = await api.post("auth/login-attempts", invite ? { invite, qr } : { qr });
  keep(current);
  if (current.qr_content) follow(onState);
  return current;
}

/** The attempt that this tab had before it was loaded again, if it still waits: every QR code is one of few in a day. */
export async function resume(onState, { qr }) {
  current = kept();
  if (!current || (qr && !current.qr_content)) current = null;
  else if (new Date(current.expires_at) - now() < WORTHWHILE_MS) current = null;
  else if ((await look().catch(() => "gone")) !== "waiting") current = null;
  else if (current.qr_content) follow(onState);
  return current;
}

// Nothing secret: what signs in is a cookie that no script can read.
function keep(attempt) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(attempt));
  } catch {
    // Storage is forbidden or full: the next load opens another one.
  }
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT));
  } catch {
    return null;
  }
}

export function redeem(code) {
  return api.post(`${address()}/code`, { code });
}

function follow(onState) {
  const over = () => onState("expired");
  const take = (_name, { state }) => {
    if (!MOVING.includes(state)) stop();
    onState(state);
  };
  stop = followEvents(`/api/v1/${address()}/events`, { take, refused: over, broken: () => ask(onState) });
}

/** Where events break or do not come through, the page asks. */
function ask(onState) {
  stop();
  const asking = keepAsking(
    async (signal) => {
      const state = await look(signal);
      onState(state);
      return !MOVING.includes(state);
    },
    { everyMs: () => ASK_EVERY_MS, refused: () => onState("expired") },
  );
  stop = asking.stop;
}
