// What is switched around the phone: the kind of account, and the faults.
import { api } from "../core/api.js";
import { element, icon } from "../core/dom.js";
import { text } from "../core/texts.js";

const ACCOUNT = "/sandbox/account";
const FAULTS = "/sandbox/faults";
const byId = (id) => document.getElementById(id);

function drawAccount(account) {
  const chosen = `${account.kind} ${account.is_verified ? "verified" : "unverified"}`;
  for (const each of byId("account-type").elements) each.checked = each.value === chosen;
  // Messages and their replies are open to every kind of account.
  const permissions = { code_login: true, ...account.permissions };
  for (const each of byId("permissions").children) {
    const may = permissions[each.dataset.permission];
    each.dataset.allowed = String(may);
    each.querySelector(".icon")?.remove();
    each.prepend(icon(may ? "ok" : "close"));
    each.title = text(may ? "sandbox-allowed" : "sandbox-not-allowed");
  }
}

export const showAccount = async () => drawAccount(await api.get(ACCOUNT));

export async function changeAccount() {
  const [kind, verification] = new FormData(byId("account-type")).get("type").split(" ");
  drawAccount(await api.put(ACCOUNT, { kind, is_verified: verification === "verified" }));
}

function switches({ name, is_on, times_left }) {
  const button = (key, fault) => element("button", { class: "button", type: "button", "data-fault": name, "data-switch": fault }, text(key));
  if (!is_on) return [button("sandbox-once", "once"), button("sandbox-always", "always")];
  const left = times_left === null ? text("sandbox-on") : text("sandbox-times-left", { n: times_left });
  return [element("span", { class: "badge badge--warn" }, left), button("sandbox-off", "off")];
}

function faultRow(fault) {
  return element("div", { class: "fault", role: "group", "aria-label": fault.title },
    element("p", { class: "list-row__title" }, fault.title),
    element("p", { class: "list-row__note" }, fault.description),
    element("div", { class: "fault__switches" }, ...switches(fault)));
}

export async function showFaults() {
  const faults = await api.get(FAULTS);
  for (const box of byId("screen-faults").querySelectorAll("[data-area]")) {
    box.replaceChildren(...faults.filter((fault) => fault.area === box.dataset.area).map(faultRow));
  }
  byId("all-off").hidden = !faults.some((fault) => fault.is_on);
}

export async function switchFault(name, how) {
  if (how === "off") await api.delete(`${FAULTS}?name=${name}`);
  else await api.post(FAULTS, how === "once" ? { name, times: 1 } : { name });
  await showFaults();
}

export async function switchAllOff() {
  await api.delete(FAULTS);
  await showFaults();
}
