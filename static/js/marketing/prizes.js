// "My prizes": the list follows the server, also while a delivery is on its way.
import { api } from "../core/api.js";
import { element, icon } from "../core/dom.js";
import { fullTime, relativeTime } from "../core/format.js";
import { keepAsking } from "../core/polling.js";
import { text } from "../core/texts.js";

const PATIENCE_MS = [400, 800, 1500, 3000, 5000, 8000, 13_000, 30_000];

let following = null;

/** The icon of a kind of prize; the page may be older than the kind. */
export function prizeIcon(kind) {
  const key = `icon-${kind}`;
  const name = text(key);
  return icon(name === key ? "gift" : name);
}

function badge(state) {
  const isDone = state === "done";
  const kind = isDone ? "badge--ok" : "badge--gold";
  return element("span", { class: `badge ${kind}` }, icon(isDone ? "ok" : "clock"), text(isDone ? "delivered" : "pending"));
}

/** One won draw as a row. */
export function prizeRow(draw, end = badge(draw.delivery_state)) {
  const when = element("time", { datetime: draw.created_at, title: fullTime(draw.created_at) }, relativeTime(draw.created_at));
  return element(
    "div",
    { class: "list-row", "data-draw": draw.id },
    element("span", { class: "list-row__icon" }, prizeIcon(draw.prize.kind)),
    element(
      "span",
      { class: "list-row__body" },
      element("span", { class: "list-row__title" }, draw.prize.title),
      element("span", { class: "list-row__note" }, when),
    ),
    element("span", { class: "list-row__end" }, end),
  );
}

async function refresh(signal) {
  const page = await api.get("draws?won=true&size=10", { signal });
  document.getElementById("prize-list").replaceChildren(...page.results.map((draw) => prizeRow(draw)));
  document.getElementById("prize-card").hidden = page.results.length === 0;
  document.getElementById("no-prizes").hidden = page.results.length > 0;
  return page.results;
}

/** Shows new prizes and keeps asking until all of them are delivered; balances follow each step. */
export function followDeliveries() {
  let round = 0;
  leaveDeliveries();
  following = keepAsking(
    async (signal) => {
      const prizes = await refresh(signal);
      document.dispatchEvent(new CustomEvent("balances:changed"));
      return prizes.every((draw) => draw.delivery_state === "done");
    },
    { everyMs: () => PATIENCE_MS[Math.min(round++, PATIENCE_MS.length - 1)] },
  );
}

/** Leaves the list as it is: while a draw is on show, it would tell the result first. */
export function leaveDeliveries() {
  following?.stop();
}
