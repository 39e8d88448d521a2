// The box to write in: Enter sends, drafts survive, an input method's Enter does not send, Send becomes Stop.
import { text } from "../core/texts.js";

const form = document.getElementById("composer");
const input = document.getElementById("composer-input");
const button = document.getElementById("composer-send");
const hint = document.getElementById("composer-hint");
const chat = document.getElementById("chat");

const maxChars = Number(chat.dataset.maxChars);
const SAVE_AFTER_MS = 200;

let composing = false;
let mode = "send";
let idleHint = "";
let saveTimer = 0;

const draftKey = () => `chat:draft:${chat.dataset.conversation || "new"}`;

// Storage may be full or forbidden (private windows); a draft is then only in the box.
function store(value) {
  try {
    if (value) localStorage.setItem(draftKey(), value);
    else localStorage.removeItem(draftKey());
  } catch { /* see above */ }
}

function stored() {
  try {
    return localStorage.getItem(draftKey()) ?? "";
  } catch {
    return "";
  }
}

function fit() {
  if (CSS.supports("field-sizing", "content")) return;
  input.style.setProperty("height", "auto");
  input.style.setProperty("height", `${input.scrollHeight}px`);
}

function refresh() {
  // Characters as the server counts them: code points. Only counted when it can matter.
  const length = input.value.length > maxChars / 2 ? [...input.value].length : input.value.length;
  const surplus = length - maxChars;
  hint.dataset.state = surplus > 0 ? "over" : "";
  hint.textContent = surplus > 0 ? text("hint-over", { n: surplus }) : idleHint;
  button.disabled = mode === "send" && (surplus > 0 || !input.value.trim());
  button.dataset.mode = mode;
  button.setAttribute("aria-label", text(mode));
}

function edited() {
  fit();
  refresh();
  clearTimeout(saveTimer);
  saveTimer = setTimeout(() => store(input.value), SAVE_AFTER_MS);
}

export const currentText = () => input.value;

export function setText(value) {
  input.value = value;
  clearTimeout(saveTimer);
  store(value);
  fit();
  refresh();
}

/** "send" or "stop". */
export function setMode(value) {
  mode = value;
  refresh();
}

export function setHint(value) {
  idleHint = value;
  refresh();
}

export const focusInput = () => input.focus({ preventScroll: true });

/** Calls `send` or `stop`, as the button says; Enter sends only while nothing is being written. */
export function wireComposer({ send, stop }) {
  const act = () => {
    if (mode === "stop") stop();
    else if (!button.disabled) send();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
  input.addEventListener("compositionstart", () => { composing = true; });
  input.addEventListener("compositionend", () => {
    // Safari ends the composition before the keydown of the Enter that did it.
    setTimeout(() => { composing = false; });
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || composing) return;
    event.preventDefault();
    if (mode === "send" && !button.disabled) send();
  });
  input.addEventListener("input", edited);
  addEventListener("pagehide", () => store(input.value));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && mode === "stop" && !document.querySelector("dialog[open], details.menu[open]")) stop();
  });
  input.value = stored();
  fit();
  refresh();
  if (matchMedia("(hover: hover)").matches) focusInput();
}
