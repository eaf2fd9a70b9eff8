// Rate maps: units of the position code, drawn over the places of the present world.
import { fill, find, fixed, h, number, refill, values } from "../../shared/dom.js";
import { JobView } from "../../shared/job.js";
import { unit } from "./drawing.js";

function show(found) {
  fill(
    find("#cells-found"),
    h(
      "div",
      { class: "stack" },
      h("p", {}, `Over ${number(found.steps)} steps, place explains more than half of what ${found.explained} of ${found.of} units do; the others drift. Each map has its own scale, from its lowest rate `, h("span", { class: "scale" }), " to its highest."),
      h(
        "div",
        { class: "units" },
        found.units.map((one) => h("figure", {}, unit(found.places, one), h("figcaption", {}, `Unit ${one.unit}, place explains ${one.consistency === null ? "–" : fixed(one.consistency, 2)}`))),
      ),
    ),
  );
}

export function cells(walking) {
  const form = find("#cells-form");
  const view = new JobView(find("#cells-job"), "cells", { button: find("button.main", form), onResult: show });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    view.start(`/api/map/walks/${walking.walk.id}/cells`, values(form));
  });
  return { resume: async (jobs) => refill(form, (await view.resume(jobs)) ?? {}) };
}
