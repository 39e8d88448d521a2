// A prompt in the box: what the member wrote before gives way to it and is kept until it is brought back, and what stands
// in double braces is marked to be filled in, one after the other. Nothing is sent.
import { isComposing } from "../core/dom.js";
import { currentText, setText } from "./composer.js";
import { keepAside, keepPrompt, keptAside, keptPrompt } from "./kept_question.js";

const input = document.getElementById("composer-input");
const wayBack = document.getElementById("draft-kept");
const BLANK = /\{\{[^{}\n]{1,80}\}\}/g;

let placed = ""; // as it came
let drafts = []; // what gave way, oldest first

const blanks = () => [...input.value.matchAll(BLANK)].map((found) => ({ from: found.index, to: found.index + found[0].length }));

function mark(blank) {
  if (blank) input.setSelectionRange(blank.from, blank.to);
  return Boolean(blank);
}

/** Adds what is in the box to what gave way, where somebody wrote it: not a prompt that was chosen and left as it came. */
function setAside(words) {
  if (words.trim() && words !== placed && !drafts.includes(words)) drafts.push(words);
}

function put(words, prompt) {
  placed = prompt;
  keepPrompt(placed);
  keepAside(drafts);
  wayBack.hidden = !drafts.length;
  setText(words);
  input.focus({ preventScroll: true });
  if (!mark(blanks()[0])) input.setSelectionRange(words.length, words.length);
  input.scrollTop = 0;
}

/** Puts a prompt's text into the box, with the focus; `before` is what was in it, where that is somebody's draft. */
export function usePrompt(words, before = currentText()) {
  setAside(before);
  put(words, words);
}

/** The oldest comes first; what it takes the place of comes last, so that all of it can be reached. */
function bringBack() {
  const back = drafts.shift();
  setAside(currentText());
  put(back, "");
}

export function wirePromptText() {
  placed = keptPrompt();
  drafts = keptAside();
  wayBack.hidden = !drafts.length;
  wayBack.querySelector("button").addEventListener("click", bringBack);
  // Forwards only, and past the last one as ever: whoever lives by the keyboard is not held in the box.
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.shiftKey || event.altKey || event.ctrlKey || isComposing(event) || !placed) return;
    if (mark(blanks().find(({ from }) => from >= input.selectionEnd))) event.preventDefault();
  });
  input.addEventListener("click", () => {
    const at = input.selectionStart;
    if (placed && at === input.selectionEnd) mark(blanks().find(({ from, to }) => from < at && at < to));
  });
}
