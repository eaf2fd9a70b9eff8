// Patterns: stored, damaged, and recalled step by step with the energy curve.
import { get, post, upload } from "../../shared/api.js";
import { axis, colour, draw } from "../../shared/chart.js";
import { all, fill, find, h, number, values } from "../../shared/dom.js";
import { attempt } from "../../shared/errors.js";
import { drawing, paint, picture } from "./pictures.js";

const KEY = "unfrozen-patterns";
const BETA = { modern: 0.1, kernel: 0.05 };

export async function recall() {
  const form = find("#recall-form");
  const place = find("#recall-found");
  const wrong = find("#recall-fault");
  let set = JSON.parse(sessionStorage.getItem(KEY) ?? "null") ?? (await get("/api/memory/letters"));
  let chosen = 0;
  let seed = 0;

  function store(next, at = 0) {
    set = next;
    chosen = at;
    sessionStorage.setItem(KEY, JSON.stringify(set));
    fill(
      find("#stored"),
      set.patterns.map((pattern, i) =>
        h("button", { type: "button", class: "pattern", "aria-pressed": String(i === chosen), onclick: () => choose(i) }, picture(pattern, set.width, 44), set.names[i]),
      ),
    );
    find("#stored-count").textContent = `${set.patterns.length} of ${number(set.patterns[0].length)} features`;
    find("#drop-one").disabled = set.patterns.length < 2;
    find("#draw-new").disabled = !set.width || set.width > 16;
  }

  function choose(i) {
    chosen = i;
    all("#stored .pattern").forEach((button, at) => button.setAttribute("aria-pressed", String(at === i)));
    run();
  }

  function asked() {
    const given = values(form);
    return {
      patterns: set.patterns,
      shown: chosen,
      damage: { kind: given.damage, amount: given.amount, seed },
      network: { kind: given.network, beta: given.beta, degree: given.degree, rule: given.rule },
    };
  }

  async function run() {
    const found = await attempt(wrong, () => post("/api/memory/recall", asked()));
    if (found) show(place, set, found);
  }

  function shown() {
    const kind = form.elements.network.value;
    for (const field of all("[data-for]", form)) field.hidden = !field.dataset.for.split(" ").includes(kind);
    if (BETA[kind]) form.elements.beta.value = BETA[kind];
  }

  function amount() {
    const noise = form.elements.damage.value === "noise";
    form.elements.amount.max = noise ? 3 : 1;
    find("#damage-told").textContent = Number(form.elements.amount.value).toFixed(2);
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); run(); });
  form.elements.network.addEventListener("change", () => { shown(); run(); });
  form.elements.damage.addEventListener("change", () => { amount(); run(); });
  form.elements.amount.addEventListener("input", amount);
  form.elements.amount.addEventListener("change", run);
  find("#other-damage").addEventListener("click", () => { seed += 1; run(); });
  find("#drop-one").addEventListener("click", () => {
    const keep = (_, i) => i !== chosen;
    store({ ...set, names: set.names.filter(keep), patterns: set.patterns.filter(keep) });
    run();
  });
  find("#draw-new").addEventListener("click", async () => {
    const drawn = await drawing(set.width, set.patterns[0].length / set.width);
    if (drawn) {
      store({ ...set, names: [...set.names, `drawn ${set.names.filter((name) => name.startsWith("drawn")).length + 1}`], patterns: [...set.patterns, drawn] }, set.patterns.length);
      run();
    }
  });
  find("#letters").addEventListener("click", async () => { store(await get("/api/memory/letters")); run(); });
  find("#patterns-file").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    const found = await attempt(wrong, () => upload("/api/memory/patterns", { name: file.name }, file));
    event.target.value = "";
    if (found) { store(found); run(); }
  });
  store(set);
  shown();
  amount();
  await run();
}

