// My orders: cancelling from the list.
import { api, ApiError } from "../core/api.js";
import { ask } from "../core/dialog.js";
import { toast } from "../core/toast.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-cancel]");
  if (!button || (await ask("cancel-sheet")) !== "yes") return;
  button.disabled = true;
  try {
    await api.post(`orders/${button.dataset.cancel}/cancel`);
    location.reload();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast(error.title, "warn");
    button.disabled = false;
  }
});
