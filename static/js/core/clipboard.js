// Copying. On plain http addresses the browser allows none.
import { ApiError } from "./api.js";
import { text } from "./texts.js";
import { toast } from "./toast.js";

/** Copies a text, or what a promise of one brings, and says whether it worked. */
export async function copy(value) {
  const words = Promise.resolve(value).then((found) => new Blob([found], { type: "text/plain" }));
  try {
    // As one item from the start: Safari forgets who clicked while a promise is waited for.
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": words })]);
    toast(text("copied"), "ok");
  } catch {
    const error = await words.catch((reason) => reason);
    if (error instanceof ApiError) toast(error.message, "bad");
    else toast(text("copy-failed"), "warn");
  }
}
