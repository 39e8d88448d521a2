// In what size and quality a picture is asked for, of those that have a price of their own; the model's usual one else.
import { ofMember } from "../core/storage.js";

const REMEMBERED = "image-size";
const select = document.getElementById("image-size");

/** Shows what this model offers, the radio that chooses it, with what each costs. */
export function offerSizes(model) {
  const sizes = model?.closest(".model-option").querySelector("template[data-sizes]");
  const wanted = select.value || ofMember.get(REMEMBERED) || "";
  select.replaceChildren(...(sizes?.content.cloneNode(true).children ?? []));
  const known = [...select.options].find((option) => option.value === wanted);
  if (known) known.selected = true;
  select.hidden = select.options.length < 2;
}

/** What an image costs that is asked for now, in milli-credits; undefined for a model of texts. */
export const imageMilli = () => (select.selectedOptions.length ? Number(select.selectedOptions[0].dataset.milli) : undefined);

/** The choice with its price, as it stands in the list. */
export const sizeInWords = () => select.selectedOptions[0]?.textContent.trim() ?? "";

/** What goes with a message: nothing where that is left to the model. */
export function sized() {
  const { size, quality } = select.selectedOptions[0]?.dataset ?? {};
  return { ...(size ? { size } : {}), ...(quality ? { quality } : {}) };
}

/** Calls `changed` when somebody chooses another. */
export function wireSizes(changed) {
  select.addEventListener("change", () => {
    ofMember.set(REMEMBERED, select.value);
    changed();
  });
}
