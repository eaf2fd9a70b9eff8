// Trace: heat maps whose cells answer to a click, and to the arrow keys.
import { axis, colour, draw } from "../../shared/chart.js";
import { fill, find, fixed, h, refill, token, values } from "../../shared/dom.js";
import { JobView } from "../../shared/job.js";

const TITLES = { state: "Hidden states", mlp: "MLP outputs", attention: "Attention outputs" };
const ROW = 24;
const AROUND = 76;

const label = (traced, t) => {
  const [start, stop] = traced.subject_span;
  return `${token(traced.tokens[t])}${t >= start && t < stop ? " *" : ""}`;
};

function figure(traced, map, chosen) {
  const rows = traced.tokens.map((_, t) => t);
  const top = Math.max(...map.effect.flat(), 1e-6);
  const { t, layer } = chosen.kind === map.kind ? chosen : { t: null };
  const mark = t === null ? [] : [{
    type: "rect", x0: layer - 0.5, x1: layer + 0.5, y0: t - 0.5, y1: t + 0.5,
    line: { color: colour("orange"), width: 3 },
  }];
  return {
    data: [{
      type: "heatmap", z: map.effect, colorscale: "Cividis", zmin: Math.min(0, ...map.effect.flat()), zmax: top,
      xgap: 1, ygap: 1,
      customdata: map.deviation,
      text: rows.map((row) => map.effect[row].map(() => label(traced, row))),
      hovertemplate: "%{text}, layer %{x}<br>effect %{z:.3f} ± %{customdata:.3f}<extra></extra>",
      colorbar: { title: { text: "effect", side: "right" }, thickness: 12, len: 1, outlinewidth: 0, tickformat: ".2~f", nticks: 5 },
    }],
    layout: {
      height: rows.length * ROW + AROUND,
      margin: { l: 90, r: 8, t: 6, b: 44 },
      xaxis: axis("layer", { showgrid: false, zeroline: false, dtick: map.effect[0].length > 16 ? 5 : 1 }),
      yaxis: axis("", { showgrid: false, zeroline: false, autorange: "reversed", tickmode: "array", tickvals: rows, ticktext: rows.map((row) => label(traced, row)), tickfont: { family: "monospace", size: 12 } }),
      shapes: mark,
    },
  };
}

class Maps {
  constructor(place, page, form) {
    Object.assign(this, { place, page, form, traced: null, places: new Map(), chosen: {} });
  }

  show(traced) {
    const same = this.traced?.prompt === traced.prompt && this.traced.answer === traced.answer && traced.maps.length > this.traced.maps.length;
    this.traced = traced;
    if (!same) this.#build();
    for (const map of traced.maps) if (!this.places.has(map.kind)) this.#add(map);
    if (!same || !this.moved) this.#best();
  }

  #build() {
    const { traced } = this;
    this.places.clear();
    this.moved = false;
    this.detail = h("div", { class: "cell", role: "status", "aria-live": "polite" });
    this.list = h("div", { class: "maps" });
    fill(
      this.place,
      h(
        "div",
        { class: "stack" },
        h("p", { class: "quote" }, `${traced.prompt} …${traced.answer}`),
        h("p", { class: "soft small" }, `${traced.state}. The answer’s probability is ${fixed(traced.clean)}, and ${fixed(traced.corrupted)} once the subject (*) is corrupted: a total effect of ${fixed(traced.clean - traced.corrupted)}. MLP and attention outputs are restored in windows of ${traced.window} layers; mean over ${traced.samples} samples of the noise.`),
        this.detail,
        this.list,
      ),
    );
  }

  #add(map) {
    const place = h("div", {
      tabindex: "0", role: "application", "aria-roledescription": "heat map", "aria-describedby": "trace-keys",
      onkeydown: (event) => this.#key(event, map.kind),
      onfocus: () => this.chosen.kind !== map.kind && this.#choose({ ...this.chosen, kind: map.kind }),
    });
    this.places.set(map.kind, place);
    this.list.append(h("figure", {}, h("h3", {}, TITLES[map.kind]), place));
    draw(place, () => figure(this.traced, map, this.chosen), `${TITLES[map.kind]}: indirect effect by token and layer`, (point) => {
      this.moved = true;
      this.#choose({ kind: map.kind, t: point.y, layer: point.x });
    });
    if (this.places.size === 1) this.list.before(h("p", { id: "trace-keys", class: "soft small" }, "Click a cell, or move with the arrow keys; * marks the subject."));
  }

  #best() {
    const map = this.traced.maps[0];
    let best = { kind: map.kind, t: 0, layer: 0 };
    map.effect.forEach((row, t) => row.forEach((x, layer) => { if (x > map.effect[best.t][best.layer]) best = { kind: map.kind, t, layer }; }));
    this.#choose(best);
  }

  #key(event, kind) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    this.moved = true;
    const { t, layer } = this.chosen;
    const map = this.traced.maps.find((one) => one.kind === kind);
    const clip = (value, size) => Math.max(0, Math.min(size - 1, value));
    this.#choose({ kind, t: clip(t + step[0], map.effect.length), layer: clip(layer + step[1], map.effect[0].length) });
  }

  #choose(chosen) {
    const before = this.chosen.kind;
    this.chosen = chosen;
    for (const kind of new Set([before, chosen.kind])) {
      const place = this.places.get(kind);
      const map = this.traced.maps.find((one) => one.kind === kind);
      if (place && map) draw(place, () => figure(this.traced, map, this.chosen), place.getAttribute("aria-label"));
    }
    this.#tell();
  }

  #tell() {
    const { traced, chosen: { kind, t, layer } } = this;
    const map = traced.maps.find((one) => one.kind === kind);
    const effect = map.effect[t][layer];
    fill(
      this.detail,
      h("p", {}, h("strong", {}, `${TITLES[kind]}, layer ${layer}, token `), h("code", {}, label(traced, t))),
      h("p", {}, `Restored alone it brings back ${fixed(effect)} ± ${fixed(map.deviation[t][layer])}: the probability of `, h("code", {}, token(traced.answer)), ` goes from ${fixed(traced.corrupted)} to ${fixed(traced.corrupted + effect)}; uncorrupted it is ${fixed(traced.clean)}.`),
      h("div", { class: "line" }, h("button", { type: "button", onclick: () => this.#edit(layer) }, `Edit in layer ${layer}`)),
    );
  }

  #edit(layer) {
    refill(find("#edit-form"), { prompt: this.traced.prompt, subject: this.traced.subject, layer });
    this.page.tabs.choose("edit");
    find("#edit-to").focus();
  }
}

export function trace(page) {
  const form = find("#trace-form");
  const maps = new Maps(find("#trace-found"), page, form);
  const view = new JobView(find("#trace-job"), "trace", {
    button: find("button.main", form),
    onResult: (traced) => maps.show(traced),
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    view.start("/api/knowledge/trace", { ...values(form), ...page.where.asked });
  });
  return { resume: async (jobs) => refill(form, (await view.resume(jobs)) ?? {}) };
}
