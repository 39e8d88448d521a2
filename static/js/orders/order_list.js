// My orders: cancelling from the list.
import { cancel } from "./acts.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-cancel]");
  if (!button || button.disabled) return;
  button.disabled = true;
  if (await cancel(button.dataset.cancel)) location.reload();
  else button.disabled = false;
});
