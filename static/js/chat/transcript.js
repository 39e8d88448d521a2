// The messages: adding them, filling a running answer block by block, saying in words how it ended, scrolling.
import { api } from "../core/api.js";
import { element } from "../core/dom.js";
import { count, creditText } from "../core/format.js";
import { text } from "../core/texts.js";

const box = document.getElementById("transcript");
const latestButton = document.getElementById("to-latest");
const NEAR_END_PX = 48;

const log = () => document.getElementById("log");
const part = (message, name) => message.querySelector(`[data-part="${name}"]`);
const clone = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

// Scrolling: the view follows new text until the reader scrolls up, and again once the end is reached.
let follows = true;

// An empty chat has no newest words: what it offers is read from the top.
const isEmpty = () => document.getElementById("chat-start") !== null;

function noticeScroll() {
  follows = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
  latestButton.hidden = follows || isEmpty();
}

export function scrollToEnd() {
  follows = true;
  latestButton.hidden = true;
  box.scrollTop = box.scrollHeight;
}

export function keepUp() {
  if (isEmpty()) return;
  if (follows) box.scrollTop = box.scrollHeight;
  else latestButton.hidden = false;
}

export function addQuestion(content) {
  document.getElementById("chat-start")?.remove();
  const message = clone("question-template");
  if (content) part(message, "body").textContent = content;
  else for (const node of message.querySelectorAll("[data-part=body], [data-keep-prompt]")) node.remove();
  log().append(message);
  return message;
}

/** Gives a message that was added here the names that it has on the server. */
export function identify(message, id) {
  message.id = `m-${id}`;
  message.dataset.message = id;
}

export function nameModel(message, name) {
  part(message, "model").textContent = name;
}

export function addAnswer({ name, draws }) {
  const message = clone("answer-template");
  nameModel(message, name);
  if (draws) message.dataset.kind = "image";
  log().append(message);
  describe(message);
  return message;
}

/** Replaces the blocks from `from` on by `html`, one element each; the server has cleaned them. */
export function showBlocks(message, { from, html }) {
  const body = part(message, "body");
  while (body.children.length > from) body.lastElementChild.remove();
  for (const block of html) {
    const parsed = document.createElement("template");
    parsed.innerHTML = block;
    body.append(parsed.content.firstElementChild ?? element("p"));
  }
  addCodeButtons(body);
  describe(message);
  keepUp();
}

function addCodeButtons(root) {
  for (const head of root.querySelectorAll(".code-block__head:not(:has(button))")) {
    head.append(element("button", { type: "button", "data-copy-code": true }, text("copy-code")));
  }
}

const isRunning = (message) => ["queued", "running"].includes(message.dataset.state);

/** The answer that is being written, if any. */
export const runningAnswer = () => [...log().querySelectorAll(".message--answer")].find(isRunning) ?? null;

/** Whether an answer is a picture, or is to be one. */
export const isDrawn = (message) => message.dataset.kind === "image";

// By message: when it was asked for, by this page's clock.
const askedAt = new WeakMap();

/** In what state a picture is, and since how many seconds it was asked for: nobody tells how much is left. */
function showDrawing(message) {
  if (!askedAt.has(message)) askedAt.set(message, performance.now() - 1000 * Number(message.dataset.waited ?? 0));
  const n = Math.floor((performance.now() - askedAt.get(message)) / 1000);
  part(message, "thinking").textContent = text(message.dataset.state === "queued" ? "drawing-queued" : "drawing", { n });
}

/** How what was to be a picture ended, if not as wanted. */
function noteOfDrawn({ state, error, delivered }) {
  if (["queued", "running"].includes(state)) return "";
  if (delivered === "yes") return { finished: "", stopped: text("note-stopped") }[state] ?? text("note-drawn-cut");
  if (state === "stopped") return text("note-drawn-stopped");
  const key = `error-${error}`;
  return text(key) === key ? text("note-drawn-none") : text(key);
}

function costOf({ paidBy, chargedMilli, delivered }) {
  if (delivered !== "yes") return text("cost-none");
  if (paidBy === "own_key") return text("cost-own");
  return paidBy === "free" ? text("cost-free") : creditText(Number(chargedMilli));
}

