// Follows one answer by server-sent events: what this page missed is sent again, however long the connection was gone.
import { followEvents } from "../core/event_stream.js";
import { describe, keepUp, showBlocks } from "./transcript.js";

/** Fills `message` until its answer ends, then calls `ended`; `refused(error)` if it may not be read (any more). */
export function follow(message, { ended, refused }) {
  const stop = followEvents(`/api/v1/chat/generations/${message.dataset.generation}/events?view=html`, { take, refused });

  function take(name, data) {
    if (name === "blocks") showBlocks(message, data);
    // A settled state is shown by "done", together with its price.
    else if (name === "status" && data.state === "running") {
      message.dataset.state = data.state;
      describe(message);
    }
    else if (name === "usage") {
      message.dataset.paidBy = data.paid_by;
      message.dataset.chargedMilli = data.charged_milli;
      message.dataset.thoughts = data.has_thoughts ? "yes" : "";
      message.dataset.delivered = data.is_delivered ? "yes" : "no";
    } else if (name === "error") message.dataset.error = data.code;
    else if (name === "done") {
      stop();
      message.dataset.state = data.state;
      message.dataset.finish = data.finish_reason;
      describe(message);
      keepUp(); // its foot has come into view
      ended(message);
    }
  }

  return stop;
}
