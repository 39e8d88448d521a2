// What a member means once: however often it is asked for until an answer settles it, it is one request with one key.
import { newKey } from "./api.js";

// Turned away at the door, or asked to wait: the act itself was not looked at.
const AT_THE_DOOR = new Set([401, 403, 408, 425, 429]);

const isLost = ({ status, code }) => status === 0 || status >= 500 || code === "request_in_flight";
const settles = (error) => error.status >= 400 && !isLost(error) && !AT_THE_DOOR.has(error.status);

/** Intentions of one kind, each under a name that a repeated click finds again. */
export class Intentions {
  #open = new Map();

  /** The intention of this name that has no answer yet, if there is one. */
  find(name) {
    return this.#open.get(name);
  }

  /** The open intention of this name, or a new one that holds `details` next to its key. */
  of(name, details = {}) {
    if (!this.#open.has(name)) this.#open.set(name, { ...details, key: newKey(), wasLost: false });
    return this.#open.get(name);
  }

  /** It is known by other means that it was carried out. */
  settle(name) {
    this.#open.delete(name);
  }

  /**
   * Answers what `send(intention)` answers, asking up to `tries` times while answers are lost; after a long silence the
   * member is told instead. What it throws also says `wasLost` (an earlier request may have been carried out) and
   * `isUnsure` (and nothing has settled that yet).
   */
  async carryOut(name, send, { tries = 1 } = {}) {
    const intention = this.of(name);
    try {
      const answer = await send(intention);
      this.settle(name);
      return answer;
    } catch (error) {
      if (isLost(error)) intention.wasLost = true;
      if (error.status === 0 && !error.isSilent && tries > 1) return this.carryOut(name, send, { tries: tries - 1 });
      if (settles(error)) this.settle(name);
      throw Object.assign(error, { wasLost: intention.wasLost, isUnsure: intention.wasLost && !settles(error) });
    }
  }
}
