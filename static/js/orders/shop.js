// The shop: a click orders at the price on the card, then the pay sheet takes over.
import { api, ApiError, newKey } from "../core/api.js";
import { openSheet } from "../core/dialog.js";
import { toast } from "../core/toast.js";
import { PayPanel } from "./pay.js";

const sheet = document.getElementById("pay-sheet");
const panel = new PayPanel(sheet);
// One key per intention: a repeat after a time-out is the same order, not a second one.
const keys = new Map();

async function buy(button) {
  const { buy: productId, amountFen, gateway } = button.dataset;
  if (!keys.has(productId)) keys.set(productId, newKey());
  button.setAttribute("aria-busy", "true");
  try {
    const body = { product_id: productId, gateway, expected_amount_fen: Number(amountFen) };
    const order = await api.post("orders", body, { idempotencyKey: keys.get(productId) });
    keys.delete(productId);
    openSheet(sheet);
    panel.start(order);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // Refused for good: the next click is a new intention. Unanswered: it is still this one.
    if (error.status >= 400 && error.status < 500 && error.status !== 409) keys.delete(productId);
    if (error.code === "price_changed" || error.code === "product_not_on_sale") {
      keys.delete(productId);
      setTimeout(() => location.reload(), 2500);
    }
    toast(error.title, "warn");
  } finally {
    button.removeAttribute("aria-busy");
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-buy]");
  if (button) buy(button);
});
sheet.addEventListener("close", () => panel.stop());
