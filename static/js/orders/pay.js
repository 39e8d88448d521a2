// The pay panel (templates/orders/pay_panel.html): shows an order, follows it, lets the member act on it.
import { api } from "../core/api.js";
import { now } from "../core/clock.js";
import { keepingFocus } from "../core/dom.js";
import { countdown, creditNumber, money } from "../core/format.js";
import { lastChat } from "../core/last_chat.js";
import { keepAsking } from "../core/polling.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";
import { cancel, check, OPEN } from "./acts.js";

const FOLLOWED = new Set(["created", "paying", "paid"]);
const QUICK_MS = 2000; // while the member most likely holds the phone in the hand
const CALM_MS = 5000;
const QUICK_FOR_MS = 2 * 60_000;

export class PayPanel {
  /** `root` holds the panel; `onChange(order)` hears of every new state, the first one too. */
  constructor(root, { onChange = () => {} } = {}) {
    this.root = root;
    this.onChange = onChange;
    this.order = null;
    this.part("check").addEventListener("click", () => this.check());
    this.part("cancel").addEventListener("click", () => this.act(this.part("cancel"), cancel));
    this.part("back").href = lastChat();
  }

  part(name) {
    return this.root.querySelector(`[data-pay="${name}"]`);
  }

  /** Show this picture of an order, and follow the order from there on. */
  start(order) {
    this.stop();
    this.order = null;
    this.show(order);
    this.follow(order.id);
  }

  /** Follow an order, whatever becomes of the connection, until nothing more will happen to it by itself. */
  follow(id) {
    this.stop();
    this.ticking = setInterval(() => this.tick(), 1000);
    const look = async (signal) => {
      const order = await api.get(`orders/${id}`, { signal });
      this.show(order);
      return !FOLLOWED.has(order.state);
    };
    // Signed out, or another member by now: the page as it is now says so.
    const since = performance.now();
    const everyMs = () => (performance.now() - since < QUICK_FOR_MS ? QUICK_MS : CALM_MS);
    this.following = keepAsking(look, { everyMs, refused: () => location.reload() });
  }

  /** Stop asking; the order itself goes on at the server. */
  stop() {
    this.following?.stop();
    clearInterval(this.ticking);
  }

  async check() {
    const order = await this.act(this.part("check"), check);
    if (order && (OPEN.has(order.state) || order.state === "closed")) toast(text("order-not-yet"), "info");
  }

  async act(button, verb) {
    if (!this.order || button.hasAttribute("aria-busy")) return null;
    button.setAttribute("aria-busy", "true");
    try {
      const { id } = this.order;
      const order = await verb(id);
      // Another order may have taken the panel while we asked.
      if (order && this.order.id === id) this.start(order);
      return order;
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  show(order) {
    const before = this.order;
    this.order = order;
    this.part("title").textContent = order.title;
    this.part("amount").textContent = money(order.amount_fen);
    const fit = () => {
      for (const node of this.root.querySelectorAll("[data-when]")) {
        node.hidden = !node.dataset.when.split(" ").includes(order.state);
      }
    };
    keepingFocus(fit, () => [...this.root.querySelectorAll("a[href], button")].find((node) => node.checkVisibility()));
    this.part("check").classList.toggle("button--primary", order.state !== "closed");
    this.showHint();
    this.showCode();
    const state = this.part("state");
    state.dataset.state = OPEN.has(order.state) ? "waiting" : order.state;
    state.textContent = text(`order-${order.state}`);
    this.part("gain").textContent = order.quota_milli ? text("order-gain", { n: creditNumber(order.quota_milli) }) : "";
    this.tick();
    if (before?.state !== order.state) this.announce(before, order);
  }

  announce(before, order) {
    if (before && order.state === "delivered") document.dispatchEvent(new CustomEvent("balances:changed"));
    this.onChange(order);
  }

  showHint() {
    if (this.order.state !== "paying") return;
    const isPhone = matchMedia("(pointer: coarse)").matches;
    this.part("hint-phone").hidden = !isPhone;
    this.part("hint-desktop").hidden = isPhone;
  }

  showCode() {
    const image = this.part("code");
    const { id, pay } = this.order;
    if (pay) {
      const address = `/orders/${id}/qr.svg`;
      if (image.getAttribute("src") !== address) image.src = address;
      const copy = this.part("copy");
      if (copy) copy.dataset.copy = pay.content;
    } else {
      image.removeAttribute("src");
    }
    image.hidden = !pay;
    this.part("waiting-for-code").hidden = Boolean(pay);
  }

  tick() {
    if (!this.order) return;
    const seconds = (new Date(this.order.expires_at).getTime() - now()) / 1000;
    this.part("countdown").textContent = countdown(seconds);
    if (this.order.state !== "paying" || seconds > 0) {
      delete this.part("frame").dataset.state;
      return;
    }
    this.part("frame").dataset.state = "expired";
    this.part("state").textContent = text("order-expired");
  }
}
