// The pay panel (templates/orders/pay_panel.html): shows an order, follows it, lets the member act on it.
import { api, ApiError } from "../core/api.js";
import { ask } from "../core/dialog.js";
import { countdown, creditNumber, money } from "../core/format.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";

const FOLLOWED = new Set(["created", "paying", "paid"]);
const OPEN = new Set(["created", "paying"]);
const QUICK_MS = 2000; // while the member most likely holds the phone in the hand
const CALM_MS = 5000;
const QUICK_FOR_MS = 2 * 60_000;
const LONGEST_MS = 30_000;

export class PayPanel {
  /** `root` holds the panel; `onChange(order)` hears of every new state. */
  constructor(root, { onChange = () => {} } = {}) {
    this.root = root;
    this.onChange = onChange;
    this.order = null;
    this.failures = 0;
    this.part("check").addEventListener("click", () => this.check());
    this.part("cancel").addEventListener("click", () => this.cancel());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.isFollowing) this.poll();
    });
  }

  part(name) {
    return this.root.querySelector(`[data-pay="${name}"]`);
  }

  get isFollowing() {
    return this.order !== null && FOLLOWED.has(this.order.state) && !this.isStopped;
  }

  /** Follow an order from this picture of it on. */
  start(order) {
    this.stop();
    this.isStopped = false;
    this.failures = 0;
    this.startedAt = Date.now();
    this.order = null;
    this.show(order);
    this.ticking = setInterval(() => this.tick(), 1000);
    this.plan();
  }

  /** Stop asking; the order itself goes on at the server. */
  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
    clearInterval(this.ticking);
  }

  plan() {
    clearTimeout(this.timer);
    if (!this.isFollowing || document.visibilityState !== "visible") return;
    const usual = Date.now() - this.startedAt < QUICK_FOR_MS ? QUICK_MS : CALM_MS;
    this.timer = setTimeout(() => this.poll(), Math.min(usual * 2 ** this.failures, LONGEST_MS));
  }

  async poll() {
    clearTimeout(this.timer);
    const { id } = this.order;
    try {
      const order = await api.get(`orders/${id}`);
      this.failures = 0;
      // Another order may have taken the panel while we asked.
      if (this.order?.id === id && !this.isStopped) this.show(order);
    } catch {
      this.failures += 1;
    }
    this.plan();
  }

  async check() {
    const order = await this.act(this.part("check"), `orders/${this.order.id}/check`);
    if (order && (OPEN.has(order.state) || order.state === "closed")) toast(text("order-not-yet"), "info");
  }

  async cancel() {
    if ((await ask("cancel-sheet")) === "yes") await this.act(this.part("cancel"), `orders/${this.order.id}/cancel`);
  }

  async act(button, path) {
    button.setAttribute("aria-busy", "true");
    try {
      const order = await api.post(path);
      this.show(order);
      this.plan();
      return order;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      toast(error.title, "warn");
      return null;
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  show(order) {
    const before = this.order;
    this.order = order;
    this.part("title").textContent = order.title;
    this.part("amount").textContent = money(order.amount_fen);
    for (const node of this.root.querySelectorAll("[data-when]")) {
      node.hidden = !node.dataset.when.split(" ").includes(order.state);
    }
    this.part("check").classList.toggle("button--primary", order.state !== "closed");
    this.showHint();
    this.showCode();
    const state = this.part("state");
    state.dataset.state = OPEN.has(order.state) ? "waiting" : order.state;
    state.textContent = text(`order-${order.state}`);
    this.part("gain").textContent = order.quota_milli ? text("order-gain", { n: creditNumber(order.quota_milli) }) : "";
    this.tick();
    if (before && before.state !== order.state) this.announce(order);
  }

  announce(order) {
    if (order.state === "delivered") document.dispatchEvent(new CustomEvent("balances:changed"));
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
    const seconds = (new Date(this.order.expires_at).getTime() - Date.now()) / 1000;
    this.part("countdown").textContent = countdown(seconds);
    if (this.order.state !== "paying" || seconds > 0) {
      delete this.part("frame").dataset.state;
      return;
    }
    this.part("frame").dataset.state = "expired";
    this.part("state").textContent = text("order-expired");
  }
}
