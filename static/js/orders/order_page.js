// One order: the pay panel lives on the page, and the timeline below grows with it.
import { element, icon } from "../core/dom.js";
import { writeRelativeTimes } from "../core/format.js";
import { text } from "../core/texts.js";
import { PayPanel } from "./pay.js";

const root = document.getElementById("pay-panel");
const timeline = document.getElementById("timeline");

function row({ after, at }) {
  const delivered = after === "delivered";
  const sign = element("span", { class: `list-row__icon${delivered ? " list-row__icon--jade" : ""}` });
  sign.append(icon(delivered ? "ok" : "clock"));
  const title = element("span", { class: "list-row__title" }, text(`order-${after}`));
  const when = element("time", { datetime: at, "data-relative": true });
  return element(
    "li",
    { class: "list-row" },
    sign,
    element("span", { class: "list-row__body" }, title),
    element("span", { class: "list-row__end meta" }, when),
  );
}

function grow(order) {
  timeline.append(...order.steps.slice(timeline.children.length).map(row));
  writeRelativeTimes(timeline);
}

new PayPanel(root, { onChange: grow }).follow(root.dataset.order);
