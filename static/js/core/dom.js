// Small builders for what scripts add to a page.

const SVG = "http://www.w3.org/2000/svg";

/** An <svg> of the sprite (static/img/icons.svg); `name` as in docs/design.md. */
export function icon(name, className = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${className}`.trim());
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

/** element("p", {class: "meta", "data-id": 7}, "text", child): attributes null or false are left out. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Is this key an input method's: choosing or dropping a candidate? Safari ends the composition before it tells the key. */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

/** `act` disables or hides things; if the focus was in one of them it goes to what `next()` finds, and not to nowhere. */
export function keepingFocus(act, next) {
  const before = document.activeElement;
  const had = before && before !== document.body;
  act();
  // The browser itself lets go of it only later.
  if (had && (before.disabled || !before.checkVisibility())) next()?.focus({ preventScroll: true });
}

/** Disables a button; the focus that it had goes to `next` and not to nowhere. */
export function disable(button, next) {
  keepingFocus(
    () => {
      button.disabled = true;
    },
    () => next,
  );
}
