// Starting afresh: what stands above an answer stays to be read, and is not sent any more with what is asked below.
import { api } from "../core/api.js";

/** Says it of an answer, or takes it back, as its button does; a promise that the server knows. */
export function startAfresh(conversationId, message, button) {
  const isOn = button.dataset.freshStart === "true";
  const asked = { message_id: message.dataset.message, is_on: isOn };
  return api.post(`chat/conversations/${conversationId}/fresh-start`, asked);
}
