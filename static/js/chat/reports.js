// Reporting an answer: a sheet asks for the reason, and the answer says below that it was reported.
import { api } from "../core/api.js";
import { ask } from "../core/dialog.js";
import { minuteOf } from "../core/format.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";

const form = document.getElementById("report-form");
const note = document.getElementById("report-note");

const wordsOf = (reason) => form.querySelector(`[value="${reason}"]`).closest("label").textContent.trim();

/** Says below an answer what was reported, where its button was. */
function show(message, report) {
  const line = message.querySelector('[data-part="report"]');
  line.textContent = text("reported", { reason: wordsOf(report.reason), until: minuteOf(report.due_at) });
  line.hidden = false;
  line.tabIndex = -1;
  message.querySelector("[data-report]").hidden = true;
  line.focus();
}

/** Asks what is wrong with an answer, and sends it. What is written stays in the sheet until it has arrived. */
export async function report(message) {
  if (form.dataset.about !== message.dataset.generation) form.reset();
  form.dataset.about = message.dataset.generation;
  if ((await ask("report-sheet")) !== "yes") return;
  try {
    const made = await api.post(`chat/generations/${message.dataset.generation}/report`, {
      reason: new FormData(form).get("reason"),
      note: note.value.trim(),
    });
    show(message, made);
  } catch (error) {
    toast(error.message, "bad");
  }
}
