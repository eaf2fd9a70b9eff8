// The page Papers: every claim, ours beside theirs, and run again.
import { get, hear, tell } from "../../shared/api.js";
import { duration, fill, find, h, number, values } from "../../shared/dom.js";
import { attempt } from "../../shared/errors.js";
import { JobView, jobsOf } from "../../shared/job.js";
import { table } from "../../shared/table.js";

let papers = [];
let running = null;

const view = new JobView(find("#papers-job"), "run", {
  onResult: (paper, job) => {
    papers = papers.map((one) => (one.name === paper.name ? paper : one));
    show();
    if (job.over) tell("papers");
  },
  onOver: () => { running = null; show(); },
});

const of = (value, unit) => (value === null || value === undefined ? "–" : `${number(value)}${unit && typeof value !== "boolean" ? ` ${unit}` : ""}`);

function found(one, unit) {
  if (!one) return "–";
  const spread = one.deviation === null ? "" : ` ± ${number(one.deviation, 2)}`;
  return h(
    "div",
    {},
    h("span", { class: "figures" }, one.value === null ? "–" : `${number(one.value)}${spread}${unit && typeof one.value !== "boolean" ? ` ${unit}` : ""}`),
    h("div", {}, h("span", { class: `mark ${one.holds ? "yes" : "no"}` }, one.holds ? "✓ holds" : "✗ does not")),
  );
}

function notes(claim) {
  const told = [["Kept run", claim.kept], ["Run here", claim.here]].filter(([, one]) => one?.note);
  return told.length > 0 && h("div", { class: "note" }, h("details", {}, h("summary", {}, "How it was measured"), told.map(([name, one]) => h("p", {}, h("strong", {}, `${name}: `), `${one.note}.`))));
}

function matches(claim, wanted) {
  const last = claim.here ?? claim.kept;
  return { all: true, holds: last?.holds === true, fails: last?.holds === false, open: !last }[wanted];
}

/** How many claims of a paper hold by its kept run, or else by the one here; null before either. */
function holding(paper) {
  const known = paper.claims.map((claim) => claim.kept ?? claim.here).filter(Boolean);
  return known.length ? known.filter((one) => one.holds).length : null;
}

function card(paper, claims) {
  const { kept, here } = paper;
  const held = holding(paper);
  const form = h(
    "form",
    { class: "line", onsubmit: (event) => { event.preventDefault(); run(paper, values(form).budget); } },
    h("label", { class: "small", for: `budget-${paper.name}` }, "Run again"),
    h("select", { id: `budget-${paper.name}`, name: "budget", class: "narrow" }, h("option", { value: "quick" }, "quick, rough"), h("option", { value: "full" }, kept ? `full, ${duration(kept.seconds)} then` : "full")),
    h("button", { type: "submit", disabled: running !== null, "aria-label": `Run ${paper.name} again` }, "Run"),
  );
  const rows = [
    kept && ["Kept run", kept],
    here && ["Run here", here],
  ].filter(Boolean).map(([name, one]) => `${name}: ${one.budget}, ${duration(one.seconds)}, seed ${one.seeds.join(", ")}${one.processor ? `, ${one.processor}` : ""}.`);
  return h(
    "article",
    { class: "card stack paper", "aria-labelledby": `paper-${paper.name}` },
    h(
      "header",
      {},
      h("div", { class: "titles" }, h("h2", { id: `paper-${paper.name}` }, paper.title), h("p", { class: "soft small" }, paper.citation), h("p", { class: "line" }, h("span", { class: `mark ${held === null ? "plain" : held === paper.claims.length ? "yes" : "no"}` }, held === null ? "not run yet" : `${held} of ${paper.claims.length} hold`), h("code", { class: "soft" }, paper.name))),
      form,
    ),
    h("p", {}, paper.summary),
    table(
      [
        { title: "Claim", cell: (claim) => h("div", {}, claim.text, h("div", { class: "soft small mono" }, claim.id), notes(claim)) },
        { title: "The paper", numeric: true, cell: (claim) => of(claim.theirs, claim.unit) },
        { title: "Kept run", numeric: true, cell: (claim) => found(claim.kept, claim.unit) },
        { title: "Run here", numeric: true, cell: (claim) => found(claim.here, claim.unit) },
      ],
      claims,
      { label: `Claims of ${paper.title}`, cards: true },
    ),
    rows.length > 0 && h("p", { class: "soft small" }, rows.join(" ")),
    paper.report && h("p", {}, h("a", { href: `/api/papers/report/${paper.name}/${paper.report}`, target: "_blank", rel: "noopener" }, "Report of the run here, with its figures")),
  );
}

function show() {
  const words = find("#search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = find("#which").value;
  const shown = papers.map((paper) => {
    const claims = paper.claims.filter((claim) => {
      const text = `${paper.name} ${paper.title} ${paper.citation} ${claim.id} ${claim.text}`.toLowerCase();
      return matches(claim, wanted) && words.every((word) => text.includes(word));
    });
    return [paper, claims];
  }).filter(([, claims]) => claims.length);
  const every = papers.flatMap((paper) => paper.claims);
  const last = every.map((claim) => claim.here ?? claim.kept).filter(Boolean);
  find("#counted").textContent = `${every.length} claims of ${papers.length} papers: ${last.filter((one) => one.holds).length} hold, ${last.filter((one) => !one.holds).length} do not, ${every.length - last.length} not run yet.`;
  fill(find("#index"), shown.map(([paper]) => h("li", {}, h("a", { href: `#paper-${paper.name}` }, paper.name, h("span", {}, `${holding(paper) ?? "–"}/${paper.claims.length}`)))));
  const open = new Set([...document.querySelectorAll("#papers details[open]")].map((one) => one.closest("tr")?.textContent));
  fill(find("#papers"), shown.length ? shown.map(([paper, claims]) => card(paper, claims)) : h("p", { class: "empty" }, "No claim is of that kind: search for other words."));
  for (const one of document.querySelectorAll("#papers details")) one.open = open.has(one.closest("tr")?.textContent);
}

function run(paper, budget) {
  running = paper.name;
  show();
  find("#papers-job").scrollIntoView({ block: "center" });
  view.start("/api/papers/run", { paper: paper.name, budget });
}

async function load() {
  const told = await attempt(find("#papers-fault"), () => get("/api/papers"));
  if (!told) return;
  ({ papers } = told);
  show();
}

find("#search").addEventListener("input", show);
find("#which").addEventListener("change", show);
hear("papers", load);
await load();
const jobs = await jobsOf("papers").catch(() => []);
const last = jobs.findLast((job) => job.kind === "run");
if (last && !last.over) {
  running = last.request.paper;
  show();
}
await view.resume(jobs);
document.body.dataset.ready = "";
