// Charts in the colours of the page: plotly is fetched when the first one is drawn, and each is
// drawn again when the theme changes.
import { fault } from "./errors.js";

let loading = null;
const drawn = new Map();

function plotly() {
  loading ??= import("/static/vendor/plotly/plotly-cartesian.min.js").then(() => globalThis.Plotly);
  return loading;
}

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Axis settings that all charts share. */
export const axis = (title, more = {}) => ({
  title: { text: title, standoff: 8 },
  gridcolor: colour("grid"),
  linecolor: colour("edge"),
  zerolinecolor: colour("grid"),
  tickcolor: colour("edge"),
  ticks: "outside",
  automargin: true,
  fixedrange: true,
  ...more,
});

function frame(layout) {
  return {
    font: { family: "system-ui, sans-serif", size: 12, color: colour("ink") },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 56, r: 16, t: 12, b: 48 },
    showlegend: false,
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("edge"), font: { color: colour("ink"), size: 12 } },
    dragmode: false,
    ...layout,
  };
}

/**
 * Draw into an element, or draw it anew.
 * @param {HTMLElement} place
 * @param {() => {data: object[], layout: object}} make called for every drawing, after the theme is set.
 * @param {string} label what is to be seen, for those who do not see it.
 * @param {(point) => void} [onClick]
 */
export async function draw(place, make, label, onClick) {
  try {
    const first = !drawn.has(place);
    drawn.set(place, make);
    place.classList.add("plot");
    place.setAttribute("role", place.getAttribute("role") ?? "img");
    place.setAttribute("aria-label", label);
    const { layout } = make();
    if (layout.height) place.style.minHeight = `${layout.height}px`;
    const Plotly = await plotly();
    await render(Plotly, place);
    if (first && onClick) place.on("plotly_click", (event) => onClick(event.points[0]));
  } catch (error) {
    fault(place, error);
  }
}

function render(Plotly, place) {
  const { data, layout } = drawn.get(place)();
  return Plotly.react(place, data, frame(layout), { displayModeBar: false, responsive: true, doubleClick: false });
}

document.addEventListener("theme", async () => {
  for (const place of drawn.keys()) {
    if (!place.isConnected) drawn.delete(place);
    else render(await plotly(), place);
  }
});

// What is drawn in a hidden tab has no size until it is shown.
document.addEventListener("tab", async () => {
  if (!loading) return;
  const Plotly = await plotly();
  for (const place of drawn.keys()) if (place.isConnected && place.offsetParent) Plotly.Plots.resize(place);
});
