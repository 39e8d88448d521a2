// Which model is asked; the choice is remembered for new chats.
import { closeSheet } from "../core/dialog.js";
import { creditNumber } from "../core/format.js";
import { ofMember } from "../core/storage.js";
import { text } from "../core/texts.js";
import { setHint } from "./composer.js";
import { keepModel, keptModel } from "./kept_question.js";

const REMEMBERED = "model";
const chosen = () => document.querySelector('input[name="model"]:checked');

let freeLeft = 0;

/** {id, name, isFreeDaily} of the chosen model, or null when there is none. */
export function chosenModel() {
  const radio = chosen();
  return radio && { id: radio.value, name: radio.dataset.name, isFreeDaily: radio.dataset.free === "true" };
}

/** The name of a model by its id; the id where it is not offered any more. */
export const modelName = (id) => document.querySelector(`input[name="model"][value="${CSS.escape(id)}"]`)?.dataset.name ?? id;

function show() {
  const radio = chosen();
  if (!radio) return;
  document.getElementById("model-name").textContent = radio.dataset.name;
  const { priceMilli, inputMilli, outputMilli } = radio.dataset;
  const price = priceMilli
    ? text("hint-price", { n: creditNumber(Number(priceMilli)) })
    : text("hint-tokens", { input: creditNumber(Number(inputMilli)), output: creditNumber(Number(outputMilli)) });
  setHint(freeLeft > 0 && radio.dataset.free === "true" ? text("hint-free", { n: freeLeft }) : price);
}

/** Begins with the model that the question in the box is for, if one was chosen for it. */
export function wireModels({ isNewChat }) {
  const remembered = keptModel() || (isNewChat && ofMember.get(REMEMBERED));
  const radio = remembered && document.querySelector(`input[name="model"][value="${CSS.escape(remembered)}"]:not(:disabled)`);
  if (radio) radio.checked = true;
  document.getElementById("model-sheet").addEventListener("change", () => {
    show();
    ofMember.set(REMEMBERED, chosen().value);
    keepModel(chosen().value);
  });
  document.getElementById("model-sheet").addEventListener("click", (event) => {
    if (event.target.matches('input[name="model"]') && event.detail > 0) closeSheet("model-sheet");
  });
  document.addEventListener("balances:read", ({ detail }) => {
    freeLeft = detail.free_left ?? 0;
    show();
  });
  show();
}
