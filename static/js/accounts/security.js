// Signing other devices out.
import { api } from "../core/api.js";
import { ask } from "../core/dialog.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";

async function end(button) {
  button.setAttribute("aria-busy", "true");
  try {
    await api.delete(`me/sessions/${button.dataset.endSession}`);
    button.closest(".list-row").remove();
    const more = document.querySelector("[data-end-session]");
    if (!more) document.getElementById("end-others")?.remove();
    toast(text("session-ended"), "ok");
    (more ?? document.getElementById("page")).focus({ preventScroll: true });
  } catch (error) {
    button.removeAttribute("aria-busy");
    toast(error.title, "bad");
  }
}

document.getElementById("sessions").addEventListener("click", (event) => {
  const button = event.target.closest("[data-end-session]");
  if (button) end(button);
});

document.getElementById("end-others")?.addEventListener("click", async (event) => {
  if ((await ask("end-others-sheet")) !== "yes") return;
  event.target.setAttribute("aria-busy", "true");
  try {
    await api.delete("me/sessions");
    location.reload();
  } catch (error) {
    event.target.removeAttribute("aria-busy");
    toast(error.title, "bad");
  }
});
