// The sidebar as a drawer on phones: opened by the top bar's menu button, closed by Esc, the scrim or a link.
import { isSheetOpen } from "./dialog.js";
import { isComposing } from "./dom.js";

export function wireDrawer() {
  const button = document.querySelector("[data-drawer]");
  const sidebar = document.querySelector(".sidebar");
  const scrim = document.querySelector(".drawer-scrim");
  if (!button || !sidebar || !scrim) return;

  const show = (open) => {
    sidebar.toggleAttribute("data-open", open);
    scrim.toggleAttribute("data-open", open);
    button.setAttribute("aria-expanded", String(open));
    document.getElementById("page").inert = open;
    if (open) sidebar.querySelector("a, button, input")?.focus();
  };

  button.addEventListener("click", () => show(!sidebar.hasAttribute("data-open")));
  scrim.addEventListener("click", () => show(false));
  sidebar.addEventListener("click", (event) => {
    if (event.target.closest("a[href], [data-drawer-close]")) show(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || isComposing(event) || isSheetOpen() || !sidebar.hasAttribute("data-open")) return;
    show(false);
    button.focus();
    event.preventDefault();
  });
  matchMedia("(min-width: 768px)").addEventListener("change", () => show(false));
}
