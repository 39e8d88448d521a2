// The phone's connection: which phone this window holds, and what its buttons ask of the sandbox.
import { api } from "../core/api.js";
import { ofDevice } from "../core/storage.js";
import { text } from "../core/texts.js";

const KEY = "sandbox.openid";
const ROOT = "/sandbox/phone/";

/** The openid of the phone in this window's hand; other windows on this machine start with the same one. */
export const held = { openid: ofDevice.get(KEY) };

export function hold(openid) {
  held.openid = openid;
  ofDevice.set(KEY, openid);
  // The authorize page reads there who is asking.
  document.cookie = `sandbox_openid=${openid}; path=/sandbox/; samesite=lax`;
}

export const phones = () => api.get(ROOT);
export const newPhone = (nickname) => api.post(ROOT, { nickname });
export const rename = (nickname) => api.patch(`${ROOT}${held.openid}`, { nickname });
export const screen = (signal) => api.get(`${ROOT}${held.openid}`, { signal });
export const press = (button, body = {}) => api.post(`${ROOT}${held.openid}/${button}`, body);

/** Makes sure that a phone is held; the very first visitor finds one on the table. */
export async function pickUp() {
  const atFirst = held.openid;
  const known = await phones();
  if (held.openid !== atFirst) return; // chosen meanwhile
  const phone = known.find((each) => each.openid === held.openid) ?? known[0] ?? (await newPhone(text("sandbox-first-owner")));
  hold(phone.openid);
}
