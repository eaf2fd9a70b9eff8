// What a life came to: steps of each errand beside the shortest way, changes, and a table.
import { axis, colour, draw } from "../../shared/chart.js";
import { fill, find, h, number } from "../../shared/dom.js";
import { table } from "../../shared/table.js";

function curve(life) {
  const done = life.errands.filter((one) => one.success);
  const failed = life.errands.filter((one) => !one.success);
  const most = Math.max(10, ...life.errands.map((one) => one.steps));
  const points = (errands, name, ink, symbol) => ({
    type: "scatter", mode: "markers", name, x: errands.map((one) => one.number), y: errands.map((one) => one.steps),
    text: errands.map((one) => one.asked), marker: { color: ink, size: 8, symbol },
    hovertemplate: "errand %{x}, %{y} steps<br>%{text}<extra></extra>",
  });
  const lines = (given, name, ink, dash) => ({
    type: "scatter", mode: "lines", name, hoverinfo: "skip", line: { color: ink, dash, width: 1.5 },
    x: life.changes.filter((one) => one.given === given).flatMap((one) => [one.at - 0.5, one.at - 0.5, null]),
    y: life.changes.filter((one) => one.given === given).flatMap(() => [0, most, null]),
  });
  return {
    data: [
      lines(false, "a change", colour("edge"), "dot"),
      lines(true, "your change", colour("pink"), "solid"),
      { type: "scatter", mode: "lines", name: "shortest way", x: life.errands.map((one) => one.number), y: life.errands.map((one) => one.shortest), line: { color: colour("soft"), width: 1 }, hoverinfo: "skip" },
      points(done, "done", colour("blue"), "circle"),
      points(failed, "not done", colour("orange"), "x"),
    ].filter((one) => one.x.length),
    layout: { height: 300, showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, margin: { l: 48, r: 8, t: 40, b: 44 }, xaxis: axis("errand", { zeroline: false, rangemode: "tozero" }), yaxis: axis("steps", { rangemode: "tozero" }) },
  };
}

export function record(life, show) {
  const done = life.errands.filter((one) => one.success);
  const over = done.reduce((sum, one) => sum + one.steps, 0) / Math.max(1, done.reduce((sum, one) => sum + one.shortest, 0));
  fill(find("#score"), h("p", {}, life.errands.length ? `${done.length} of ${life.errands.length} errands done, in ${number(over, 3)} times the shortest way; ${life.total - life.errands.length} to come.` : `None yet, of ${life.total}.`));
  draw(find("#curve"), () => curve(life), "Steps of each errand beside the shortest way, and when something changed", (point) => point.data.name.endsWith("done") && show(Math.round(point.x)));
  const news = new Map();
  for (const one of life.changes) news.set(one.at, [...(news.get(one.at) ?? []), one.given ? `${one.text} (yours)` : one.text]);
  fill(
    find("#record"),
    life.errands.length
      ? table(
          [
            { title: "Errand", numeric: true, cell: (one) => String(one.number) },
            { title: "Asked", cell: (one) => one.asked },
            { title: "Changed before", cell: (one) => news.get(one.number)?.join("; ") ?? "" },
            { title: "Done", cell: (one) => h("span", { class: `mark ${one.success ? "yes" : "no"}` }, one.success ? "✓ yes" : "✗ no") },
            { title: "Steps", numeric: true, cell: (one) => `${one.steps} (${one.shortest})` },
            { title: "", cell: (one) => h("button", { type: "button", class: "quiet", "aria-label": `Show errand ${one.number}`, onclick: () => show(one.number) }, "Show") },
          ],
          life.errands.slice(-12).reverse(),
          { label: "Errands; the shortest way in brackets", cards: true },
        )
      : h("p", { class: "empty" }, "Errands are listed here when they were lived."),
  );
}
