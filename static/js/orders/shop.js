// The shop: a click orders what the card shows, then the pay sheet takes over.
import { api, ApiError } from "../core/api.js";
import { ask, closeSheet, openSheet } from "../core/dialog.js";
import { element, keepingFocus } from "../core/dom.js";
import { creditNumber, creditText, money } from "../core/format.js";
import { Intentions } from "../core/intentions.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";
import { cancel, OPEN } from "./acts.js";
import { PayPanel } from "./pay.js";

const sheet = document.getElementById("pay-sheet");
const reminder = document.getElementById("open-order");
const panel = new PayPanel(sheet, { onChange: remind });
// A repeat after a lost answer is the same order, not a second one.
const intentions = new Intentions();
// Closing the sheet goes back in the history, which takes a moment; until then the entry is the closed sheet's.
let hasGoneBack = Promise.resolve();
// Does the sheet have its entry in the history, to be left when it is closed? Back has left it already.
let hasEntry = false;

/** What waits to be paid stays in sight when the sheet is closed. */
function remind(order) {
  if (OPEN.has(order.state)) {
    reminder.dataset.order = order.id;
    reminder.querySelector("[data-part=title]").textContent = order.title;
    reminder.querySelector("[data-part=amount]").textContent = money(order.amount_fen);
    reminder.hidden = false;
  } else if (reminder.dataset.order === order.id) {
    const hide = () => {
      reminder.hidden = true;
    };
    keepingFocus(hide, () => document.querySelector("[data-buy]"));
  }
}

/** The sheet and the entry of the history are one order's, always the same. */
function show(order) {
  openSheet(sheet);
  panel.start(order);
  const before = history.state?.order;
  if (before) history.replaceState({ order: order.id }, "");
  else history.pushState({ order: order.id }, "");
  hasEntry = true;
}

/** The sheet is an entry of the history: Back closes it and stays in the shop, Forward and a reload open it again. */
async function followHistory() {
  const id = history.state?.order;
  if (!id) {
    // Was it the sheet's own going back, then whatever is open by now was opened since.
    if (hasEntry) for (const open of document.querySelectorAll("dialog[open]")) closeSheet(open);
    hasEntry = false;
  } else if (!sheet.open || panel.order.id !== id) {
    await resume(id, () => history.state?.order === id);
  }
}

/** Shows an order again, unless by the time it is here something else is wanted: another order, or none. */
async function resume(id, isWanted = () => !sheet.open) {
  try {
    const order = await api.get(`orders/${id}`);
    await hasGoneBack;
    if (isWanted()) show(order);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast(error.title, "warn");
  }
}

/** Orders what the button's card shows; one lost answer is asked for again with the same key. */
function place(button) {
  const { buy: product, offer, amountFen, gateway } = button.dataset;
  const wish = { product_id: product, gateway, offer, expected_amount_fen: Number(amountFen) };
  const send = ({ key }) => api.post("orders", wish, { idempotencyKey: key });
  return intentions.carryOut(`${product} ${offer}`, send, { tries: 2 });
}

async function buy(button) {
  if (button.hasAttribute("aria-busy")) return;
  button.setAttribute("aria-busy", "true");
  try {
    const order = await place(button);
    await hasGoneBack;
    show(order);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "offer_changed") return void askAgain(button, error.context);
    if (error.code === "product_not_on_sale") setTimeout(() => location.reload(), 2500);
    toast(error.isUnsure ? text("order-unsure") : error.title, "warn");
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** A price as templates/components/money.html writes it. */
function priceTag(fen) {
  const [, sign, figure] = money(fen).match(/^(\D+)(.+)$/);
  return element("span", { class: "money" }, element("span", { class: "money__sign" }, sign), figure);
}

/** Nothing was ordered: the card shows the present offer, and the member says yes to that one or leaves it. */
async function askAgain(button, offer) {
  const card = button.closest(".product");
  button.dataset.offer = offer.offer;
  button.dataset.amountFen = offer.amount_fen;
  card.querySelector("[data-part=title]").textContent = offer.title;
  card.querySelector("[data-part=credits]").textContent = creditNumber(offer.quota_milli);
  card.querySelector("[data-part=amount]").replaceChildren(priceTag(offer.amount_fen));
  const gains = [offer.quota_milli ? creditText(offer.quota_milli) : "", ...offer.entitlements].filter(Boolean);
  const present = { title: offer.title, gain: gains.join(", "), amount: money(offer.amount_fen) };
  document.getElementById("offer-question").textContent = text("offer-question", present);
  if ((await ask("offer-sheet")) === "yes") buy(button);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-buy]");
  if (button) buy(button);
  if (event.target.closest("[data-part=continue]")) resume(reminder.dataset.order);
  if (event.target.closest("[data-part=cancel]")) {
    const order = await cancel(reminder.dataset.order);
    if (order) remind(order);
  }
});
// We are there: the link would load the same address, to which the browser gives the entry with the closed order again.
panel.part("again").addEventListener("click", (event) => {
  event.preventDefault();
  closeSheet(sheet);
});
// The browser tells of it with its next frame, which may be late: by then the sheet may be another order's.
sheet.addEventListener("close", () => {
  if (sheet.open) return;
  panel.stop();
  if (!hasEntry) return;
  hasEntry = false;
  hasGoneBack = new Promise((resolve) => addEventListener("popstate", resolve, { once: true }));
  history.back();
});
addEventListener("popstate", followHistory);
followHistory();
