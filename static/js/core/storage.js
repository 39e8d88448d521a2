// What pages remember in this browser. Storage may be forbidden, full, or hold what somebody else wrote there:
// nothing here throws. What cannot be stored is remembered until the page is left.

const OURS = "chatloop:";
// Drafts had no owner once; whose they were nobody knows.
const OWNERLESS = "chat:";
const member = document.documentElement.dataset.member;
const unstored = new Map();

let isMine = Boolean(member);

function attempt(act) {
  try {
    return act(localStorage);
  } catch {
    return null;
  }
}

function get(key) {
  return unstored.get(key) ?? attempt((storage) => storage.getItem(key)) ?? "";
}

function set(key, value) {
  unstored.delete(key);
  if (!value) attempt((storage) => storage.removeItem(key));
  else if (attempt((storage) => storage.setItem(key, value) ?? true) === null) unstored.set(key, value);
}

/** Of whoever uses this browser: the theme, the demo phone in hand. `get` answers "" for what is not there. */
export const ofDevice = { get, set };

/** Of the signed-in member alone: drafts, choices. Nothing is written for a visitor, a frozen member, or after `forget`. */
export const ofMember = {
  get: (key) => (isMine ? get(`${OURS}${member}:${key}`) : ""),
  set(key, value) {
    if (isMine) set(`${OURS}${member}:${key}`, value);
  },
};

function drop(isKept) {
  const keys = attempt((storage) => Object.keys(storage)) ?? [];
  for (const key of [...keys, ...unstored.keys()]) {
    if ((key.startsWith(OURS) || key.startsWith(OWNERLESS)) && !isKept(key)) set(key, "");
  }
}

/** Drops what other members left here: all of it where nobody is signed in, nothing where the page cannot know. */
export function forgetOthers() {
  if (member !== undefined) drop((key) => isMine && key.startsWith(`${OURS}${member}:`));
}

/** Drops what this page's member left here, for good: what is still in its boxes is not written again. */
export function forget() {
  isMine = false;
  drop(() => false);
}
