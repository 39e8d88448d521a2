// Runs before the first paint (a plain script in <head>), so a chosen theme never flashes.
// The key and its values are those of the Django admin: one choice serves both.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; the system preference then applies.
  }
})();
