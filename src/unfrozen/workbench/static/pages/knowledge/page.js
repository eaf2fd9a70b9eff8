// The page Knowledge: one choice of a state, and six tabs that question it.
import { tell } from "../../shared/api.js";
import { find, values } from "../../shared/dom.js";
import { fault } from "../../shared/errors.js";
import { JobView, jobsOf } from "../../shared/job.js";
import { Tabs } from "../../shared/tabs.js";
import { Where } from "../../shared/where.js";
import { ask } from "./ask.js";
import { edit } from "./edit.js";
import { graphs } from "./graphs.js";
import { log } from "./log.js";
import { trace } from "./trace.js";

const where = new Where(find("#where"), find("#where-note"));
const tabs = new Tabs(find(".tabs"));
const page = { where, tabs };

function workspaces() {
  const place = find("#make-job");
  const form = find("#make-form");
  const view = new JobView(place, "make", {
    button: find("button", form),
    onResult: async ({ workspace }) => {
      form.reset();
      place.hidden = true;
      find("#make").open = false;
      await where.load(`workspace:${workspace}`);
      tell("states");
    },
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    place.hidden = false;
    view.start("/api/knowledge/make", { ...values(form), model: where.asked.model ?? null });
  });
  return view;
}

const parts = [ask(page), trace(page), edit(page), ...graphs(page)];
workspaces();
log(page);

try {
  const jobs = await jobsOf("knowledge");
  await Promise.all(parts.map((part) => part.resume(jobs)));
  await where.load();
} catch (error) {
  fault(find("#where-note"), error);
}
document.body.dataset.ready = "";
