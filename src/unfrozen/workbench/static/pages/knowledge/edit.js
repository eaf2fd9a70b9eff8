// Edit: rewrite a fact in the chosen workspace, and compare what is said before and after.
import { tell } from "../../shared/api.js";
import { bytes, fill, find, fixed, h, refill, values } from "../../shared/dom.js";
import { JobView } from "../../shared/job.js";
import { table } from "../../shared/table.js";
import { answer } from "./ask.js";

const GROUPS = [
  ["efficacy", "Efficacy", "the prompt itself: the new object is the likelier"],
  ["paraphrase", "Paraphrases", "the new object is the likelier"],
  ["neighbourhood", "Neighbours", "the true object stays the likelier"],
];

/** What was measured before and after, a row a measure. */
export function measures(before, after) {
  const rows = [];
  for (const [group, name, meaning] of GROUPS) {
    if (!before[group] || !after[group]) continue;
    rows.push([name, before[group].score, after[group].score, meaning]);
    rows.push([`${name}, by`, before[group].magnitude, after[group].magnitude, "by so much probability"]);
    rows.push([`${name}, strict`, before[group].accuracy, after[group].accuracy, "it is what the model says first"]);
  }
  if (before.names_new !== null) rows.push(["Texts that name the new object", before.names_new, after.names_new, "free generation"]);
  if (before.fluency !== null) rows.push(["Fluency", before.fluency, after.fluency, "bits; text that repeats itself has little"]);
  return table(
    [
      { title: "Measure", cell: (row) => row[0] },
      { title: "Before", numeric: true, cell: (row) => fixed(row[1]) },
      { title: "After", numeric: true, cell: (row) => fixed(row[2]) },
      { title: "Meaning", cell: (row) => row[3] },
    ],
    rows,
    { label: "What was measured", cards: true },
  );
}

function show(done, page) {
  const kept = done.entry === null
    ? `Nothing committed; the change would take ${bytes(done.bytes)}.`
    : `Entry ${done.entry}: ${done.name}, ${bytes(done.bytes)}.`;
  fill(
    find("#edit-found"),
    h(
      "div",
      { class: "stack" },
      h("p", { class: "quote" }, `${done.prompt}: ${done.true} → ${done.new}`),
      h("div", { class: "line between" }, h("p", {}, `${kept} Layer ${done.layer} (${done.source}).`), done.entry !== null && h("button", { type: "button", onclick: () => page.tabs.choose("log") }, "To the log")),
      h("div", { class: "pair" }, answer(done.answers[0], "Before"), answer(done.answers[1], "After")),
      measures(done.before, done.after),
    ),
  );
}

const lines = (text) => (text ?? "").split("\n").map((line) => line.trim()).filter(Boolean);

export function edit(page) {
  const { where } = page;
  const form = find("#edit-form");
  const button = find("button.main", form);
  const view = new JobView(find("#edit-job"), "edit", {
    button,
    onResult: (done) => show(done, page),
    onOver: async (job) => {
      ready();
      if (job.status === "failed" || job.result?.entry === null) return;
      await where.load();
      tell("states");
    },
  });
  const ready = () => {
    const missing = where.states !== null && where.workspace === null;
    find("#edit-need").hidden = !missing;
    button.disabled = missing;
  };
  where.addEventListener("change", ready);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = values(form);
    view.start("/api/knowledge/edit", {
      ...given,
      paraphrases: lines(given.paraphrases),
      neighbours: lines(given.neighbours),
      workspace: where.workspace.name,
    });
  });
  return { resume: async (jobs) => refill(form, (await view.resume(jobs)) ?? {}) };
}
