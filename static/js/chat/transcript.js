// The messages: adding them, filling a running answer block by block, saying in words how it ended, scrolling.
import { element } from "../core/dom.js";
import { creditText } from "../core/format.js";
import { text } from "../core/texts.js";

const box = document.getElementById("transcript");
const latestButton = document.getElementById("to-latest");
const NEAR_END_PX = 48;

const log = () => document.getElementById("log");
const part = (message, name) => message.querySelector(`[data-part="${name}"]`);
const clone = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

// Scrolling: the view follows new text until the reader scrolls up, and again once the end is reached.
let follows = true;

function noticeScroll() {
  follows = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
  latestButton.hidden = follows;
}

export function scrollToEnd() {
  follows = true;
  latestButton.hidden = true;
  box.scrollTop = box.scrollHeight;
}

export function keepUp() {
  if (follows) box.scrollTop = box.scrollHeight;
  else latestButton.hidden = false;
}

export function addQuestion(content) {
  document.getElementById("chat-start")?.remove();
  const message = clone("question-template");
  part(message, "body").textContent = content;
  log().append(message);
  return message;
}

export function addAnswer(modelName) {
  const message = clone("answer-template");
  part(message, "model").textContent = modelName;
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

function costOf({ paidBy, chargedMilli, state }, hasText) {
  if (state === "failed" || !hasText) return text("cost-none");
  return paidBy === "free" ? text("cost-free") : creditText(Number(chargedMilli));
}

function noteOf({ state, error, finish }) {
  if (state === "stopped") return text("note-stopped");
  if (state === "interrupted") return text("note-interrupted");
  if (state === "failed") {
    const key = `error-${error}`;
    const special = text(key);
    return special === key ? text("note-failed") : special;
  }
  if (finish === "length") return text("note-length");
  if (finish === "content_filter" || finish === "sensitive") return text("note-filtered");
  return "";
}

/** Writes what the data attributes of an answer say. */
export function describe(message) {
  const hasText = part(message, "body").children.length > 0;
  const running = isRunning(message);
  part(message, "thinking").hidden = !running || hasText;
  part(message, "foot").hidden = running;
  if (running) return;
  part(message, "cost").textContent = costOf(message.dataset, hasText);
  const note = part(message, "note");
  const words = noteOf(message.dataset);
  note.hidden = !words;
  note.classList.toggle("message__note--bad", message.dataset.state === "failed");
  note.classList.toggle("message__note--warn", message.dataset.state === "interrupted");
  note.replaceChildren(words);
  if (["interrupted", "failed"].includes(message.dataset.state)) {
    note.append(element("button", { class: "text-button", type: "button", "data-regenerate": true }, text("retry")));
  }
}

/** The text of an answer as it is read, for the clipboard. */
export const answerText = (message) => part(message, "body").innerText.trim();

/** Takes the messages of a freshly fetched page instead of ours. */
export function replaceWith(page) {
  const fresh = page.getElementById("log");
  if (fresh) log().replaceChildren(...fresh.childNodes);
  describeAll();
  keepUp();
}

function describeAll() {
  for (const message of log().querySelectorAll(".message--answer")) describe(message);
  addCodeButtons(log());
}

export function wireTranscript() {
  describeAll();
  const found = location.hash.startsWith("#m-") && document.getElementById(location.hash.slice(1));
  if (found) found.scrollIntoView({ block: "center" });
  else scrollToEnd();
  box.addEventListener("scroll", noticeScroll, { passive: true });
  latestButton.addEventListener("click", scrollToEnd);
  // A keyboard that opens, or a turned phone, must not hide the end.
  new ResizeObserver(keepUp).observe(box);
}
