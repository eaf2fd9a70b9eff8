// Heads: each head's share of patterns, and how many of each layer are in which class.
import { axis, draw } from "../../shared/chart.js";
import { fill, find, h, number, refill, values } from "../../shared/dom.js";
import { JobView } from "../../shared/job.js";
import { table } from "../../shared/table.js";

const CLASSES = {
  I: ["global averaging", "#fde725"],
  II: ["metastable, wide", "#35b779"],
  III: ["metastable, narrow", "#31688e"],
  IV: ["near a single pattern", "#440154"],
};

function shares(found) {
  const layers = found.share.length;
  // Fewest patterns first, so that layers can be compared along a row.
  const order = found.share.map((row) => row.map((_, head) => head).sort((a, b) => row[a] - row[b]));
  const sorted = order.map((heads, layer) => heads.map((head) => found.share[layer][head]));
  const told = order.map((heads, layer) => heads.map((head) => `head ${head}, class ${found.classes[layer][head]}<br>${number(found.patterns[layer][head])} patterns`));
  const least = Math.log10(1 / found.length);
  const ticks = [1, 0.5, 1 / 8, 1 / 32, 1 / found.length].filter((tick, i, list) => list.indexOf(tick) === i);
  return {
    data: [{
      type: "heatmap", z: sorted.map((row) => row.map((share) => Math.log10(Math.max(share, 1e-6)))), customdata: sorted, text: told,
      colorscale: "Viridis", zmin: least, zmax: 0, xgap: 1, ygap: 1,
      hovertemplate: "layer %{y}, %{text}<br>share %{customdata:.3f}<extra></extra>",
      colorbar: { title: { text: "share of the patterns seen", side: "right" }, thickness: 12, outlinewidth: 0, tickvals: ticks.map(Math.log10), ticktext: ["1", "1/2", "1/8", "1/32", `1/${found.length}`] },
    }],
    layout: { height: 90 + 13 * layers, xaxis: axis("heads of a layer, fewest patterns first", { showticklabels: false, ticks: "", showgrid: false, zeroline: false }), yaxis: axis("layer", { showgrid: false, zeroline: false }) },
  };
}

function counts(found) {
  const layers = found.classes.map((_, layer) => layer);
  return {
    data: Object.entries(CLASSES).reverse().map(([name, [meaning, ink]]) => ({
      type: "bar", orientation: "h", name: `${name}: ${meaning}`, y: layers,
      x: found.classes.map((row) => row.filter((one) => one === name).length),
      marker: { color: ink, line: { width: 0.5, color: "#888888" } },
      hovertemplate: `layer %{y}: %{x} of class ${name}<extra></extra>`,
    })),
    layout: { height: 90 + 13 * layers.length, barmode: "stack", bargap: 0.15, xaxis: axis("heads", { dtick: 1, zeroline: false }), yaxis: axis("layer", { zeroline: false, range: [-0.5, layers.length - 0.5] }) },
  };
}

function key(ink, text) {
  const one = h("span", {}, text);
  one.style.setProperty("--key", ink);
  return one;
}

function show(found) {
  const place = find("#heads-found");
  const left = h("div", {});
  const right = h("div", {});
  const flat = found.classes.flat();
  const rows = Object.entries(CLASSES).map(([name, [meaning]]) => {
    const heads = found.share.flatMap((row, layer) => row.filter((_, head) => found.classes[layer][head] === name));
    return { name, meaning, count: heads.length, share: heads.length ? heads.toSorted((a, b) => a - b)[Math.floor(heads.length / 2)] : null };
  });
  fill(
    place,
    h(
      "div",
      { class: "stack" },
      h("p", {}, `${found.state}: ${flat.length} heads in ${found.classes.length} layers, over ${number(found.queries)} positions of text of its own. A head’s class goes by the share of the patterns it sees that carry ${found.mass.toFixed(2)} of its weight.`),
      table(
        [
          { title: "Class", cell: (row) => `${row.name}: ${row.meaning}` },
          { title: "Heads", numeric: true, cell: (row) => String(row.count) },
          { title: "Median share of patterns", numeric: true, cell: (row) => number(row.share, 3) },
        ],
        rows,
        { label: "Heads by class" },
      ),
      h("figure", {}, h("h3", {}, "Patterns that carry the weight"), left),
      h("figure", {}, h("h3", {}, "Classes by layer"), h("p", { class: "legend" }, Object.entries(CLASSES).map(([name, [meaning, ink]]) => key(ink, `${name}: ${meaning}`))), right),
    ),
  );
  draw(left, () => shares(found), "Share of patterns by layer and head");
  draw(right, () => counts(found), "Number of heads of each class by layer");
}

export function heads(where) {
  const form = find("#heads-form");
  const view = new JobView(find("#heads-job"), "heads", { button: find("button.main", form), onResult: show });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    view.start("/api/memory/heads", { ...values(form), ...where.asked });
  });
  return { resume: async (jobs) => refill(form, (await view.resume(jobs)) ?? {}) };
}
