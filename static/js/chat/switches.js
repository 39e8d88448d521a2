// What a message asks of the model beside an answer: to think, to search. Only what the chosen model offers is shown,
// with its price; what was chosen last holds, in a new chat too.
import { creditNumber } from "../core/format.js";
import { ofMember } from "../core/storage.js";
import { text } from "../core/texts.js";

const buttons = [...document.querySelectorAll("[data-switch]")];
const keyOf = (button) => `switch-${button.dataset.switch}`;
const isOn = (button) => !button.hidden && button.getAttribute("aria-pressed") === "true";
const priceOf = (button, model) => (model && !("ownKey" in model.dataset) ? Number(model.dataset[`${button.dataset.switch}Milli`]) : 0);

/** Thinking is on until somebody says otherwise, where it costs nothing more; searching is off. */
function isWanted(button, model) {
  const said = button.dataset.said || ofMember.get(keyOf(button));
  return said ? said === "on" : button.dataset.switch === "think" && !priceOf(button, model);
}

/** Shows what this model offers, the radio that chooses it. */
export function offerSwitches(model) {
  const can = (model?.dataset.can ?? "").split(" ");
  for (const button of buttons) {
    button.hidden = !can.includes(button.dataset.switch === "think" ? "reasoning" : button.dataset.switch);
    button.setAttribute("aria-pressed", String(isWanted(button, model)));
    const price = priceOf(button, model);
    button.querySelector(".composer__switch-price").textContent = price ? text("switch-price", { n: creditNumber(price) }) : "";
  }
}

/** What of it is to be paid on top by this model, in milli-credits. */
export const extraMilli = (model) => buttons.filter(isOn).reduce((sum, button) => sum + priceOf(button, model), 0);

/** What goes with a message: nothing of what the model does not offer. */
export const switched = () =>
  Object.fromEntries(buttons.filter((button) => !button.hidden).map((button) => [button.dataset.switch, isOn(button)]));

/** Calls `changed` when somebody switches. */
export function wireSwitches(changed) {
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const said = isOn(button) ? "off" : "on";
      button.dataset.said = said;
      button.setAttribute("aria-pressed", String(said === "on"));
      ofMember.set(keyOf(button), said);
      changed();
    });
  }
}
