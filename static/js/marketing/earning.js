// Earning and spending points: today's sign-in, and the exchange.
import { api, ApiError } from "../core/api.js";
import { today } from "../core/clock.js";
import { ask } from "../core/dialog.js";
import { disable, icon } from "../core/dom.js";
import { count, numberOf } from "../core/format.js";
import { Intentions } from "../core/intentions.js";
import { renewParts } from "../core/parts.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";

const byId = (id) => document.getElementById(id);

/** The balances are others now, and so is what gives another draw. */
function changed() {
  document.dispatchEvent(new CustomEvent("balances:changed"));
  renewParts(["ways"]);
}

function markToday(streak) {
  const today = byId("today");
  today.dataset.state = "done";
  today.querySelector(".week__mark").replaceChildren(icon("check"));
  byId("streak").textContent = text("streak", { n: streak });
  byId("streak-badge").hidden = false;
}

function closeSignIn(button) {
  disable(button, byId("sign-in"));
  button.classList.remove("button--reward");
  button.textContent = text("signed-in-today");
}

function thank(receipt) {
  const gains = [];
  if (receipt.points) gains.push(text("gain-points", { n: receipt.points }));
  if (receipt.chances) gains.push(text("gain-chances", { n: receipt.chances }));
  toast(gains.length ? text("gain", { gains: gains.join(" · ") }) : text("signed-in"), "ok");
}

// By day: a page that is left open over midnight means another sign-in.
const signIns = new Intentions();

async function signIn(button) {
  if (button.hasAttribute("aria-busy")) return;
  button.setAttribute("aria-busy", "true");
  try {
    const wish = { offer: button.dataset.offer };
    const send = ({ key }) => api.post("sign-in", wish, { idempotencyKey: key });
    const receipt = await signIns.carryOut(`${today()} ${wish.offer}`, send);
    markToday(receipt.streak);
    closeSignIn(button);
    thank(receipt);
    changed();
  } catch (error) {
    if (error.code === "already_signed_in") closeSignIn(button);
    if (error.code === "offer_changed") renewParts(["sign-in"]);
    toast(error.message, error.code === "already_signed_in" ? "info" : "bad");
  } finally {
    button.removeAttribute("aria-busy");
  }
}

// What was confirmed, by item: a repeat after a lost answer is the same request and buys once.
const exchanges = new Intentions();

const amountOf = (card, { amount }) => numberOf(amount, Number(card.dataset.per));
const gainOf = (card, offer) => text(`gain-${offer.kind}`, { n: amountOf(card, offer) });

/** What the server offers now: the page may be hours old. */
async function presentOffer(card) {
  const offers = await api.get("exchange/items");
  const offer = offers.find(({ id }) => id === card.dataset.item);
  if (!offer) throw new ApiError({ status: 404, code: "item_not_found", title: text("item-gone") });
  card.dataset.price = offer.price_points;
  card.querySelector("[data-points]").textContent = offer.price_points;
  card.querySelector("[data-amount]").textContent = amountOf(card, offer);
  card.querySelector(".exchange-card__title").textContent = offer.title;
  return offer;
}

/** Asks for the exchange; one lost answer is asked for again with the same key. */
function place(item, offer) {
  const order = { item_id: offer.id, quantity: 1, offer: offer.offer, expected_price: offer.price_points };
  exchanges.of(item, { offer });
  return exchanges.carryOut(item, ({ key }) => api.post("exchange/orders", order, { idempotencyKey: key }), { tries: 2 });
}

async function exchange(card, button) {
  // The sheet asks one question at a time, and a second tap may come before it is open.
  if (document.querySelector("[data-exchange][aria-busy]")) return;
  const { item } = card.dataset;
  let isAskedAgain = false;
  button.setAttribute("aria-busy", "true");
  try {
    const offer = exchanges.find(item)?.offer ?? (await presentOffer(card));
    const shown = { price: count(offer.price_points), title: offer.title, gain: gainOf(card, offer) };
    byId("exchange-question").textContent = text("exchange-question", shown);
    if ((await ask("exchange-sheet")) !== "yes") return;
    await place(item, offer);
    toast(text("exchanged", shown), "ok");
    changed();
  } catch (error) {
    toast(error.isUnsure ? text("exchange-unsure") : error.message, "bad");
    isAskedAgain = error.code === "offer_changed";
  } finally {
    button.removeAttribute("aria-busy");
  }
  // Nothing was taken: the present offer is shown, and the question is a new one.
  if (isAskedAgain) await exchange(card, button);
}

function priceTags(points) {
  for (const card of document.querySelectorAll("[data-item]")) {
    const button = card.querySelector("[data-exchange]");
    if ("gone" in button.dataset) continue;
    if (Number(card.dataset.price) > points) disable(button, card);
    else button.disabled = false;
  }
}

/** Wires the sign-in button and the exchange cards, whichever are on show: the page renews them. */
export function wireEarning() {
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("#sign-in-button, [data-exchange]");
    if (button?.id === "sign-in-button") signIn(button);
    else if (button) exchange(button.closest("[data-item]"), button);
  });
  document.addEventListener("balances:read", ({ detail }) => priceTags(detail.points));
}
