// The page Learning: runs that learn in the background, stopped and gone on with.
import { get } from "../../shared/api.js";
import { find, refill, values } from "../../shared/dom.js";
import { fault } from "../../shared/errors.js";
import { JobView, jobsOf } from "../../shared/job.js";
import { Tabs } from "../../shared/tabs.js";
import { forward, mezo } from "./curves.js";

/** A form whose runs can be stopped and gone on with. */
function learner(kind, show) {
  const form = find(`#${kind}-form`);
  const on = find("button.on", form);
  let number = null;

  async function left() {
    const run = (await get("/api/learning/runs")).find((one) => one.number === number);
    on.disabled = !run || run.done >= run.total;
  }

  const view = new JobView(find(`#${kind}-job`), kind, {
    button: find("button.main", form),
    onResult: (found) => {
      number = found.number;
      on.disabled = true;
      if (found.points.length) show(found);
    },
    onOver: () => left().catch((error) => fault(find(`#${kind}-job`), error)),
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    on.disabled = true;
    view.start(`/api/learning/${kind}`, values(form));
  });
  on.addEventListener("click", () => {
    on.disabled = true;
    view.start(`/api/learning/runs/${number}/go-on`);
  });
  return async (jobs) => {
    // One that was stopped is shown as well: it can be gone on with.
    const last = jobs.filter((job) => job.kind === kind).at(-1);
    if (!last) return;
    refill(form, last.request);
    view.follow(await get(`/api/jobs/${last.id}`)).catch((error) => fault(find(`#${kind}-job`), error));
  };
}

new Tabs(find(".tabs"));
const resume = [learner("mezo", mezo), learner("forward", forward)];

try {
  const jobs = await jobsOf("learning");
  await Promise.all(resume.map((again) => again(jobs)));
} catch (error) {
  fault(find("#mezo-job"), error);
}
document.body.dataset.ready = "";
