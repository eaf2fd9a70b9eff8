// What went wrong, in the place where it did.
import { h, fill } from "./dom.js";

/** Show one line in an element, read out at once. */
export function fault(place, error) {
  fill(place, h("p", { class: "fault", role: "alert" }, error.message ?? String(error)));
}

/** Run something; show what it is refused for. */
export async function attempt(place, act) {
  try {
    const found = await act();
    if (place.querySelector(".fault")) fill(place);
    return found;
  } catch (error) {
    fault(place, error);
    return undefined;
  }
}