function energy(found, at) {
  const steps = found.steps.map((_, i) => i);
  return {
    data: [
      { type: "scatter", mode: "lines+markers", x: steps, y: found.steps.map((step) => step.energy), line: { color: colour("blue"), width: 2 }, marker: { size: 6 }, hovertemplate: "step %{x}: energy %{y:.4g}<extra></extra>" },
      { type: "scatter", mode: "markers", x: [at], y: [found.steps[at].energy], marker: { size: 13, color: colour("orange"), line: { width: 2, color: colour("card") } }, hoverinfo: "skip" },
    ],
    layout: {
      height: 220, margin: { l: 60, r: 12, t: 8, b: 44 },
      xaxis: axis("step", { rangemode: "tozero", dtick: steps.length <= 12 ? 1 : undefined, zeroline: false }),
      yaxis: axis("energy", { zeroline: false }),
    },
  };
}

function likeness(set, found, at) {
  const { cosines } = found.steps[at];
  const order = cosines.map((_, i) => i).sort((a, b) => found.steps.at(-1).cosines[b] - found.steps.at(-1).cosines[a]).slice(0, 10).reverse();
  return {
    data: [{
      type: "bar", orientation: "h", x: order.map((i) => cosines[i]), y: order.map((i) => set.names[i]),
      marker: { color: order.map((i) => colour(i === found.nearest ? "orange" : "blue")) },
      hovertemplate: "%{y}: %{x:.3f}<extra></extra>",
    }],
    layout: { height: 40 + 24 * order.length + 24, margin: { l: 60, r: 12, t: 4, b: 44 }, xaxis: axis("cosine with the state", { range: [-1, 1.02], dtick: 0.5 }), yaxis: axis("", { type: "category", ticks: "" }) },
  };
}

function show(place, set, found) {
  const last = found.steps.length - 1;
  const state = h("canvas", { role: "img" });
  const told = h("p", { class: "small", role: "status" });
  const slider = h("input", { type: "range", min: 0, max: last, value: last, "aria-label": "Step", disabled: last === 0 });
  const back = h("button", { type: "button", "aria-label": "One step back", onclick: () => go(at - 1) }, "‹");
  const on = h("button", { type: "button", "aria-label": "One step on", onclick: () => go(at + 1) }, "›");
  const curve = h("div", {});
  const bars = h("div", {});
  const scale = Math.max(...set.patterns.flat().map(Math.abs));
  let at = last;

  function go(step) {
    at = Math.max(0, Math.min(last, step));
    slider.value = at;
    back.disabled = at === 0;
    on.disabled = at === last;
    const one = found.steps[at];
    paint(state, one.state, set.width, scale);
    state.setAttribute("aria-label", `State after ${at} steps`);
    told.textContent = `Step ${at} of ${last}${at === 0 ? ": the damaged pattern" : ""}. Energy ${number(one.energy)}.`;
    draw(curve, () => energy(found, at), "Energy of each step", (point) => go(Math.round(point.x)));
    draw(bars, () => likeness(set, found, at), "Cosine of the state with each pattern");
  }

  slider.addEventListener("input", () => go(Number(slider.value)));
  const name = set.names[found.nearest];
  const verdict = found.recalled
    ? h("p", {}, h("span", { class: "mark yes" }, "✓ recalled"), ` It fell into ${name}.`)
    : h("p", {}, h("span", { class: "mark no" }, "✗ not a stored pattern"), ` ${found.converged ? "It rests" : "It still moves"}, nearest to ${name} (cosine ${found.steps[last].cosines[found.nearest].toFixed(2)}).`);
  fill(
    place,
    h(
      "div",
      { class: "stack" },
      verdict,
      h("div", { class: "way" }, h("div", { class: "state stack" }, state, told), h("div", { class: "stack" }, h("div", { class: "steps" }, back, slider, on), h("figure", {}, h("h3", {}, "Energy"), curve), h("figure", {}, h("h3", {}, "Likeness to what is stored"), bars))),
    ),
  );
  go(last);
}
