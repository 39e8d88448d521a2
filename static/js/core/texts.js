// Texts come from the server, in the member's language:
//   <template data-texts><p data-text="saved">Saved {name}</p></template>
// text("saved", {name: "x"}) -> "Saved x". An unknown key answers the key itself.

const found = new Map();

function lookUp(key) {
  if (found.has(key)) return found.get(key);
  for (const template of document.querySelectorAll("template[data-texts]")) {
    const entry = template.content.querySelector(`[data-text="${CSS.escape(key)}"]`);
    if (entry) {
      found.set(key, entry.textContent.trim());
      return found.get(key);
    }
  }
  return key;
}

export function text(key, values = {}) {
  return lookUp(key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
