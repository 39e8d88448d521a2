// A page as the server has it now.

// A connection that died while the machine slept never answers, and never says so.
const PATIENCE_MS = 12_000;

/** The document at `address`, or null when it does not come, is refused, or is another page by now. */
export async function freshPage(address) {
  try {
    const response = await fetch(address, { credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!response.ok || response.redirected) return null;
    return new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return null; // what changed is noticed again soon
  }
}
