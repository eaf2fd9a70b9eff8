// Tables from rows: numbers on the right, a heading a column.
import { h } from "./dom.js";

/**
 * @param {{title: string, numeric?: boolean, cell: (row) => (string|Node)}[]} columns
 * @param {object[]} rows
 * @param {{caption?: string, cards?: boolean, label?: string}} options cards: a row is a block on a phone.
 */
export function table(columns, rows, { caption = "", cards = false, label = "" } = {}) {
  const kind = (column) => (column.numeric ? "number" : "");
  return h(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": label || caption || "table" },
    h(
      "table",
      { class: cards ? "cards" : "" },
      caption && h("caption", {}, caption),
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col", class: kind(column) }, column.title)))),
      h(
        "tbody",
        {},
        rows.map((row) => h("tr", {}, columns.map((column) => h("td", { class: kind(column), "data-label": column.title || null }, column.cell(row))))),
      ),
    ),
  );
}
