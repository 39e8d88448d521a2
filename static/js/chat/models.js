// Which model is asked; the choice is remembered for new chats.
import { closeSheet } from "../core/dialog.js";
import { creditNumber } from "../core/format.js";
import { text } from "../core/texts.js";
import { setHint } from "./composer.js";

const REMEMBERED = "chat:model";
const chosen = () => document.querySelector('input[name="model"]:checked');

let freeLeft = 0;

/** {id, name} of the chosen model, or null when there is none. */
export function chosenModel() {
  const radio = chosen();
  return radio && { id: radio.value, name: radio.dataset.name };
}

function show() {
  const radio = chosen();
  if (!radio) return;
  document.getElementById("model-name").textContent = radio.dataset.name;
  const price = text("hint-price", { n: creditNumber(Number(radio.dataset.priceMilli)) });
  setHint(freeLeft > 0 && radio.dataset.free === "true" ? text("hint-free", { n: freeLeft }) : price);
}

export function wireModels({ isNewChat }) {
  const remembered = isNewChat && localStorage.getItem(REMEMBERED);
  const radio = remembered && document.querySelector(`input[name="model"][value="${CSS.escape(remembered)}"]:not(:disabled)`);
  if (radio) radio.checked = true;
  document.getElementById("model-sheet").addEventListener("change", () => {
    localStorage.setItem(REMEMBERED, chosen().value);
    show();
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
