// Where the member was talking, so that other pages lead back there and not to an empty chat.
import { ofMember } from "./storage.js";

const KEY = "last-chat";
// Storage is anybody's to write: only an address of our own chat is followed.
const CHAT = /^\/chat\/([0-9a-f-]{36}\/)?$/;

/** Remembers the chat that this page shows. */
export const rememberChat = () => ofMember.set(KEY, location.pathname);

/** The address of the last chat; that of a new one where none is remembered. */
export function lastChat() {
  const address = ofMember.get(KEY);
  return CHAT.test(address) ? address : "/chat/";
}
