// Own keys of providers: enter, test, switch off and on, delete. What came of it is written by the page anew.
import { api } from "../core/api.js";
import { ask } from "../core/dialog.js";
import { text } from "../core/texts.js";

const card = (node) => node.closest("[data-own-key]");
const path = (node) => `chat/own-keys/${card(node).dataset.ownKey}`;

/** Says what is wrong, in the card that it is about. */
function showError(node, message, field) {
  const state = card(node).querySelector("[data-state]");
  state.textContent = message;
  state.hidden = !message;
  for (const input of card(node).querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  if (field) {
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
}

/** Does one thing with a key and shows the page anew; a test takes up to twelve seconds. */
async function act(button, work) {
  if (button.getAttribute("aria-busy")) return;
  showError(button, "");
  button.setAttribute("aria-busy", "true");
  try {
    await work();
    location.reload();
  } catch (error) {
    button.removeAttribute("aria-busy");
    showError(button, error.title);
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-enter]");
  if (!form) return;
  event.preventDefault();
  const { api_key: key, base_url: url } = form.elements;
  if (!key.value.trim()) return showError(form, text("key-missing"), key);
  const body = { api_key: key.value.trim(), base_url: url ? url.value.trim() : "" };
  act(form.querySelector("[type=submit]"), () => api.put(path(form), body));
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-test], [data-switch], [data-delete]");
  if (!button) return;
  if ("test" in button.dataset) return act(button, () => api.post(`${path(button)}/test`, {}));
  if ("switch" in button.dataset) {
    const body = { is_enabled: button.dataset.switch === "on", base_url: button.dataset.baseUrl };
    return act(button, () => api.put(path(button), body));
  }
  if ((await ask("delete-key-sheet")) !== "yes") return;
  act(button, () => api.delete(path(button)));
});
