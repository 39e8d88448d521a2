// Theme and language, wherever components/preferences.html is included.
import { ofDevice } from "./storage.js";

const ORDER = ["auto", "light", "dark"];

function chosenTheme() {
  const theme = ofDevice.get("theme");
  return ORDER.includes(theme) ? theme : "auto";
}

function showTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    for (const face of button.querySelectorAll("[data-face]")) face.hidden = face.dataset.face !== theme;
  }
}

export function wirePreferences() {
  showTheme(chosenTheme());
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    const next = ORDER[(ORDER.indexOf(chosenTheme()) + 1) % ORDER.length];
    ofDevice.set("theme", next);
    showTheme(next);
  });
}
