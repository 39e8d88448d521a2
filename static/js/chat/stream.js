// Follows one answer by server-sent events. The browser reconnects by itself; what it missed is sent again.
import { describe, keepUp, showBlocks } from "./transcript.js";

const banner = document.getElementById("reconnecting");
const RETRY_MS = 2000;
const RETRIES = 30;

/** Fills `message` until its answer ends, then calls `ended`. Returns a function that stops looking. */
export function follow(message, ended) {
  let source = null;
  let failures = 0;
  let timer = 0;

  const close = () => {
    clearTimeout(timer);
    source?.close();
    banner.hidden = true;
  };

  const on = (name, act) => source.addEventListener(name, (event) => act(JSON.parse(event.data)));

  function open() {
    source = new EventSource(`/api/v1/chat/generations/${message.dataset.generation}/events?view=html`);
    source.addEventListener("open", () => {
      banner.hidden = true;
      failures = 0;
    });
    on("blocks", (blocks) => showBlocks(message, blocks));
    on("status", ({ state }) => {
      // A settled state is shown by "done", together with its price.
      if (state === "running") message.dataset.state = state;
    });
    on("usage", (usage) => {
      message.dataset.paidBy = usage.paid_by;
      message.dataset.chargedMilli = usage.charged_milli;
    });
    source.addEventListener("error", (event) => {
      if (event.data) message.dataset.error = JSON.parse(event.data).code; // the server's own "error" event
      else lost();
    });
    on("done", ({ state, finish_reason: finish }) => {
      close();
      message.dataset.state = state;
      message.dataset.finish = finish;
      describe(message);
      keepUp(); // its foot has come into view
      ended(message);
    });
  }

  function lost() {
    banner.hidden = false;
    if (source.readyState !== EventSource.CLOSED) return; // it reconnects by itself
    failures += 1;
    if (failures > RETRIES) {
      close();
      return;
    }
    timer = setTimeout(open, RETRY_MS);
  }

  open();
  return close;
}
