// What the screens show, drawn from one answer of the sandbox.
import { timeZone } from "../core/clock.js";
import { element, icon } from "../core/dom.js";
import { fullTime, money } from "../core/format.js";
import { text } from "../core/texts.js";
import { held } from "./line.js";

const CODE = /(?<![0-9A-Za-z])(?=[0-9A-Z]*[0-9])[0-9A-Z]{6}(?![0-9A-Za-z])|(?<![0-9A-Za-z])[A-Z]{6}(?![0-9A-Za-z])/;
const byId = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat(document.documentElement.lang, { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export const time = (iso) => clock.format(new Date(iso));

/** Replaces the children only when they would differ, so that a reader's focus and scrolling stay. */
function replace(box, signature, nodes) {
  if (box.dataset.signature === signature) return false;
  box.dataset.signature = signature;
  box.replaceChildren(...nodes);
  return true;
}

function bubble(line) {
  const when = element("time", { datetime: line.created_at, title: fullTime(line.created_at) }, time(line.created_at));
  if (line.direction === "notice") return element("p", { class: "line line--notice" }, line.text, " · ", when);
  const code = line.direction === "reply" ? line.text.match(CODE)?.[0] : undefined;
  const copy = code
    ? element("button", { class: "line__copy", type: "button", "data-copy": code }, icon("copy", "icon--small"), text("sandbox-copy-code", { code }))
    : null;
  return element("div", { class: `line line--${line.direction}` }, element("p", { class: "line__text" }, line.text), copy, line.login ? loginCard(line.login) : null);
}

/** What the member may answer to a scanned login, or what was answered. */
function loginCard({ content, state }) {
  if (state !== "open") return element("p", { class: "line__state meta" }, text(`sandbox-login-${state}`));
  const button = (answer, kind) => element("button", { class: `button ${kind}`, type: "button", "data-login": content, "data-answer": answer }, text(`sandbox-${answer}`));
  const number = element("input", { class: "input line__number", inputmode: "numeric", maxlength: "2", autocomplete: "off", "aria-label": text("sandbox-number"), placeholder: text("sandbox-number") });
  return element("div", { class: "line__answers" }, number, button("confirm", "button--primary"), button("refuse", ""));
}

export function drawChat(shown) {
  const { phone, lines } = shown;
  byId("owner").textContent = phone.nickname;
  byId("follow-state").textContent = text(phone.is_following ? "sandbox-following" : "sandbox-not-following");
  byId("follow-state").classList.toggle("badge--ok", phone.is_following);
  byId("faults-on").hidden = shown.faults === 0;
  byId("faults-on").textContent = text("sandbox-faults-on", { n: shown.faults });
  byId("unfollow").hidden = !phone.is_following;
  byId("writer").hidden = !phone.is_following;
  byId("invitation").hidden = phone.is_following;
  const spoken = lines.filter((line) => line.direction !== "service");
  const box = byId("lines");
  const nodes = spoken.length ? spoken.map(bubble) : [element("p", { class: "line line--notice" }, text("sandbox-no-lines"))];
  const states = spoken.map((line) => line.login?.state ?? "").join("");
  if (replace(box, `${held.openid} ${spoken.at(-1)?.id ?? ""} ${states}`, nodes)) box.scrollTop = box.scrollHeight;
}

function row(name, title, note, end, content) {
  return element(
    "button",
    { class: "list-row scan-row", type: "button", "data-scan": content },
    element("span", { class: "list-row__icon list-row__icon--jade" }, icon(name)),
    element("span", { class: "list-row__body" }, element("span", { class: "list-row__title" }, title), element("span", { class: "list-row__note" }, note)),
    element("span", { class: "list-row__end" }, end, icon("right")),
  );
}

const nothing = (key) => element("p", { class: "screen__nothing" }, text(key));
const until = (each) => text("sandbox-until", { time: time(each.expires_at) });

export function drawCodes({ payments, logins }) {
  const contents = (codes) => codes.map((code) => code.content).join(" ");
  replace(byId("payments"), `:${contents(payments)}`, payments.length
    ? payments.map((each) => row("bag", each.title, until(each), element("span", { class: "money" }, money(each.amount_fen)), each.content))
    : [nothing("sandbox-no-payments")]);
  replace(byId("logins"), `:${contents(logins)}`, logins.length
    ? logins.map((each) => row("qr", text("sandbox-login-code"), until(each), null, each.content))
    : [nothing("sandbox-no-logins")]);
  byId("open-payments").hidden = payments.length === 0;
  byId("open-payments").textContent = String(payments.length);
}

export function drawService({ lines }) {
  const delivered = lines.filter((line) => line.direction === "service").reverse();
  const card = (line) => element("article", { class: "card card--tight" },
    element("p", { class: "line__text" }, line.text),
    element("time", { class: "meta", datetime: line.created_at }, fullTime(line.created_at)));
  replace(byId("service"), `${held.openid} ${delivered[0]?.id ?? ""}`, delivered.length
    ? delivered.map(card)
    : [element("div", { class: "empty" }, icon("gift"), element("p", { class: "empty__text" }, text("sandbox-no-service")))]);
}

export function drawPeople(phones) {
  const person = (phone) => element(
    "button",
    { class: "list-row scan-row", type: "button", "data-hold": phone.openid },
    element("span", { class: "list-row__icon" }, icon("user")),
    element("span", { class: "list-row__body" }, element("span", { class: "list-row__title" }, phone.nickname), element("span", { class: "list-row__note openid" }, phone.openid)),
    element("span", { class: "list-row__end" }, phone.openid === held.openid ? element("span", { class: "badge badge--jade" }, text("sandbox-in-use")) : null),
  );
  byId("people").replaceChildren(...phones.map(person));
  const name = byId("new-name");
  // The list arrives late on a busy machine: what somebody is typing stays.
  if (document.activeElement !== name) name.value = phones.find((phone) => phone.openid === held.openid)?.nickname ?? "";
}

export function drawPayment(card) {
  byId("pay-title").textContent = card.title;
  byId("pay-amount").textContent = money(card.amount_fen);
  byId("pay-state").hidden = true;
  byId("checkout").hidden = false;
  byId("pay-done").hidden = true;
}

export function drawPaid(state) {
  const isPaid = state === "SUCCESS";
  const line = byId("pay-state");
  line.hidden = false;
  line.dataset.state = isPaid ? "paid" : "open";
  line.replaceChildren(icon(isPaid ? "ok" : "info"), text(isPaid ? "sandbox-paid" : "sandbox-not-paid"));
  byId("checkout").hidden = isPaid;
  byId("pay-done").hidden = !isPaid;
}
