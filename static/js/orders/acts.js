// What a member can do to an order that exists. Each may be repeated; a second time changes nothing.
import { api, ApiError } from "../core/api.js";
import { ask } from "../core/dialog.js";
import { toast } from "../core/toast.js";

export const OPEN = new Set(["created", "paying"]);

/** Carries out "check" or "cancel"; answers the order as it is then, or null when nobody could say. */
async function act(id, verb) {
  try {
    return await api.post(`orders/${id}/${verb}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // Only the answer was lost, perhaps: the order itself knows whether it was carried out.
    const order = error.status === 0 ? await api.get(`orders/${id}`).catch(() => null) : null;
    if (!order || OPEN.has(order.state)) toast(error.title, "warn");
    return order;
  }
}

/** Asks the provider about the order. */
export const check = (id) => act(id, "check");

/** Asks the member, then gives the order up; null also when they think better of it. */
export async function cancel(id) {
  return (await ask("cancel-sheet")) === "yes" ? act(id, "cancel") : null;
}
