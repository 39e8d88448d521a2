// Prompts to begin with: cards of an empty chat, and a menu that "/" opens in an empty box and what follows filters.
import { api } from "../core/api.js";
import { disable, element, isComposing } from "../core/dom.js";
import { Intentions } from "../core/intentions.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";
import { usePrompt, wirePromptText } from "./prompt_text.js";

const form = document.getElementById("composer");
const input = document.getElementById("composer-input");
const menu = document.getElementById("prompt-menu");
const status = document.getElementById("prompt-status");
// What the key of the slash writes, whatever the input method makes of it.
const SLASH = /^[/／、]$/;
// Who types on must not wait for a menu: after this it shows what has come.
const PATIENCE_MS = 3_000;
const kept = new Intentions();

// A promise of what there is to choose from, since "/" was all that there was; null while nobody asks. Each opening asks
// anew: the server knows whether it is still the member of this page who sits here.
let opening = null;
let shown = [];
let active = 0;

/** What there is to choose from: what is refused, or does not come in time, is left out, and said once. */
async function load() {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  const paths = ["chat/prompts", "chat/starters"];
  const [own, starters] = await Promise.all(paths.map((path) => api.get(path, { signal: patience.signal }).catch(() => null)));
  clearTimeout(timer);
  if (opening && !(own && starters)) toast(text("prompts-missing"));
  return [...(own || []).map((prompt) => ({ ...prompt, category: text("prompt-own") })), ...(starters || [])];
}

/** Those whose title or category has these words, titles that begin with them first. */
function matching(prompts, words) {
  const wanted = words.trim().toLowerCase();
  const titled = (prompt) => prompt.title.toLowerCase();
  const found = prompts.filter((prompt) => `${titled(prompt)} ${prompt.category.toLowerCase()}`.includes(wanted));
  const begins = (prompt) => titled(prompt).startsWith(wanted);
  return [...found.filter(begins), ...found.filter((prompt) => !begins(prompt))];
}

function close() {
  menu.hidden = true;
  menu.replaceChildren();
  shown = [];
  for (const name of ["role", "aria-expanded", "aria-controls", "aria-autocomplete", "aria-activedescendant"]) input.removeAttribute(name);
}

function activate(index) {
  active = (index + shown.length) % shown.length;
  for (const [at, option] of [...menu.children].entries()) option.setAttribute("aria-selected", String(at === active));
  input.setAttribute("aria-activedescendant", menu.children[active].id);
  menu.children[active].scrollIntoView({ block: "nearest" });
}

function show(prompts) {
  shown = prompts;
  menu.replaceChildren(
    ...prompts.map((prompt, index) =>
      element(
        "li",
        { class: "prompt-menu__item", role: "option", id: `prompt-option-${index}`, "aria-selected": "false" },
        element("span", { class: "prompt-menu__title" }, prompt.title),
        element("span", { class: "prompt-menu__category" }, prompt.category),
        element("span", { class: "prompt-menu__text" }, prompt.text.slice(0, 200)),
      ),
    ),
  );
  menu.hidden = false;
  for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "true", "aria-controls": menu.id, "aria-autocomplete": "list" })) {
    input.setAttribute(name, value);
  }
  activate(0);
  status.textContent = text("prompts-found", { n: prompts.length });
}

function dismiss() {
  opening = null;
  close();
}

async function look() {
  if (SLASH.test(input.value)) opening = opening || load();
  else if (!SLASH.test(input.value.charAt(0)) || input.value.includes("\n")) opening = null;
  if (!opening) return close();
  const [asked, words] = [opening, input.value];
  const prompts = await asked;
  if (opening !== asked || input.value !== words) return;
  const found = matching(prompts, words.slice(1));
  if (found.length) show(found);
  else close();
}

function choose(index) {
  const { text: words } = shown[index];
  dismiss();
  usePrompt(words, "");
}

/** Does what a key means to the menu; false where it means nothing to it. */
function obey(key) {
  if (key === "ArrowDown") activate(active + 1);
  else if (key === "ArrowUp") activate(active - 1);
  else if (key === "Enter") choose(active);
  else if (key === "Escape") dismiss();
  else return false;
  return true;
}

function wireMenu() {
  input.addEventListener("input", (event) => {
    if (!event.isComposing) look();
  });
  input.addEventListener("compositionend", look);
  // Whatever was asked for, it was sent or taken out since.
  input.addEventListener("beforeinput", () => {
    if (!input.value) dismiss();
  });
  // Before the box itself hears of it, to which Enter means to send and Escape to stop: as it does while no menu is shown.
  form.addEventListener("keydown", (event) => {
    if (event.target !== input || menu.hidden || isComposing(event)) return;
    if (event.key === "Tab") return dismiss();
    if (event.shiftKey || !obey(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  // The box keeps the focus, and on a phone its keyboard.
  menu.addEventListener("mousedown", (event) => event.preventDefault());
  menu.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) choose([...menu.children].indexOf(option));
  });
  input.addEventListener("blur", dismiss);
}

/** Keeps a question as a prompt of the member's own; the click after a lost answer keeps the same one. */
async function keep(button) {
  const words = button.closest(".message").querySelector('[data-part="body"]').textContent;
  button.setAttribute("aria-busy", "true");
  try {
    await kept.carryOut(words, ({ key }) => api.post("chat/prompts", { text: words, client_id: key }));
    disable(button, input);
    toast(text("prompt-kept"), "ok");
  } catch (error) {
    toast(error.code === "validation_failed" ? text("prompt-too-long") : error.message, "bad");
  }
  button.removeAttribute("aria-busy");
}

export function wirePrompts() {
  wirePromptText();
  wireMenu();
  document.getElementById("chat").addEventListener("click", (event) => {
    const button = event.target.closest("[data-prompt], [data-keep-prompt]");
    if (!button) return;
    if ("prompt" in button.dataset) usePrompt(button.dataset.prompt);
    else keep(button);
  });
}
