// The box to write in: Enter sends, drafts survive, an input method's Enter does not send, Send becomes Stop.
import { isSheetOpen } from "../core/dialog.js";
import { disable, isComposing } from "../core/dom.js";
import { text } from "../core/texts.js";
import { keepWords, keptWords } from "./kept_question.js";

const form = document.getElementById("composer");
const input = document.getElementById("composer-input");
const button = document.getElementById("composer-send");
const hint = document.getElementById("composer-hint");

const maxChars = Number(document.getElementById("chat").dataset.maxChars);
const SAVE_AFTER_MS = 200;

let mode = "send";
let idleHint = "";
let saveTimer = 0;
let pictures = { count: 0, isReady: true };

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
  const isEmpty = !input.value.trim() && !pictures.count;
  const isIdle = mode === "send" && (surplus > 0 || isEmpty || !pictures.isReady);
  // Who sent with a key goes on writing; after a tap the keyboard on the screen stays where it is.
  if (isIdle && button.matches(":focus-visible")) disable(button, input);
  else button.disabled = isIdle;
  button.dataset.mode = mode;
  button.setAttribute("aria-label", text(mode));
}

function edited() {
  fit();
  refresh();
  clearTimeout(saveTimer);
  saveTimer = setTimeout(() => keepWords(input.value), SAVE_AFTER_MS);
}

export const currentText = () => input.value;

export function setText(value) {
  input.value = value;
  clearTimeout(saveTimer);
  keepWords(value);
  fit();
  refresh();
}

/** How many pictures the question has, and whether all of them have arrived. */
export function setPictures(value) {
  pictures = value;
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
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    if (mode === "send" && !button.disabled) send();
  });
  input.addEventListener("input", edited);
  addEventListener("pagehide", () => keepWords(input.value));
  // On the window, so after whoever else takes it: a menu, the drawer. In the search box it clears what was sought.
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || mode !== "stop" || isComposing(event) || event.defaultPrevented) return;
    if (!event.target.closest?.(".sidebar") && !isSheetOpen()) stop();
  });
  // What was typed before this script came is newer than what was kept; and an input method may be in the middle of it.
  if (input.value) keepWords(input.value);
  else input.value = keptWords();
  fit();
  refresh();
  if (matchMedia("(hover: hover)").matches) focusInput();
}
