// A prompt in the box: it takes the place of a draft only with a way back, and what stands in double braces is marked to
// be filled in, one after the other. Nothing is sent.
import { isComposing } from "../core/dom.js";
import { currentText, setText } from "./composer.js";

const input = document.getElementById("composer-input");
const wayBack = document.getElementById("draft-kept");
const BLANK = /\{\{[^{}\n]{1,80}\}\}/g;

let placed = "";
let draft = "";

const blanks = () => [...input.value.matchAll(BLANK)].map((found) => ({ from: found.index, to: found.index + found[0].length }));

function mark(blank) {
  if (blank) input.setSelectionRange(blank.from, blank.to);
  return Boolean(blank);
}

/** Puts a prompt's text into the box, with the focus; `before` is what was in it, where that is somebody's draft. */
export function usePrompt(words, before = currentText()) {
  // A prompt that was chosen and not touched is nobody's draft: another one takes its place.
  if (before !== placed) draft = before.trim() ? before : "";
  wayBack.hidden = !draft;
  placed = words;
  setText(words);
  input.focus({ preventScroll: true });
  if (!mark(blanks()[0])) input.setSelectionRange(words.length, words.length);
  input.scrollTop = 0;
}

export function wirePromptText() {
  wayBack.querySelector("button").addEventListener("click", () => {
    const back = draft;
    const instead = currentText() === placed ? "" : currentText();
    usePrompt(back, instead);
    placed = "";
  });
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
