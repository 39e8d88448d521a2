// "My prizes": the list follows the server, also while a delivery is on its way.
import { api } from "../core/api.js";
import { element, icon } from "../core/dom.js";
import { fullTime, relativeTime } from "../core/format.js";
import { text } from "../core/texts.js";

const ICONS = { quota: "quota", points: "points" };
const PATIENCE_MS = [400, 800, 1500, 3000, 5000, 8000, 13000];

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

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
    element("span", { class: "list-row__icon" }, icon(ICONS[draw.prize.kind] ?? "star")),
    element(
      "span",
      { class: "list-row__body" },
      element("span", { class: "list-row__title" }, draw.prize.title),
      element("span", { class: "list-row__note" }, when),
    ),
    element("span", { class: "list-row__end" }, end),
  );
}

async function refresh() {
  const page = await api.get("draws?won=true&size=10");
  document.getElementById("prize-list").replaceChildren(...page.results.map((draw) => prizeRow(draw)));
  document.getElementById("prize-card").hidden = page.results.length === 0;
  document.getElementById("no-prizes").hidden = page.results.length > 0;
  return page.results;
}

/** Shows new prizes and keeps asking until all of them are delivered; balances follow each step. */
export async function followDeliveries() {
  for (const pause of PATIENCE_MS) {
    let owed = true;
    try {
      owed = (await refresh()).some((draw) => draw.delivery_state !== "done");
    } catch {
      // The list keeps what it shows; the next round asks again.
    }
    document.dispatchEvent(new CustomEvent("balances:changed"));
    if (!owed) return;
    await wait(pause);
  }
}
