// Curves of a run that learns: drawn anew whenever it has come further.
import { axis, colour, draw } from "../../shared/chart.js";
import { bytes, fill, find, h, number } from "../../shared/dom.js";

const INKS = ["blue", "orange", "green", "pink", "soft"];
const share = (value) => `${(100 * value).toFixed(1)} %`;

/** Lines over steps; each is {name, y, ink, dash}. */
function lines(x, along, title, series, range) {
  return {
    data: series.map(({ name, y, ink, dash = "solid" }) => ({
      type: "scatter", mode: x.length === 1 ? "markers" : "lines", name, x, y, line: { color: colour(ink), dash, width: 2 }, marker: { color: colour(ink) },
      hovertemplate: `${along} %{x}: %{y:.4g}<extra>${name}</extra>`,
    })),
    layout: {
      height: 250, margin: { l: 52, r: 8, t: series.length > 1 ? 44 : 10, b: 44 }, showlegend: series.length > 1,
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 11 } },
      xaxis: axis(along, { rangemode: "tozero", zeroline: false }), yaxis: axis(title, { rangemode: "tozero", ...(range ? { range } : {}) }),
    },
  };
}

/** Places of the charts of a run, made once. */
function places(place, titles) {
  if (!place.querySelector(".curves")) {
    fill(place, h("div", { class: "stack" }, h("p", { class: "told", role: "status" }), h("div", { class: "curves" }, titles.map((title) => h("figure", {}, h("h3", {}, title), h("div", { class: "curve" }))))));
  }
  return [...place.querySelectorAll(".curve")];
}

export function mezo(found) {
  const place = find("#mezo-found");
  const [loss, right, kept] = places(place, ["Loss", "Accuracy on digits kept apart", "Bytes of the record"]);
  const { points } = found;
  const last = points.at(-1);
  const replayed = found.replayed === null ? "" : found.replayed ? " Replayed from its record, the weights are the same to the bit." : " Replayed from its record, the weights differ.";
  place.querySelector(".told").textContent = `Step ${number(last.step)} of ${number(found.total)}: loss ${number(last.loss)}, ${share(last.accuracy)} right. The record takes ${bytes(last.bytes)}, the ${number(found.parameters)} weights ${bytes(found.weights)}.${replayed}`;
  const x = points.map((one) => one.step);
  draw(loss, () => lines(x, "step", "loss", [{ name: "loss", y: points.map((one) => one.loss), ink: "blue" }]), `Loss over steps, now ${last.loss}`);
  draw(right, () => lines(x, "step", "accuracy", [{ name: "accuracy", y: points.map((one) => one.accuracy), ink: "green" }], [0, 1]), `Accuracy over steps, now ${share(last.accuracy)}`);
  draw(kept, () => lines(x, "step", "bytes", [{ name: "record", y: points.map((one) => one.bytes), ink: "orange" }, { name: "weights", y: points.map(() => found.weights), ink: "soft", dash: "dot" }]), `Bytes of the record over steps, now ${last.bytes}`);
}

export function forward(found) {
  const place = find("#forward-found");
  const [good, loss, right] = places(place, ["Goodness of a mean unit", "Loss of each layer", "Accuracy on digits kept apart"]);
  const { points } = found;
  const last = points.at(-1);
  place.querySelector(".told").textContent = `Epoch ${last.epoch} of ${found.total}: ${share(last.by_goodness)} right by goodness, ${share(last.by_classifier)} in one pass by the classifier. ${number(found.parameters)} weights.`;
  const x = points.map((one) => one.epoch);
  const layers = last.losses.map((_, layer) => layer);
  const ink = (layer) => INKS[layer % INKS.length];
  draw(good, () => lines(x, "epoch", "goodness", layers.flatMap((layer) => [
    { name: `layer ${layer + 1}, right label`, y: points.map((one) => one.real[layer]), ink: ink(layer) },
    { name: `layer ${layer + 1}, wrong label`, y: points.map((one) => one.false[layer]), ink: ink(layer), dash: "dot" },
  ])), "Goodness of each layer over epochs, of right and of wrong labels");
  draw(loss, () => lines(x, "epoch", "loss", layers.map((layer) => ({ name: `layer ${layer + 1}`, y: points.map((one) => one.losses[layer]), ink: ink(layer) }))), "Loss of each layer over epochs");
  draw(right, () => lines(x, "epoch", "accuracy", [
    { name: "by goodness", y: points.map((one) => one.by_goodness), ink: "blue" },
    { name: "by classifier", y: points.map((one) => one.by_classifier), ink: "orange" },
  ], [0, 1]), `Accuracy over epochs, now ${share(last.by_goodness)}`);
}
