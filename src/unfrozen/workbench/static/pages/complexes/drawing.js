// A complex as a chart: nodes, edges, polygons by their size, other cells as borders around nodes.
import { axis, colour } from "../../shared/chart.js";

const SIZES = ["#56b4e9", "#009e73", "#e69f00", "#cc79a7", "#0072b2", "#d55e00"];
const SETS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const UP = (35 * Math.PI) / 180;

/** Points in the plane; those in space as seen from above at an angle around. */
function flat(points, turn) {
  if (!points.length || points[0].length === 2) return points;
  const around = (turn * Math.PI) / 180;
  const [sin, cos] = [Math.sin(around), Math.cos(around)];
  return points.map(([x, y, z]) => [-sin * x + cos * y, -Math.sin(UP) * (cos * x + sin * y) + Math.cos(UP) * z]);
}

function polygons(found, at) {
  const sizes = [...new Set(found.polygons.map((one) => one.length))].sort((a, b) => a - b);
  return sizes.map((size) => {
    const own = found.polygons.filter((one) => one.length === size);
    return {
      type: "scatter", mode: "lines", fill: "toself", name: `${own.length} of ${size} nodes`, hoverinfo: "skip",
      x: own.flatMap((one) => [...one, one[0]].map((i) => at[i][0]).concat(null)),
      y: own.flatMap((one) => [...one, one[0]].map((i) => at[i][1]).concat(null)),
      line: { width: 0.6, color: SIZES[Math.min(size - 3, SIZES.length - 1)] },
      fillcolor: `${SIZES[Math.min(size - 3, SIZES.length - 1)]}${own.length > 60 ? "30" : "4d"}`,
    };
  });
}

function sets(found) {
  const ranks = [...new Set(found.sets.filter((one) => one.border.length).map((one) => one.rank))].sort();
  return ranks.map((rank) => {
    const own = found.sets.filter((one) => one.rank === rank && one.border.length);
    return {
      type: "scatter", mode: "lines", fill: "toself", name: `${own.length} sets of rank ${rank}`, hoverinfo: "skip",
      x: own.flatMap((one) => [...one.border, one.border[0]].map((point) => point[0]).concat(null)),
      y: own.flatMap((one) => [...one.border, one.border[0]].map((point) => point[1]).concat(null)),
      line: { width: 1, color: SETS[(rank - 1) % SETS.length] }, fillcolor: `${SETS[(rank - 1) % SETS.length]}${own.length > 40 ? "0d" : "1f"}`,
    };
  });
}

/** The chart of a complex, turned by an angle. */
export function complex(found, turn) {
  const at = flat(found.points, turn);
  const named = found.labels.length <= 60;
  return {
    data: [
      ...sets(found),
      ...polygons(found, at),
      {
        type: "scatter", mode: "lines", name: `${found.edges.length} edges`, hoverinfo: "skip", line: { color: colour("edge"), width: found.edges.length > 400 ? 0.5 : 1.5 },
        x: found.edges.flatMap(([a, b]) => [at[a][0], at[b][0], null]), y: found.edges.flatMap(([a, b]) => [at[a][1], at[b][1], null]),
      },
      {
        type: "scatter", mode: named ? "markers+text" : "markers", name: `${at.length} nodes`, x: at.map((one) => one[0]), y: at.map((one) => one[1]),
        text: named ? found.labels : undefined, customdata: found.labels, hovertemplate: "%{customdata}<extra></extra>", textposition: "top center", textfont: { size: 11, color: colour("ink") },
        marker: { size: at.length > 200 ? 3 : 8, color: colour("ink"), line: { width: 1, color: colour("card") } },
      },
    ].filter((one) => one.x.length),
    layout: {
      margin: { l: 4, r: 4, t: 40, b: 4 }, showlegend: true, legend: { orientation: "h", y: 1.01, yanchor: "bottom", x: 0 }, hovermode: "closest",
      xaxis: axis("", { visible: false }), yaxis: axis("", { visible: false, scaleanchor: "x" }),
    },
  };
}

/** A matrix as a heat map: blue below zero, orange above. */
export function matrix(found) {
  const most = Math.max(1, ...found.values.flat().map(Math.abs));
  const rows = found.values.length;
  return {
    data: [{
      type: "heatmap", z: found.values, zmin: -most, zmax: most, xgap: rows < 60 ? 1 : 0, ygap: rows < 60 ? 1 : 0,
      colorscale: [[0, "#0072b2"], [0.5, colour("sunk")], [1, "#d55e00"]], colorbar: { thickness: 12, outlinewidth: 0 },
      hovertemplate: "row %{y}, column %{x}: %{z}<extra></extra>",
    }],
    layout: {
      height: Math.min(560, 150 + Math.max(6 * rows, 120)),
      xaxis: axis(found.columns, { showgrid: false, zeroline: false, rangemode: "tozero" }),
      yaxis: axis(found.rows, { autorange: "reversed", showgrid: false, zeroline: false }),
    },
  };
}