function noteOf({ state, error, finish, delivered, shortened }, hasText) {
  if (["queued", "running"].includes(state)) return shortened ? text("note-shortened", { n: count(Number(shortened)) }) : "";
  if (state === "stopped") return text("note-stopped");
  if (hasText && ["interrupted", "failed"].includes(state)) return text("note-interrupted");
  if (state !== "finished" && delivered === "yes") return text("note-thoughts");
  if (state === "interrupted") return text("note-nothing");
  if (state === "failed") {
    const key = `error-${error}`;
    const special = text(key);
    return special === key ? text("note-failed") : special;
  }
  if (finish === "length" && shortened) return text("note-cut-short", { n: count(Number(shortened)) });
  if (finish === "length") return text("note-length");
  if (error === "answer_filtered") return text("note-cut");
  if (finish === "content_filter" || finish === "sensitive") return text("note-filtered");
  return "";
}

/** Writes what the data attributes of an answer say. */
export function describe(message) {
  const hasText = part(message, "body").children.length > 0;
  const running = isRunning(message);
  part(message, "thinking").hidden = !running || hasText;
  if (running && isDrawn(message)) showDrawing(message);
  part(message, "foot").hidden = running;
  part(message, "thoughts").hidden = running || message.dataset.thoughts !== "yes";
  const note = part(message, "note");
  const words = isDrawn(message) ? noteOfDrawn(message.dataset) : noteOf(message.dataset, hasText);
  note.hidden = !words;
  if (!running) part(message, "cost").textContent = costOf(message.dataset);
  note.classList.toggle("message__note--bad", message.dataset.state === "failed");
  note.classList.toggle("message__note--warn", message.dataset.state === "interrupted");
  note.replaceChildren(words);
  if (["interrupted", "failed"].includes(message.dataset.state)) {
    note.append(element("button", { class: "text-button", type: "button", "data-regenerate": true }, text("retry")));
  }
}

/** What the model thought is fetched when somebody wants to see it. */
async function showThoughts({ target: thoughts }) {
  const place = thoughts.querySelector?.('[data-part="thought"]');
  if (!place || !thoughts.open || place.textContent) return;
  const { message } = thoughts.closest(".message").dataset;
  place.textContent = (await api.get(`chat/messages/${message}`)).reasoning;
}

/** A promise of an answer's text as the model wrote it: what is shown has lost fractions, stars and fences. */
export const writtenText = async (message) => (await api.get(`chat/messages/${message.dataset.message}`)).content;

/** Takes the messages of a freshly fetched page instead of ours. */
export function replaceWith(page) {
  const fresh = page.getElementById("log");
  const giveFocusBack = keepPlace();
  if (fresh) log().replaceChildren(...fresh.childNodes);
  describeAll();
  keepUp();
  giveFocusBack();
}

const nameOf = (control) => control.ariaLabel ?? control.textContent;

/** The focus in the talk: it goes back to the same button of the message that stands there then, or to that message. */
function keepPlace() {
  const { activeElement: focused } = document;
  const place = [...log().children].indexOf(focused.closest(".message"));
  if (place < 0) return () => {};
  return () => {
    const message = log().children[place] ?? log().lastElementChild ?? box;
    const isSame = (button) => nameOf(button) === nameOf(focused) && !button.disabled && button.checkVisibility();
    const next = [...message.querySelectorAll("button")].find(isSame) ?? message;
    if (next === message) message.tabIndex = -1;
    next.focus({ preventScroll: true });
  };
}

function describeAll() {
  for (const message of log().querySelectorAll(".message--answer")) describe(message);
  addCodeButtons(log());
}

export function wireTranscript() {
  describeAll();
  const found = location.hash.startsWith("#m-") && document.getElementById(location.hash.slice(1));
  if (found) found.scrollIntoView({ block: "center" });
  else if (!isEmpty()) scrollToEnd();
  box.addEventListener("scroll", noticeScroll, { passive: true });
  latestButton.addEventListener("click", scrollToEnd);
  // This event does not bubble.
  box.addEventListener("toggle", showThoughts, true);
  // A keyboard that opens, or a turned phone, must not hide the end.
  new ResizeObserver(keepUp).observe(box);
  setInterval(() => {
    const message = runningAnswer();
    if (message && isDrawn(message)) showDrawing(message);
  }, 1000);
}
