// Which model is asked; the choice is remembered for new chats.
import { closeSheet } from "../core/dialog.js";
import { count, creditNumber } from "../core/format.js";
import { ofMember } from "../core/storage.js";
import { text } from "../core/texts.js";
import { setHint } from "./composer.js";
import { keepModel, keptModel } from "./kept_question.js";
import { extraMilli, offerSwitches, wireSwitches } from "./switches.js";

const REMEMBERED = "model";
const chosen = () => document.querySelector('input[name="model"]:checked');

// A note tells of what is left when it is less than so many answers, or so many tokens written by the token.
const FEW_ANSWERS = 3;
const FEW_TOKENS = 3000;

const low = document.getElementById("low-quota");
let freeLeft = 0;
// Milli-credits; unknown at first.
let quota = null;

/** {id, name, offer, isFreeDaily, sees} of the chosen model, or null when there is none. */
export function chosenModel() {
  const radio = chosen();
  if (!radio) return null;
  const { name, offer, sees } = radio.dataset;
  return { id: radio.value, name, offer, isFreeDaily: isFree(radio), sees: sees === "true" };
}

/** The name of a model by its id; the id where it is not offered any more. */
export const modelName = (id) => document.querySelector(`input[name="model"][value="${CSS.escape(id)}"]`)?.dataset.name ?? id;

/** The names of the models that see and can be chosen. */
export const seeingModels = () => [...document.querySelectorAll('input[name="model"][data-sees="true"]:enabled')].map((radio) => radio.dataset.name);

/** What has a price of its own is not in the free allowance, nor is what an own key asks. */
const isFree = (radio) => radio.dataset.free === "true" && !("ownKey" in radio.dataset) && !extraMilli(radio);

function show() {
  const radio = chosen();
  if (!radio) return;
  document.getElementById("model-name").textContent = radio.dataset.name;
  const { priceMilli, inputMilli, outputMilli } = radio.dataset;
  const flat = priceMilli === "1000" ? text("hint-price-one") : text("hint-price", { n: creditNumber(Number(priceMilli)) });
  const price = priceMilli
    ? flat
    : text("hint-tokens", { input: creditNumber(Number(inputMilli)), output: creditNumber(Number(outputMilli)) });
  showLow();
  if ("ownKey" in radio.dataset) return setHint(text("hint-own"));
  setHint(freeLeft > 0 && isFree(radio) ? text("hint-free", { n: freeLeft }) : price);
}

/** What is left for the chosen model and what is asked of it, in words, once it is little. */
function littleLeft(radio) {
  const { priceMilli, inputMilli, outputMilli, ownKey } = radio.dataset;
  if (ownKey !== undefined) return "";
  const extra = extraMilli(radio);
  if (!priceMilli) {
    const { questionTokens, leastTokens } = low.dataset;
    const tokens = Math.floor(((quota - extra) * 1000 - questionTokens * inputMilli) / outputMilli);
    if (tokens >= FEW_TOKENS) return "";
    return tokens < leastTokens ? text("low-none") : text("low-tokens", { n: count(tokens) });
  }
  const answers = (isFree(radio) ? freeLeft : 0) + Math.floor(quota / (Number(priceMilli) + extra));
  if (answers >= FEW_ANSWERS) return "";
  return answers ? text(answers === 1 ? "low-one" : "low-some", { n: answers }) : text("low-none");
}

function showLow() {
  const words = quota === null || !chosen() ? "" : littleLeft(chosen());
  low.hidden = !words;
  const line = low.querySelector("span");
  if (line.textContent !== words) line.textContent = words;
}

/** Takes the models and their prices as a page has them now; what the chosen one asks, or null if it is gone. */
export function renewModels(page) {
  const { id } = chosenModel() ?? {};
  document.querySelector(".model-list").replaceWith(page.querySelector(".model-list"));
  const radio = document.querySelector(`input[name="model"][value="${CSS.escape(id ?? "")}"]:not(:disabled)`);
  if (radio) radio.checked = true;
  offerSwitches(chosen());
  show();
  if (!radio) return null;
  const price = radio.closest(".model-option").querySelector("[data-part=price]").textContent.trim();
  const extra = extraMilli(radio);
  return extra ? `${price} ${text("switch-price", { n: creditNumber(extra) })}` : price;
}

/** Begins with the model that the question in the box is for, if one was chosen for it. */
export function wireModels({ isNewChat }) {
  const remembered = keptModel() || (isNewChat && ofMember.get(REMEMBERED));
  const radio = remembered && document.querySelector(`input[name="model"][value="${CSS.escape(remembered)}"]:not(:disabled)`);
  if (radio) radio.checked = true;
  offerSwitches(chosen());
  wireSwitches(show);
  document.getElementById("model-sheet").addEventListener("change", () => {
    offerSwitches(chosen());
    show();
    ofMember.set(REMEMBERED, chosen().value);
    keepModel(chosen().value);
  });
  document.getElementById("model-sheet").addEventListener("click", (event) => {
    if (event.target.matches('input[name="model"]') && event.detail > 0) closeSheet("model-sheet");
  });
  document.addEventListener("balances:read", ({ detail }) => {
    freeLeft = detail.free_left ?? 0;
    quota = detail.quota_milli ?? null;
    show();
  });
  show();
}
