// Numbers and times as people read them, in the language of the page.
import { now, timeZone } from "./clock.js";
import { text } from "./texts.js";

const language = document.documentElement.lang || "zh-hans";
const locale = language.toLowerCase().startsWith("zh") ? "zh-CN" : language;

const plain = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 });
const yuan = new Intl.NumberFormat(locale, { style: "currency", currency: "CNY", currencyDisplay: "narrowSymbol" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
// With its zone: whoever looks the exact time up may be elsewhere.
const dateTime = new Intl.DateTimeFormat(locale, {
  timeZone, year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});
const numeric = new Intl.DateTimeFormat("en", {
  timeZone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const dayOnly = new Intl.DateTimeFormat(locale, { timeZone, month: "short", day: "numeric" });

/** 1234 -> "1,234" */
export const count = (value) => plain.format(value);

/** 12500 of which 1000 are one -> "12.5" */
export const numberOf = (amount, per) => exact.format(amount / per);

/** 12500 milli-credits -> "12.5" */
export const creditNumber = (milli) => numberOf(milli, 1000);

/** 12500 milli-credits -> "12.5 额度" */
export const creditText = (milli) => (milli === 1000 ? text("credit") : text("credits", { n: creditNumber(milli) }));

/** 990 fen -> "¥9.90" */
export const money = (fen) => yuan.format(fen / 100);

const STEPS = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 7],
];

/** An ISO time or Date -> "3 minutes ago"; the date itself when more than a week away. */
export function relativeTime(when) {
  let distance = (new Date(when).getTime() - now()) / 1000;
  if (Math.abs(distance) < 10) return text("just-now");
  for (const [unit, size] of STEPS) {
    if (Math.abs(distance) < size) return relative.format(Math.round(distance), unit);
    distance /= size;
  }
  return dayOnly.format(new Date(when));
}

/** The full date and time, for a title attribute. */
export const fullTime = (when) => dateTime.format(new Date(when));

/** An ISO time -> "2026-11-30 09:05" on the site's clock, as its pages write it */
export const minuteOf = (when) => {
  const part = Object.fromEntries(numeric.formatToParts(new Date(when)).map(({ type, value }) => [type, value]));
  return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}`;
};

/** Seconds left -> "04:59" */
export function countdown(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${String(Math.floor(whole / 60)).padStart(2, "0")}:${String(whole % 60).padStart(2, "0")}`;
}

/** Fills every <time data-relative datetime="…"> below `root`. */
export function writeRelativeTimes(root = document) {
  for (const node of root.querySelectorAll("time[data-relative]")) {
    node.textContent = relativeTime(node.dateTime);
    node.title = fullTime(node.dateTime);
  }
}
