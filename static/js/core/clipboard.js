// Copying, also where the browser's clipboard is missing or half there: on plain http, and inside older WeChats.
import { ApiError } from "./api.js";
import { element } from "./dom.js";
import { text } from "./texts.js";
import { toast } from "./toast.js";

/** As one item from the start: Safari forgets who clicked while a promise is waited for. */
function asItem(words) {
  const plain = words.then((found) => new Blob([found], { type: "text/plain" }));
  return navigator.clipboard.write([new ClipboardItem({ "text/plain": plain })]);
}

const asText = async (words) => navigator.clipboard.writeText(await words);

/** As somebody would by hand: select it, and tell the browser to copy. */
async function asSelection(words) {
  const box = element("textarea", { class: "visually-hidden", readonly: true, "aria-hidden": "true" });
  box.value = await words;
  const focused = document.activeElement;
  // Outside of an open sheet nothing can be selected.
  (document.querySelector("dialog[open]") ?? document.body).append(box);
  box.select();
  const isCopied = document.execCommand("copy");
  box.remove();
  focused?.focus({ preventScroll: true });
  if (!isCopied) throw new Error("the browser does not copy");
}

/** Copies a text, or what a promise of one brings, and says whether it worked. */
export async function copy(value) {
  const words = Promise.resolve(value);
  for (const way of [asItem, asText, asSelection]) {
    try {
      await way(words);
      return toast(text("copied"), "ok");
    } catch {
      // The next way, or none.
    }
  }
  const error = await words.catch((reason) => reason);
  if (error instanceof ApiError) toast(error.message, "bad");
  else toast(text("copy-failed"), "warn");
}
