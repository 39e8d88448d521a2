// This browser's attempt to sign in: opened, followed by events or, where those do not come through, by asking.
import { api } from "../core/api.js";

const ASK_EVERY_MS = 2_000;
// An attempt this close to its end is not begun anything with.
const SPARE_MS = 5_000;
const MOVING = ["waiting", "scanned"];

let current = null;
let source = null;
let timer = 0;

export const attempt = () => current;
export const isUsable = () => current !== null && new Date(current.expires_at) - Date.now() > SPARE_MS;
const address = () => `auth/login-attempts/${current.id}`;

/** The state as the server has it; the first answer that says "confirmed" also brings the session. */
export const look = async () => (await api.get(address())).state;

/** Forget the attempt: it is gone, or belongs to another browser. */
export function drop() {
  stop();
  current = null;
}

/** Open a new attempt and tell `onState(state)` whenever it moves. */
export async function open(invite, onState) {
  stop();
  current = await api.post("auth/login-attempts", invite ? { invite } : {});
  if (current.qr_content) follow(onState);
  return current;
}

export function redeem(code) {
  return api.post(`${address()}/code`, { code });
}

function stop() {
  source?.close();
  source = null;
  clearTimeout(timer);
}

function follow(onState) {
  const followed = current.id;
  source = new EventSource(`/api/v1/${address()}/events`);
  source.addEventListener("state", (event) => {
    const { state } = JSON.parse(event.data);
    if (!MOVING.includes(state)) stop();
    onState(state);
  });
  source.addEventListener("error", () => {
    if (current?.id !== followed) return;
    stop();
    ask(followed, onState);
  });
}

async function ask(followed, onState) {
  let state = "waiting";
  try {
    state = await look();
  } catch (error) {
    if (error.code === "login_attempt_not_found") state = "expired";
    else if (error.status && error.status !== 429 && error.status < 500) throw error;
  }
  if (current?.id !== followed) return;
  onState(state);
  if (MOVING.includes(state)) timer = setTimeout(() => ask(followed, onState), ASK_EVERY_MS);
}
