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

// What was confirmed and has no answer yet, by item: a repeat after a lost connection is the same request and buys once.
const unanswered = new Map();

/** What the server would take now: the page may be hours old. */
async function presentPrice(card) {
  const offers = await api.get("exchange/items");
  const offer = offers.find(({ id }) => id === card.dataset.item);
  // What is not offered any more keeps its price: the order's refusal tells why.
  if (offer) {
    card.dataset.price = offer.price_points;
    card.querySelector("[data-points]").textContent = offer.price_points;
  }
  return Number(card.dataset.price);
}

async function exchange(card, button) {
  // The sheet asks one question at a time, and a second tap may come before it is open.
  if (document.querySelector("[data-exchange][aria-busy]")) return;
  const { item, title } = card.dataset;
  button.setAttribute("aria-busy", "true");
  try {
    const wish = unanswered.get(item) ?? { key: newKey(), price: await presentPrice(card) };
    const price = count(wish.price);
    byId("exchange-question").textContent = text("exchange-question", { price, title });
    if ((await ask("exchange-sheet")) !== "yes") return;
    unanswered.set(item, wish);
    const order = { item_id: item, quantity: 1, expected_price: wish.price };
    await api.post("exchange/orders", order, { idempotencyKey: wish.key });
    unanswered.delete(item);
    toast(text("exchanged", { title, price }), "ok");
    changed();
  } catch (error) {
    if (error.status >= 400 && error.status < 500 && error.code !== "request_in_flight") unanswered.delete(item);
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
