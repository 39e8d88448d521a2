// Following server-sent events for ever. Not by EventSource: that one gives up at the first 502, cannot tell a refusal
// from a broken line, and waits for ever on a connection that died while the phone slept.
import { refusalOf } from "./api.js";
import { isPassing, pauseAfter } from "./retrying.js";
import { onReturn, showLost } from "./way_back.js";

// The server answers at once, and then says something every ten seconds, if only a comment. After a sleep the browser
// may try several connections that died in it: the first of them are given little time.
const FIRST_WORD_MS = 4_000;
const SILENCE_MS = 25_000;
const FRESH_MS = 12_000;
const AGAIN_MS = 1_000;

/** Takes text in pieces of any size, calls `take(name, data, id)` for each whole event; lines end at CR, LF or CRLF. */
function eventReader(take) {
  let rest = "";
  let event = {};

  function line(words) {
    if (words === "") {
      if ("data" in event) take(event.event || "message", event.data, event.id);
      event = {};
      return;
    }
    const [, name, value] = /^([^:]*)(?:: ?([^]*))?$/.exec(words);
    if (name === "data" && "data" in event) event.data += `\n${value ?? ""}`;
    else if (name) event[name] = value ?? "";
  }

  return (piece) => {
    // A CR at the very end may be the first half of a CRLF.
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    lines.forEach(line);
  };
}

/**
 * Calls `take(name, data)` for each event of `address`, reconnecting from the last id whenever the line breaks,
 * is silent, or may have died while nobody looked. A refusal ends it and goes to `refused(error)`; `broken()` hears of
 * each connection that failed. Returns a function that stops it.
 */
export function followEvents(address, { take, refused = () => {}, broken = () => {} }) {
  let current = null;
  let lastId = "";
  let failures = 0;
  let heardAt = 0;
  let timer = 0;
  let silence = 0;

  function stop() {
    clearTimeout(timer);
    clearTimeout(silence);
    current?.abort();
    current = null;
    forgetReturn();
    removeEventListener("pagehide", rest);
    showLost(take, false);
  }

  function rest() {
    clearTimeout(timer);
    clearTimeout(silence);
    current?.abort();
    current = null;
    heardAt = 0;
  }

  function patience(connection, ms) {
    clearTimeout(silence);
    silence = setTimeout(() => connection.abort(), ms);
  }

  function tell(name, data) {
    try {
      take(name, JSON.parse(data));
    } catch (error) {
      reportError(error); // a fault of ours, not of the line
    }
  }

  async function read(connection) {
    const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
    const response = await fetch(address, { headers, signal: connection.signal, credentials: "same-origin" });
    if (!response.ok) throw await refusalOf(response);
    const feed = eventReader((name, data, id) => {
      lastId = id ?? lastId;
      if (current === connection) tell(name, data);
    });
    const decoder = new TextDecoder();
    const pieces = response.body.getReader();
    for (let piece = await pieces.read(); !piece.done && current === connection; piece = await pieces.read()) {
      heardAt = Date.now();
      patience(connection, SILENCE_MS);
      failures = 0;
      showLost(take, false);
      feed(decoder.decode(piece.value, { stream: true }));
    }
  }

  async function connect() {
    rest();
    const connection = new AbortController();
    current = connection;
    patience(connection, Math.min(FIRST_WORD_MS * 2 ** failures, SILENCE_MS));
    let pause = AGAIN_MS;
    try {
      await read(connection);
      if (current !== connection) return;
    } catch (error) {
      if (current !== connection) return;
      if (error.status && !isPassing(error)) return stop(), refused(error);
      failures += 1;
      pause = connection.signal.aborted ? AGAIN_MS : pauseAfter(failures, error);
      showLost(take, true);
      broken();
      if (current !== connection) return;
    }
    heardAt = 0;
    clearTimeout(silence);
    timer = setTimeout(connect, pause);
  }

  const forgetReturn = onReturn(() => {
    // Our clock stands still in some sleeps; the wall's does not.
    if (Math.abs(Date.now() - heardAt) > FRESH_MS) connect();
  });
  addEventListener("pagehide", rest);
  connect();
  return stop;
}
