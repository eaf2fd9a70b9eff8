// Graph and diff: what a state knows, and what two states answer otherwise.
import { axis, colour, draw } from "../../shared/chart.js";
import { all, fill, find, fixed, h, number, refill, values } from "../../shared/dom.js";
import { fault } from "../../shared/errors.js";
import { JobView } from "../../shared/job.js";
import { table } from "../../shared/table.js";

const PALETTE = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];

const short = (text) => (text.length > 22 ? `${text.slice(0, 21)}…` : text);

/** Nodes and groups of edges as a chart; a group is {name, colour, dash, edges: [[from, to]]}. */
function network(nodes, groups, chosen) {
  const at = new Map(nodes.map((node) => [node.name, node]));
  const near = new Set(groups.flatMap(({ edges }) => edges.filter((pair) => pair.includes(chosen)).flat()));
  const lines = groups.map(({ name, colour: ink, dash = "solid", width = 1.5, edges }) => {
    const drawn = edges.filter(([a, b]) => at.has(a) && at.has(b));
    return {
      type: "scatter", mode: "lines", name, hoverinfo: "skip", line: { color: ink, dash, width },
      x: drawn.flatMap(([a, b]) => [at.get(a).x, at.get(b).x, null]),
      y: drawn.flatMap(([a, b]) => [at.get(a).y, at.get(b).y, null]),
    };
  });
  const label = (node) => nodes.length <= 60 || !node.subject || near.has(node.name);
  const points = {
    type: "scatter", mode: "markers+text", showlegend: false,
    x: nodes.map((node) => node.x), y: nodes.map((node) => node.y),
    customdata: nodes.map((node) => node.name),
    text: nodes.map((node) => (label(node) ? short(node.name) : "")),
    textposition: nodes.map((node) => (node.x > 0.8 ? "top left" : node.x < -0.8 ? "top right" : "top center")),
    textfont: { size: 11, color: nodes.map((node) => (near.size && !near.has(node.name) ? colour("soft") : colour("ink"))) },
    hovertemplate: "%{customdata}<extra></extra>",
    marker: {
      size: nodes.map((node) => (node.name === chosen ? 15 : node.subject ? 8 : 11)),
      symbol: nodes.map((node) => (node.subject ? "circle" : "square")),
      color: nodes.map((node) => (near.has(node.name) ? colour("orange") : node.subject ? colour("soft") : colour("ink"))),
      line: { width: 1, color: colour("card") },
    },
  };
  const bare = { visible: false, fixedrange: true, range: [-1.12, 1.12] };
  return {
    data: [...lines, points],
    layout: { xaxis: axis("", bare), yaxis: axis("", bare), margin: { l: 4, r: 4, t: 34, b: 4 }, showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, hovermode: "closest" },
  };
}

class Network {
  constructor(label, choose) {
    Object.assign(this, { label, choose, chosen: null });
    this.place = h("div", { class: "network" });
  }

  show(nodes, groups) {
    Object.assign(this, { nodes, groups });
    draw(this.place, () => network(this.nodes, this.groups(), this.chosen), this.label, (point) => {
      if (!point.customdata) return;
      this.chosen = this.chosen === point.customdata ? null : point.customdata;
      this.show(this.nodes, this.groups);
      this.choose(this.chosen);
    });
  }
}

function edges(found) {
  return table(
    [
      { title: "Subject", cell: (edge) => edge.subject },
      { title: "Relation", cell: (edge) => edge.relation.replaceAll("_", " ") },
      { title: "Object", cell: (edge) => edge.object },
      { title: "Confidence", numeric: true, cell: (edge) => edge.confidence.toFixed(2) },
      { title: "Right", cell: (edge) => (edge.truth === null ? "–" : edge.truth === edge.object ? h("span", { class: "mark yes" }, "✓ yes") : h("span", { class: "mark no" }, `✗ ${edge.truth}`)) },
      { title: "Extrapolated", cell: (edge) => (edge.extrapolated ? "yes" : "no") },
    ],
    found,
    { label: "Edges", cards: true },
  );
}

function showGraph(found) {
  const names = [...new Set(found.edges.map((edge) => edge.relation))];
  const least = h("input", { type: "range", id: "graph-least", min: 0, max: 1, step: 0.05, value: 0 });
  const told = h("output", { htmlFor: "graph-least" }, "0.00");
  const rows = h("div", {});
  let chosen = null;
  const kept = () => found.edges.filter((edge) => edge.confidence >= Number(least.value));
  const groups = () => names.flatMap((name, i) => [false, true].map((extrapolated) => ({
    name: `${name.replaceAll("_", " ")}${extrapolated ? ", extrapolated" : ""}`,
    colour: PALETTE[i % PALETTE.length], dash: extrapolated ? "dot" : "solid",
    edges: kept().filter((edge) => edge.relation === name && edge.extrapolated === extrapolated).map((edge) => [edge.subject, edge.object]),
  }))).filter((group) => group.edges.length);
  const list = () => fill(rows, edges(kept().filter((edge) => !chosen || edge.subject === chosen || edge.object === chosen)));
  const drawn = new Network("Knowledge graph: subjects are circles, objects squares", (name) => { chosen = name; list(); });
  least.addEventListener("input", () => { told.value = Number(least.value).toFixed(2); drawn.show(found.nodes, groups); list(); });
  const known = found.edges.filter((edge) => edge.truth !== null);
  const right = known.filter((edge) => edge.truth === edge.object).length;
  const sure = found.calibrated && found.error !== null ? `Confidences are calibrated: off by ${found.error.toFixed(3)} on ${found.held_out} questions held out.` : "Too few known answers to calibrate by: confidences are shares.";
  fill(
    find("#graph-found"),
    h(
      "div",
      { class: "stack" },
      h("p", {}, `${found.state}: ${number(found.edges.length)} edges, ${right} of ${known.length} right. ${sure}`),
      h("div", { class: "row" }, h("div", { class: "field" }, h("label", { for: "graph-least" }, "Least confidence ", told), least)),
      drawn.place,
      h("p", { class: "soft small" }, "Circles are subjects, squares objects. Click one to see its edges alone; click it again for all."),
      rows,
    ),
  );
  drawn.show(found.nodes, groups);
  list();
}

