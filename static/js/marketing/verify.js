// The page that checks a past draw.
import { api } from "../core/api.js";
import { element, icon } from "../core/dom.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";
import { contentHash, fallbackOf, messageOf, prizeOf, rollOf, seedHash } from "./proof.js";

const form = document.getElementById("verify");

function step(isGood, words) {
  const mark = element("span", { class: "list-row__icon" }, icon(isGood ? "ok" : "error"));
  return element("li", { class: "list-row", "data-good": isGood }, mark, element("span", { class: "list-row__body" }, words));
}

async function check({ draw, odds }) {
  const { proof } = draw;
  const roll = await rollOf(proof);
  const rolled = prizeOf(odds.content, roll);
  const paid = draw.fallback_reason ? fallbackOf(odds.content) : rolled;
  const isPaid = paid?.position === draw.position && paid?.title === draw.prize.title;
  const steps = [
    [(await seedHash(proof.server_seed)) === proof.server_seed_hash, text("step-seed")],
    [(await contentHash(odds.content)) === odds.content_hash, text("step-content")],
    [
      roll === proof.roll,
      text("step-roll", { message: messageOf(proof), roll, total: proof.declared_total, recorded: proof.roll }),
    ],
    [draw.fallback_reason ? rolled !== null : isPaid, text("step-prize", { roll, title: rolled?.title ?? "?" })],
  ];
  if (draw.fallback_reason) steps.push([isPaid, text("step-fallback", { title: paid?.title ?? "?" })]);
  return steps;
}

function showTable(lines, roll) {
  const rows = lines.map((line) =>
    element(
      "tr",
      { "aria-current": roll >= line.first_roll && roll <= line.last_roll ? "true" : null },
      element("td", {}, line.title),
      element("td", { class: "number" }, String(line.weight)),
      element("td", { class: "number" }, `${line.first_roll}–${line.last_roll}`),
    ),
  );
  document.querySelector("#table tbody").replaceChildren(...rows);
}

async function verify() {
  if (!globalThis.crypto?.subtle) {
    toast(text("no-crypto"), "warn");
    return;
  }
  const answer = await api.get(`draws/${form.elements.draw.value}/proof`);
  const steps = await check(answer);
  const isGood = steps.every(([good]) => good);
  const verdict = element("strong", {}, text(isGood ? "verdict-good" : "verdict-bad"));
  document
    .getElementById("steps")
    .replaceChildren(...steps.map(([good, words]) => step(good, words)), step(isGood, verdict));
  showTable(answer.odds.prizes, answer.draw.proof.roll);
  document.getElementById("report").hidden = false;
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    verify().catch((error) => toast(error.message, "bad"));
  });
  if (new URLSearchParams(location.search).has("draw")) form.requestSubmit();
}
