// API keys: make one, show it once, revoke.
import { api } from "../core/api.js";
import { now } from "../core/clock.js";
import { ask, closeSheet, openSheet } from "../core/dialog.js";
import { element } from "../core/dom.js";
import { count } from "../core/format.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";

const form = document.getElementById("key-form");
const state = document.getElementById("key-state");
const button = form.querySelector("button[type=submit]");
const limits = document.getElementById("key-limits");
const models = document.getElementById("key-models");
const DAY_MS = 86_400_000;

/** Says what is wrong, below the field that it is about. */
function showError(message, field) {
  (field?.closest(".field") ?? form.querySelector(".sheet__body")).append(state);
  state.textContent = message;
  state.hidden = !message;
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  if (!field) return;
  if (limits.contains(field)) limits.open = true;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-errormessage", state.id);
  field.focus();
  state.scrollIntoView({ block: "nearest" });
}

const checked = (name) => [...form.querySelectorAll(`input[name=${name}]:checked`)].map((input) => input.value);

/** What the form says, or null after saying what is missing. */
function wish() {
  const { name, days, cap, networks, rpm, tpm, parallel } = form.elements;
  const scopes = checked("scopes");
  if (!name.value.trim()) return showError(text("name-missing"), name), null;
  if (scopes.length === 0) return showError(text("scope-missing"), form.querySelector("[name=scopes]")), null;
  for (const limit of [cap, rpm, tpm, parallel]) {
    const words = limit === cap ? "cap-not-valid" : "limit-not-valid";
    if (!limit.validity.valid) return showError(text(words, { most: count(Number(limit.max)) }), limit), null;
  }
  return {
    name: name.value.trim(),
    scopes,
    expires_at: days.value ? new Date(now() + days.value * DAY_MS).toISOString() : null,
    spend_cap_milli: cap.value === "" ? null : Math.round(cap.valueAsNumber * 1000),
    requests_per_minute: rpm.value === "" ? null : rpm.valueAsNumber,
    tokens_per_minute: tpm.value === "" ? null : tpm.valueAsNumber,
    max_parallel: parallel.value === "" ? null : parallel.valueAsNumber,
    allowed_networks: networks.value.split(/[\s,]+/).filter(Boolean),
    allowed_models: checked("models"),
  };
}

function explain(error) {
  const field = error.context?.field ?? Object.keys(error.errors ?? {})[0];
  if (field === "allowed_networks") return showError(text("networks-not-valid"), form.elements.networks);
  const places = {
    name: form.elements.name,
    spend_cap_milli: form.elements.cap,
    requests_per_minute: form.elements.rpm,
    tokens_per_minute: form.elements.tpm,
    max_parallel: form.elements.parallel,
  };
  showError(error.errors?.[field]?.[0] ?? error.title, places[field]);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  showError("");
  const body = wish();
  if (!body) return;
  button.setAttribute("aria-busy", "true");
  try {
    const made = await api.post("api-keys", body);
    document.getElementById("made-key").textContent = made.key;
    closeSheet("key-sheet");
    openSheet("made-sheet").addEventListener("close", () => location.reload(), { once: true });
  } catch (error) {
    explain(error);
  } finally {
    button.removeAttribute("aria-busy");
  }
});

limits.addEventListener("toggle", async () => {
  if (!limits.open || models.childElementCount > 0) return;
  const offers = await api.get("chat/models").catch(() => []);
  if (models.childElementCount > 0) return;
  if (offers.length === 0) models.append(element("p", { class: "meta" }, text("no-models")));
  for (const offer of offers) {
    const input = element("input", { type: "checkbox", name: "models", value: offer.id });
    models.append(element("label", { class: "choice" }, input, element("span", {}, offer.name)));
  }
});

document.addEventListener("click", async (event) => {
  const revoke = event.target.closest("[data-revoke]");
  if (!revoke || (await ask("revoke-sheet")) !== "yes") return;
  revoke.setAttribute("aria-busy", "true");
  try {
    await api.delete(`api-keys/${revoke.dataset.revoke}`);
    toast(text("key-revoked"), "ok");
    revoke.closest(".key-card").remove();
    if (!document.querySelector(".key-card")) location.reload();
    document.querySelector("[data-open=key-sheet]").focus();
  } catch (error) {
    revoke.removeAttribute("aria-busy");
    toast(error.title, "bad");
  }
});
