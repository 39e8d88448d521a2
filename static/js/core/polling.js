// Whatever a page asks again and again: until it is answered, and through a lost connection.
import { ApiError } from "./api.js";
import { isPassing, pauseAfter } from "./retrying.js";
import { onReturn, showLost } from "./way_back.js";

/**
 * Asks now, then every `everyMs()` while the page is looked at, at once on return, and for ever while no answer comes.
 * `look(signal)` answers true when nothing is left to ask; a refusal ends it too, and goes to `refused(error)`.
 * Returns {now(), stop()}.
 */
export function keepAsking(look, { everyMs, refused = () => {} }) {
  let current = null;
  let failures = 0;
  let timer = 0;

  function stop() {
    clearTimeout(timer);
    current?.abort();
    current = null;
    forgetReturn();
    showLost(look, false);
  }

  async function ask() {
    clearTimeout(timer);
    current?.abort();
    const asked = new AbortController();
    current = asked;
    let pause = 0;
    try {
      const isOver = await look(asked.signal);
      if (current !== asked) return;
      failures = 0;
      showLost(look, false);
      if (isOver) return stop();
      pause = everyMs();
    } catch (error) {
      if (current !== asked) return;
      if (!(error instanceof ApiError)) throw error;
      if (!isPassing(error)) return stop(), refused(error);
      failures += 1;
      pause = Math.max(everyMs(), pauseAfter(failures, error));
      showLost(look, true);
    }
    plan(pause);
  }

  function plan(pause) {
    timer = setTimeout(() => (document.visibilityState === "visible" ? ask() : plan(pause)), pause);
  }

  const forgetReturn = onReturn(ask);
  ask();
  return { now: ask, stop };
}
