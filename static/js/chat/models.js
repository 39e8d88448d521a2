// Which model is asked; the choice is remembered for new chats.
import { closeSheet } from "../core/dialog.js";
import { count, creditNumber } from "../core/format.js";
import { ofMember } from "../core/storage.js";
import { text } from "../core/texts.js";
import { setHint } from "./composer.js";
import { keepModel, keptModel } from "./kept_question.js";
import { imageMilli, offerSizes, sizeInWords, wireSizes } from "./image_sizes.js";
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

/** {id, name, offer, isFreeDaily, sees, draws} of the chosen model, or null when there is none. */
export function chosenModel() {
  const radio = chosen();
  if (!radio) return null;
  const { name, offer, sees, kind } = radio.dataset;
  return { id: radio.value, name, offer, isFreeDaily: isFree(radio), sees: sees === "true", draws: kind === "image" };
}

/** The name of a model by its id; the id where it is not offered any more. */
export const modelName = (id) => document.querySelector(`input[name="model"][value="${CSS.escape(id)}"]`)?.dataset.name ?? id;

/** The names of the models that see and can be chosen. */
export const seeingModels = () => [...document.querySelectorAll('input[name="model"][data-sees="true"]:enabled')].map((radio) => radio.dataset.name);

/** What has a price of its own is not in the free allowance, nor are pictures, nor what an own key asks. */
const isFree = (radio) => radio.dataset.free === "true" && radio.dataset.kind !== "image" && !("ownKey" in radio.dataset) && !extraMilli(radio);

/** What an answer of this model costs as it is asked for now, in milli-credits; undefined by the token. */
const flatMilli = ({ dataset }) => (dataset.kind === "image" ? imageMilli() : dataset.priceMilli && Number(dataset.priceMilli));

function priceInWords(radio) {
  const { kind, inputMilli, outputMilli } = radio.dataset;
  const milli = flatMilli(radio);
  if (!milli) return text("hint-tokens", { input: creditNumber(Number(inputMilli)), output: creditNumber(Number(outputMilli)) });
  const key = kind === "image" ? "hint-image" : "hint-price";
  return milli === 1000 ? text(`${key}-one`) : text(key, { n: creditNumber(milli) });
}

/** Beside the box stands what the chosen model offers. */
function offerChoices() {
  offerSwitches(chosen());
  offerSizes(chosen());
}

function show() {
  const radio = chosen();
  if (!radio) return;
  document.getElementById("model-name").textContent = radio.dataset.name;
  showLow();
  if ("ownKey" in radio.dataset) return setHint(text("hint-own"));
  setHint(freeLeft > 0 && isFree(radio) ? text("hint-free", { n: freeLeft }) : priceInWords(radio));
}

/** What is left for the chosen model and what is asked of it, in words, once it is little. */
function littleLeft(radio) {
  const { kind, inputMilli, outputMilli, ownKey } = radio.dataset;
  const priceMilli = flatMilli(radio);
  if (ownKey !== undefined) return "";
  const extra = extraMilli(radio);
  if (!priceMilli) {
    const { questionTokens, leastTokens } = low.dataset;
    const tokens = Math.floor(((quota - extra) * 1000 - questionTokens * inputMilli) / outputMilli);
    if (tokens >= FEW_TOKENS) return "";
    return tokens < leastTokens ? text("low-none") : text("low-tokens", { n: count(tokens) });
  }
  const answers = (isFree(radio) ? freeLeft : 0) + Math.floor(quota / (priceMilli + extra));
  if (answers >= FEW_ANSWERS) return "";
  const key = kind === "image" ? "low-image" : "low";
  return answers ? text(answers === 1 ? `${key}-one` : `${key}-some`, { n: answers }) : text(`${key}-none`);
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
  offerChoices();
  show();
  if (!radio) return null;
  if (radio.dataset.kind === "image") return `${priceInWords(radio)} (${sizeInWords()})`;
  const price = radio.closest(".model-option").querySelector("[data-part=price]").textContent.trim();
  const extra = extraMilli(radio);
  return extra ? `${price} ${text("switch-price", { n: creditNumber(extra) })}` : price;
}

/** Begins with the model that the question in the box is for, if one was chosen for it. */
export function wireModels({ isNewChat }) {
  const remembered = keptModel() || (isNewChat && ofMember.get(REMEMBERED));
  const radio = remembered && document.querySelector(`input[name="model"][value="${CSS.escape(remembered)}"]:not(:disabled)`);
  if (radio) radio.checked = true;
  offerChoices();
  wireSwitches(show);
  wireSizes(show);
  document.getElementById("model-sheet").addEventListener("change", () => {
    offerChoices();
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
