// What happens to a member's chats elsewhere, on another device or in another tab, shows here within half a minute,
// and at once when the page is looked at again.
import { api } from "../core/api.js";
import { keepAsking } from "../core/polling.js";
import { runningIds, setRunning, showAll } from "./sidebar.js";

const ASK_EVERY_MS = 30_000;
// While an answer is being written that this page does not follow.
const ASK_OFTEN_MS = 5_000;
const SIZE = 50;

/**
 * `current()` names the open conversation, `changed(conversation)` hears how the server has it, `gone()` that it is erased.
 * Returns a function that asks at once.
 */
export function watchElsewhere({ current, changed, gone }) {
  async function look(signal) {
    const { results, next } = await api.get(`chat/conversations?size=${SIZE}`, { signal });
    const known = new Map(results.map((each) => [each.id, each]));
    const older = new Set([current(), ...runningIds()].filter((id) => id && !known.has(id)));
    for (const id of older) known.set(id, await ask(id, signal));
    showAll(results, { isWhole: next === null });
    for (const id of older) setRunning(id, Boolean(known.get(id)?.running_generation_id));
    if (!current() || !known.has(current())) return;
    const mine = known.get(current());
    if (mine) changed(mine);
    else gone();
  }

  const isOftenWorthIt = () => runningIds().some((id) => id !== current());
  return keepAsking(look, { everyMs: () => (isOftenWorthIt() ? ASK_OFTEN_MS : ASK_EVERY_MS) }).now;
}

/** One conversation, null when it is erased. */
async function ask(id, signal) {
  try {
    return await api.get(`chat/conversations/${id}`, { signal });
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}
