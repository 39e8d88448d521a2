// Parts of a page as the server has them now: for a page that was made yesterday, or before something happened elsewhere.
import { freshPage } from "./fresh_page.js";
import { writeRelativeTimes } from "./format.js";

const BUSY = "dialog[open], [aria-busy=true], [data-running]";

/** Replaces the elements of these ids by those of a freshly fetched page, unless somebody is in the middle of something. */
export async function renewParts(ids) {
  const fresh = await freshPage(location.pathname + location.search);
  if (!fresh || document.querySelector(BUSY)) return;
  const focused = document.activeElement?.id;
  for (const id of ids) {
    const [old, renewed] = [document.getElementById(id), fresh.getElementById(id)];
    if (old && renewed && old.outerHTML !== renewed.outerHTML) old.replaceWith(document.adoptNode(renewed));
  }
  writeRelativeTimes();
  if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
}
