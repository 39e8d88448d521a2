// Telling the other tabs of this browser. Where that is forbidden they find out when they are looked at.

/** {tell(value), hear(act)} for one subject; a tab does not hear itself. */
export function tabsAbout(subject) {
  let channel = null;
  try {
    channel = new BroadcastChannel(`chatloop:${subject}`);
  } catch {
    // An old browser, or one that forbids storage.
  }
  return {
    tell: (value) => channel?.postMessage(value),
    hear: (act) => channel?.addEventListener("message", ({ data }) => act(data)),
  };
}
