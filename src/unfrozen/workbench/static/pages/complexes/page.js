// The page Complexes: chosen or uploaded, lifted, drawn, and seen as matrices.
import { get, upload } from "../../shared/api.js";
import { draw } from "../../shared/chart.js";
import { fill, find, h, number, refill, values } from "../../shared/dom.js";
import { attempt, fault } from "../../shared/errors.js";
import { JobView, jobsOf } from "../../shared/job.js";
import { table } from "../../shared/table.js";
import { complex, matrix } from "./drawing.js";

const REACH = { cliques: "Highest rank", rings: "Longest ring", balls: "Hops", paths: "Edges of a path" };
const form = find("#build-form");
const turn = find("#turn");
let built = null;
let uploaded = null;

function numbers(found) {
  const betti = found.betti.map((one) => (one === null ? "?" : number(one))).join(", ");
  fill(
    find("#numbers"),
    h(
      "div",
      { class: "sides" },
      table(
        [
          { title: "Rank", numeric: true, cell: (one) => String(one.rank) },
          { title: "Cells", numeric: true, cell: (one) => number(one.cells) },
          { title: "Added", numeric: true, cell: (one) => number(one.added) },
          { title: "Nodes of one", cell: (one) => (one.least === one.most ? String(one.least) : `${one.least} to ${one.most}`) },
        ],
        found.ranks,
        { label: "Cells by rank" },
      ),
      h(
        "dl",
        { class: "facts" },
        h("dt", {}, "Euler characteristic"), h("dd", {}, number(found.euler)),
        h("dt", {}, "Betti numbers"), h("dd", {}, betti),
        h("dt", {}, "Connected parts"), h("dd", {}, number(found.components)),
        found.ranks.filter((one) => one.oriented).flatMap((one) => [h("dt", {}, `Rank ${one.rank}`), h("dd", {}, `no orientation: ${one.oriented}`)]),
      ),
    ),
  );
}

function show(found) {
  built = found;
  find("#title").textContent = found.name;
  find("#turn-field").hidden = found.points[0]?.length !== 3;
  let place = find("#drawing .complex");
  if (!place) fill(find("#drawing"), (place = h("div", { class: "complex" })));
  paint(place);
  const hidden = found.left + found.sets.filter((one) => !one.border.length).length;
  find("#drawn-told").textContent = hidden ? `${number(hidden)} cells are not drawn.` : "";
  numbers(found);
  const select = find("#matrix");
  const before = select.value;
  fill(select, found.matrices.map((one) => h("option", { value: one.name }, `${one.name}: ${one.told}`)));
  if (found.matrices.some((one) => one.name === before)) select.value = before;
  find("#matrix-form").hidden = false;
  see();
}

function paint(place) {
  draw(place, () => complex(built, Number(turn.value)), `${built.name}: ${built.ranks.map((one) => `${one.cells} cells of rank ${one.rank}`).join(", ")}`);
}

async function see() {
  const found = await attempt(find("#matrix-fault"), () => get(`/api/complexes/${built.number}/matrix`, { name: find("#matrix").value }));
  if (!found) return fill(find("#matrix-found"));
  const place = h("div", {});
  const cut = found.cut ? ` Its first ${found.values.length} rows and ${found.values[0].length} columns are shown.` : "";
  fill(find("#matrix-found"), h("p", { class: "small" }, `${number(found.shape[0])} rows, ${number(found.shape[1])} columns, ${number(found.entries)} entries that are not zero.${cut}`), place);
  draw(place, () => matrix(found), `${found.name}, ${found.told}: ${found.entries} entries`);
}

function reach() {
  const told = REACH[find("#lift").value];
  find("#reach-field").hidden = !told;
  if (told) find("#reach-label").textContent = told;
}

const view = new JobView(find("#build-job"), "build", { button: find("button.main", form), onResult: show });
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { example, lift, reach: far } = values(form);
  const source = uploaded ? { upload: uploaded } : { example };
  view.start("/api/complexes/build", { ...source, lift: lift ? { name: lift, reach: REACH[lift] ? far : null } : null });
});
find("#lift").addEventListener("change", () => { find("#reach").value = ""; reach(); });
find("#example").addEventListener("change", () => { uploaded = null; find("#file").value = ""; });
find("#file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) { uploaded = null; return; }
  const found = await attempt(find("#build-job"), () => upload("/api/complexes/uploads", { name: file.name }, file));
  uploaded = found?.number ?? null;
  if (!found) event.target.value = "";
  find("#file-told").textContent = found ? [`${number(found.nodes)} nodes from ${found.name}`, ...found.notes].join("; ") : "Two names of nodes a line, or a complex as .json.";
});
find("#matrix").addEventListener("change", see);
turn.addEventListener("input", () => built && paint(find("#drawing .complex")));

try {
  const examples = await get("/api/complexes/examples");
  fill(find("#example"), examples.map((one) => h("option", { value: one.name }, `${one.name}: ${one.told}`)));
  const asked = await view.resume(await jobsOf("complexes"));
  if (asked) {
    uploaded = asked.upload;
    refill(form, { ...(asked.example ? { example: asked.example } : {}), lift: asked.lift?.name ?? "", reach: asked.lift?.reach ?? "" });
  }
  reach();
} catch (error) {
  fault(find("#build-job"), error);
}
document.body.dataset.ready = "";
