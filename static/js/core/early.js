// Runs before the page is read (a plain script in <head>). A slow phone shows a page before its modules are there: a tap on
// a button waits for them, is seen to wait, and is carried out once. If a script never comes, the page says so.
(() => {
  let tapped = null;

  function hold(event) {
    const button = event.target.closest("button");
    if (!button) return;
    // Enter in a field clicks the form's button, too: the browser shall not send the form, which would lose its words.
    event.preventDefault();
    event.stopImmediatePropagation();
    tapped?.removeAttribute("aria-busy");
    tapped = button;
    tapped.setAttribute("aria-busy", "true");
  }

  addEventListener("click", hold, true);
  // By then every module has run.
  document.addEventListener("DOMContentLoaded", () => {
    removeEventListener("click", hold, true);
    tapped?.removeAttribute("aria-busy");
    tapped?.click();
  });
  const complain = ({ target }) => {
    if (target.tagName === "SCRIPT") document.getElementById("incomplete")?.removeAttribute("hidden");
  };
  addEventListener("error", complain, true);
})();
