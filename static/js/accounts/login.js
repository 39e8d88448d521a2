// Signs this browser in: with the code that the official account sent to the phone, or by a phone that scans.
import * as attempts from "./login_attempt.js";
import { text } from "../core/texts.js";

const { next, invite } = document.getElementById("login").dataset;
const panels = document.getElementById("panels");
const ways = document.getElementById("ways");
const qrPanel = document.getElementById("qr-panel");
const qrState = document.getElementById("qr-state");
const form = document.getElementById("login-form");
const input = document.getElementById("id_code");
const state = document.getElementById("code-state");
const button = form.querySelector("button[type=submit]");
const codeLength = Number(form.dataset.length);
const SESSION_TRIES = 5;

const isRedeeming = () => button.getAttribute("aria-busy") === "true";
const typedCode = () => input.value.normalize("NFKC").toUpperCase().replace(/[^0-9A-Z]/g, "");
const enter = () => location.replace(next);

function showError(message) {
  state.textContent = message || text("code-hint");
  state.dataset.state = message ? "refused" : "waiting";
  input.setAttribute("aria-invalid", message ? "true" : "false");
}

// -- the attempt

const isQrShown = () => qrPanel !== null && qrPanel.getClientRects().length > 0;

async function openAttempt() {
  show(await attempts.open(invite, showState, { qr: isQrShown() }));
}

async function begin() {
  const waiting = await attempts.resume(showState, { qr: isQrShown() });
  if (waiting) show(waiting);
  else await openAttempt();
}

function show(opened) {
  document.getElementById("official-account").textContent = opened.official_account;
  document.getElementById("keyword").textContent = opened.keyword;
  showCode(opened);
}

/** A code that was refused may have used up the attempt's tries: look, and start the next one if so. */
async function renewIfOver() {
  if (!["waiting", "scanned"].includes(await attempts.look())) await openAttempt();
}

// -- scanning

function showCode(opened) {
  if (!qrPanel) return;
  const canScan = opened.methods.includes("qr");
  panels.toggleAttribute("data-no-qr", !canScan);
  ways.hidden = !canScan;
  if (!canScan) {
    choose("code");
    qrPanel.dataset.state = "none";
    qrState.textContent = text("qr-none");
    return;
  }
  if (!opened.qr_image) return;
  const image = new Image();
  image.alt = "";
  image.src = opened.qr_image;
  document.getElementById("qr-code").replaceChildren(image);
  showState("waiting");
}

function showState(standing) {
  if (!qrPanel) return;
  qrPanel.dataset.state = standing;
  qrState.dataset.state = standing;
  const number = attempts.attempt()?.confirm_number ?? "";
  document.getElementById("qr-number").textContent = number;
  const words = text(`qr-${standing}`, { number });
  // Said once: a status that is written again is read out again.
  if (qrState.textContent !== words) qrState.textContent = words;
  // While a code is on its way it is that answer which brings the session: leaving now would lose it.
  if (standing === "confirmed" && !isRedeeming()) collect(SESSION_TRIES);
}

/** Fetch the session that waits for this browser. Asking twice is harmless: there is one. */
async function collect(tries) {
  try {
    await attempts.look();
    enter();
  } catch (error) {
    const isPassing = error.status === 0 || error.status >= 500;
    if (isPassing && tries > 1) setTimeout(() => collect(tries - 1), 1_000);
    else {
      showState("expired");
      qrState.textContent = error.title;
    }
  }
}

function choose(way) {
  panels.dataset.way = way;
  for (const option of ways.children) option.setAttribute("aria-pressed", String(option.dataset.way === way));
}

/** A QR code is asked for when it is looked at. */
async function chooseAndShow(way) {
  choose(way);
  const needsCode = isQrShown() && attempts.attempt()?.methods.includes("qr") && !attempts.attempt().qr_image;
  if (needsCode) await openAttempt().catch((error) => (qrState.textContent = error.title));
}

// -- the code

async function explain(error) {
  if (error.code === "login_attempt_not_found") attempts.drop();
  showError(error.status === 429 ? text("try-later", { seconds: error.retryAfter ?? 60 }) : error.title);
  input.focus();
  if (error.code !== "code_not_valid") return;
  input.value = "";
  await renewIfOver().catch(attempts.drop);
}

/** The server hands a session out again after a second at the earliest. */
async function lookInAWhile() {
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  return attempts.look().catch(() => "unknown");
}

async function signIn() {
  if (isRedeeming()) return;
  if (typedCode().length !== codeLength) {
    showError(text("code-missing"));
    input.focus();
    return;
  }
  showError("");
  button.setAttribute("aria-busy", "true");
  try {
    if (!attempts.isUsable()) await openAttempt();
    await attempts.redeem(typedCode());
    enter();
  } catch (error) {
    button.removeAttribute("aria-busy");
    // The answer may have been lost on its way, and the code used up: then the session waits for this browser.
    if (error.status === 0 && (await lookInAWhile()) === "confirmed") enter();
    else await explain(error);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  signIn();
});

input.addEventListener("input", (event) => {
  showError("");
  // Not in the middle of an input method's composition.
  if (event.isComposing) return;
  if (input.value !== typedCode()) input.value = typedCode().slice(0, codeLength);
  if (typedCode().length === codeLength) signIn();
});

ways?.addEventListener("click", (event) => {
  const option = event.target.closest("[data-way]");
  if (option) chooseAndShow(option.dataset.way);
});

document.getElementById("qr-renew")?.addEventListener("click", async (event) => {
  const renew = event.currentTarget;
  renew.setAttribute("aria-busy", "true");
  await openAttempt().catch((error) => (qrState.textContent = error.title));
  renew.removeAttribute("aria-busy");
});

begin().catch((error) => showError(error.title));
// On a phone the keyboard would cover the steps.
if (matchMedia("(pointer: fine)").matches) input.focus({ preventScroll: true });
