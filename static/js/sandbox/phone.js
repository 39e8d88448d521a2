// The phone page: buttons in, screens out. The sandbox is asked every two seconds while the page is looked at.
import { ApiError } from "../core/api.js";
import { now } from "../core/clock.js";
import { keepAsking } from "../core/polling.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";
import { changeAccount, showAccount, showFaults, switchAllOff, switchFault } from "./bench.js";
import { drawChat, drawCodes, drawPaid, drawPayment, drawPeople, drawService, time } from "./screens.js";
import { hold, newPhone, phones, pickUp, press, rename, screen } from "./line.js";

const ASK_EVERY_MS = 2000;
const byId = (id) => document.getElementById(id);
const handset = byId("handset");
// Screens that are reached from a tab, and what a screen asks the sandbox for when it is shown.
const TAB_OF = { pay: "scan", account: "people", faults: "people" };
const ASKED = { scan: refresh, people: () => phones().then(drawPeople), account: showAccount, faults: showFaults };
let payment = null;
let wanted = "";

/** Draws what a screen holds before it is seen: a list that arrives late moves nothing under a finger. */
async function show(name) {
  wanted = name;
  await ASKED[name]?.().catch(report);
  if (wanted === name) reveal(name);
}

function reveal(name) {
  for (const each of handset.querySelectorAll(".screen")) each.hidden = each.id !== `screen-${name}`;
  const tab = TAB_OF[name] ?? name;
  for (const each of handset.querySelectorAll(".handset__tab")) {
    if (each.dataset.screen === tab) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
  if (name === "chat") byId("lines").scrollTop = byId("lines").scrollHeight;
}

function report(error) {
  if (!(error instanceof ApiError)) throw error;
  toast(error.message, "bad");
}

async function refresh(signal) {
  const shown = await screen(signal);
  drawChat(shown);
  drawCodes(shown);
  drawService(shown);
  byId("clock").textContent = time(now());
  handset.removeAttribute("aria-busy");
}

/** Runs one press: its button waits, refusals are told, the screens follow. */
async function act(button, work) {
  button?.setAttribute("aria-busy", "true");
  try {
    await work();
    await refresh();
  } catch (error) {
    report(error);
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

async function scan(content) {
  const seen = await press("scan", { content });
  if (seen.kind === "payment") {
    payment = seen;
    drawPayment(seen);
    show("pay");
  } else {
    toast(text("sandbox-scanned"), "ok");
    show("chat");
  }
}

const say = (content) => press("text", { content });

handset.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { screen: name, say: words, scan: content, hold: openid, login, answer, fault } = button.dataset;
  if (name) show(name);
  else if (words) act(button, () => say(words));
  else if (content) act(button, () => scan(content));
  else if (login) {
    const number = button.parentElement.querySelector("input").value.trim();
    act(button, () => press("confirm", { content: login, answer, number }));
  }
  else if (fault) act(button, () => switchFault(fault, button.dataset.switch));
  else if (button.id === "all-off") act(button, switchAllOff);
  else if (openid) {
    hold(openid);
    act(button, async () => show("chat"));
  } else if (button.id === "follow" || button.id === "unfollow") act(button, () => press(button.id));
});

byId("writer").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = byId("words");
  const content = words.value.trim();
  if (!content) return;
  words.value = "";
  act(event.submitter, () => say(content));
});

byId("scanner").addEventListener("submit", (event) => {
  event.preventDefault();
  const content = byId("code").value.trim();
  act(event.submitter, async () => {
    await scan(content);
    byId("code").value = "";
  });
});

byId("checkout").addEventListener("submit", (event) => {
  event.preventDefault();
  const { notify } = Object.fromEntries(new FormData(event.target));
  const outcome = event.submitter?.value ?? "success";
  act(event.submitter, async () => {
    const { state } = await press("pay", { content: payment.content, outcome, notify });
    drawPaid(state);
  });
});

byId("newcomer").addEventListener("submit", (event) => {
  event.preventDefault();
  act(event.submitter, async () => {
    const phone = await newPhone(byId("nickname").value.trim());
    byId("nickname").value = "";
    hold(phone.openid);
    show("chat");
  });
});

byId("renaming").addEventListener("submit", (event) => {
  event.preventDefault();
  act(event.submitter, async () => {
    await rename(byId("new-name").value.trim());
    drawPeople(await phones());
    toast(text("sandbox-renamed"), "ok");
  });
});

byId("account-type").addEventListener("change", () => act(null, changeAccount));

const watch = () => keepAsking(refresh, { everyMs: () => ASK_EVERY_MS, refused: report });

pickUp().then(watch, report);
