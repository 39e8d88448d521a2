// Earning and spending points: today's sign-in, and the exchange.
import { api, newKey } from "../core/api.js";
import { ask } from "../core/dialog.js";
import { icon } from "../core/dom.js";
import { count } from "../core/format.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";

// Rewards come by event, usually within a second.
const LOOK_AGAIN_MS = [500, 1500, 3000, 6000];

const byId = (id) => document.getElementById(id);
const changed = () => document.dispatchEvent(new CustomEvent("balances:changed"));

function lookAgain() {
  LOOK_AGAIN_MS.forEach((ms) => setTimeout(changed, ms));
}

function markToday(streak) {
  const today = byId("today");
  today.dataset.state = "done";
  today.querySelector(".week__mark").replaceChildren(icon("check"));
  byId("streak").textContent = text("streak", { n: streak });
  byId("streak-badge").hidden = false;
}

function closeSignIn(button) {
  button.disabled = true;
  button.classList.remove("button--reward");
  button.textContent = text("signed-in-today");
}

function thank(receipt) {
  const gains = [];
  if (receipt.points) gains.push(text("gain-points", { n: receipt.points }));
  if (receipt.chances) gains.push(text("gain-chances", { n: receipt.chances }));
  toast(gains.length ? text("gain", { gains: gains.join(" · ") }) : text("signed-in"), "ok");
}

async function signIn(button, key) {
  button.setAttribute("aria-busy", "true");
  try {
    const receipt = await api.post("sign-in", {}, { idempotencyKey: key });
    markToday(receipt.streak);
    closeSignIn(button);
    thank(receipt);
    lookAgain();
  } catch (error) {
    if (error.code === "already_signed_in") closeSignIn(button);
    toast(error.message, error.code === "already_signed_in" ? "info" : "bad");
  } finally {
    button.removeAttribute("aria-busy");
  }
}

async function exchange(card, button) {
  const { item, price, title } = card.dataset;
  byId("exchange-question").textContent = text("exchange-question", { price: count(Number(price)), title });
  if ((await ask("exchange-sheet")) !== "yes") return;
  // Kept on the card until there is an answer: a repeat after a lost connection buys once.
  card.dataset.key ||= newKey();
  button.setAttribute("aria-busy", "true");
  try {
    await api.post("exchange/orders", { item_id: item, quantity: 1 }, { idempotencyKey: card.dataset.key });
    delete card.dataset.key;
    toast(text("exchanged", { title, price: count(Number(price)) }), "ok");
    changed();
  } catch (error) {
    if (error.status >= 400 && error.status < 500 && error.code !== "request_in_flight") delete card.dataset.key;
    toast(error.message, "bad");
  } finally {
    button.removeAttribute("aria-busy");
  }
}

function priceTags(points) {
  for (const card of document.querySelectorAll("[data-item]")) {
    const button = card.querySelector("[data-exchange]");
    if (!("gone" in button.dataset)) button.disabled = Number(card.dataset.price) > points;
  }
}

/** Wires the sign-in button and the exchange cards. */
export function wireEarning() {
  const button = byId("sign-in-button");
  const key = newKey();
  button.addEventListener("click", () => signIn(button, key));
  for (const card of document.querySelectorAll("[data-item]")) {
    const exchangeButton = card.querySelector("[data-exchange]");
    exchangeButton.addEventListener("click", () => exchange(card, exchangeButton));
  }
  document.addEventListener("balances:read", ({ detail }) => priceTags(detail.points));
}