function showDiff(found) {
  const meant = found.moved.filter((one) => one.intended);
  const rest = found.moved.filter((one) => !one.intended);
  const title = h("p", {}, `From ${found.before} to ${found.after}: ${found.moved.length} of ${found.asked} questions are answered otherwise. Deliberate changes that are there: ${meant.length} of ${found.meant}; collateral ones: ${rest.length}.`);
  if (!found.moved.length) return fill(find("#diff-found"), h("div", { class: "stack" }, title, h("p", { class: "empty" }, "Nothing is answered otherwise.")));
  const groups = () => [
    { name: "before", colour: colour("edge"), dash: "dot", edges: found.moved.map((one) => [one.subject, one.before]) },
    { name: "after, as was meant", colour: colour("blue"), width: 2.5, edges: meant.map((one) => [one.subject, one.after]) },
    { name: "after, collateral", colour: colour("orange"), width: 2.5, edges: rest.map((one) => [one.subject, one.after]) },
  ].filter((group) => group.edges.length);
  const rows = h("div", {});
  const list = (chosen) => fill(
    rows,
    table(
      [
        { title: "Question", cell: (one) => one.prompt },
        { title: "Before", cell: (one) => `${one.before} (${fixed(one.before_share, 2)})` },
        { title: "After", cell: (one) => `${one.after} (${fixed(one.after_share, 2)})` },
        { title: "Edge", cell: (one) => one.kind },
        { title: "Meant", cell: (one) => h("span", { class: `mark ${one.intended ? "yes" : "no"}` }, one.intended ? "meant" : "collateral") },
        { title: "Distance", numeric: true, cell: (one) => one.distance.toFixed(3) },
      ],
      found.moved.filter((one) => !chosen || [one.subject, one.before, one.after].includes(chosen)),
      { label: "Changes, with shares in brackets", cards: true },
    ),
  );
  const drawn = new Network("Edges before and after", list);
  fill(find("#diff-found"), h("div", { class: "stack" }, title, drawn.place, h("p", { class: "soft small" }, "Shares are in brackets; the distance is how much of the share went to other objects."), rows));
  drawn.show(found.nodes, groups);
  list(null);
}

function relations(where, place, name, first) {
  const draw = () => {
    if (place.querySelector("input") || !where.states) return;
    fill(place, where.states.relations.map((relation, i) => h("label", { class: "check small" }, h("input", { type: "checkbox", name, value: relation, checked: i < first }), relation.replaceAll("_", " "))));
    place.dispatchEvent(new Event("filled"));
  };
  where.addEventListener("change", draw);
  return () => all("input", place).filter((box) => box.checked).map((box) => box.value);
}

export function graphs({ where }) {
  const graphForm = find("#graph-form");
  const diffForm = find("#diff-form");
  const graphRelations = relations(where, find("#graph-relations"), "relation", 1);
  const diffRelations = relations(where, find("#diff-relations"), "relation", 0);
  const graphView = new JobView(find("#graph-job"), "graph", { button: find("button.main", graphForm), onResult: showGraph });
  const diffView = new JobView(find("#diff-job"), "diff", { button: find("button.main", diffForm), onResult: showDiff });

  graphForm.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const [file] = find("#graph-file").files;
      const facts = file ? JSON.parse(await file.text()) : [];
      graphView.start("/api/knowledge/graph", { relations: graphRelations(), facts, most: values(graphForm).most, ...where.asked });
    } catch (error) {
      fault(find("#graph-job"), { message: `the file is no JSON: ${error.message}` });
    }
  });
  diffForm.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!where.workspace) return fault(find("#diff-job"), { message: "a model as it was published has one state: choose a workspace" });
    const { entry, most } = values(diffForm);
    diffView.start("/api/knowledge/diff", { workspace: where.workspace.name, entry: entry === null ? null : Number(entry), relations: diffRelations(), most });
  });
  return [
    { resume: async (jobs) => refill(graphForm, { most: (await graphView.resume(jobs))?.most ?? 12 }) },
    { resume: async (jobs) => refill(diffForm, { most: (await diffView.resume(jobs))?.most ?? 10 }) },
  ];
}
