// The question in the box as this browser remembers it until it is sent: its words, the model that they are for, what
// gave way to a prompt, and an earlier try to send it. Each chat has its own, and so has the new chat.
import { ofMember } from "../core/storage.js";

const chat = document.getElementById("chat");
const key = (what, conversation = chat.dataset.conversation) => `${what}:${conversation || "new"}`;

export const keptWords = () => ofMember.get(key("draft"));
export const keepWords = (words) => ofMember.set(key("draft"), words);

/** The ids of its pictures. */
export const keptPictures = (conversation) => (ofMember.get(key("pictures", conversation)) || "").split(" ").filter(Boolean);
export const keepPictures = (ids) => ofMember.set(key("pictures"), ids.join(" "));

/** The id of the model, "" when none was chosen for what is in the box. */
export const keptModel = () => (keptWords() || keptPictures().length ? ofMember.get(key("model")) : "");
export const keepModel = (id) => ofMember.set(key("model"), id);

/** The prompt that was put into the box last, as it came; "" for none. */
export const keptPrompt = (conversation) => ofMember.get(key("prompt", conversation));
export const keepPrompt = (words) => ofMember.set(key("prompt"), words);

/** What the member had written before prompts took its place, oldest first. */
export function keptAside(conversation) {
  try {
    return JSON.parse(ofMember.get(key("aside", conversation))).filter((words) => typeof words === "string" && words.trim());
  } catch {
    return [];
  }
}

export const keepAside = (drafts) => ofMember.set(key("aside"), drafts.length ? JSON.stringify(drafts) : "");

/** What the last try to send these words said, or null. */
export function keptAttempt() {
  try {
    return JSON.parse(ofMember.get(key("attempt")));
  } catch {
    return null;
  }
}

export const keepAttempt = (attempt) => ofMember.set(key("attempt"), attempt ? JSON.stringify(attempt) : "");

/** What waits in a conversation that is gone, or in the new chat, "", waits in this one from now on. */
export function inherit(gone) {
  const [words, model] = ["draft", "model"].map((what) => ofMember.get(key(what, gone)));
  if (words && model) keepModel(model);
  keepWords([keptWords(), words].filter(Boolean).join("\n"));
  keepPictures([...keptPictures(), ...keptPictures(gone)]);
  keepAside([...keptAside(), ...keptAside(gone)]);
  keepPrompt(keptPrompt() || keptPrompt(gone));
  for (const what of ["draft", "model", "pictures", "aside", "prompt", "attempt"]) ofMember.set(key(what, gone), "");
}

/** The question was sent: of its words the box itself takes care. */
export function forgetQuestion() {
  keepModel("");
  keepPictures([]);
  keepAttempt(null);
}
