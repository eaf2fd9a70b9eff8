// Patterns as pictures: blue below zero, white at zero, orange above; safe for the colour-blind.
import { h } from "../../shared/dom.js";

const LOW = [0x05, 0x3a, 0x6e];
const MIDDLE = [0xf4, 0xf1, 0xec];
const HIGH = [0xd5, 0x5e, 0x00];

function shade(value) {
  const share = Math.min(1, Math.abs(value));
  const end = value < 0 ? LOW : HIGH;
  return MIDDLE.map((from, i) => Math.round(from + (end[i] - from) * share));
}

/** Paint a pattern; without a width of its own it is as square as it can be. */
export function paint(canvas, pattern, width, scale = 0) {
  const across = width || Math.ceil(Math.sqrt(pattern.length));
  const down = Math.ceil(pattern.length / across);
  const top = scale || Math.max(1e-9, ...pattern.map(Math.abs));
  canvas.width = across;
  canvas.height = down;
  const context = canvas.getContext("2d");
  const image = context.createImageData(across, down);
  pattern.forEach((value, i) => image.data.set([...shade(value / top), 255], 4 * i));
  context.putImageData(image, 0, 0);
}

/** A pattern as a picture of so many pixels across. */
export function picture(pattern, width, size) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  paint(canvas, pattern, width);
  canvas.style.width = `${size}px`;
  canvas.style.height = `${Math.round((size * canvas.height) / canvas.width)}px`;
  return canvas;
}

/** A dialog in which a pattern of signs is drawn; null if it is given up. */
export function drawing(width, height) {
  const cells = Array.from({ length: width * height }, (_, i) =>
    h("button", { type: "button", "aria-pressed": "false", tabindex: i ? "-1" : "0", "aria-label": `row ${Math.floor(i / width) + 1}, column ${(i % width) + 1}` }),
  );
  const set = (cell, on) => cell.setAttribute("aria-pressed", String(on));
  const is = (cell) => cell.getAttribute("aria-pressed") === "true";
  let brush = null;
  const grid = h("div", { class: "grid", role: "group", "aria-label": "Pattern: arrow keys move, space sets" }, cells);
  grid.style.gridTemplateColumns = `repeat(${width}, 1fr)`;
  grid.addEventListener("pointerdown", (event) => {
    if (!cells.includes(event.target)) return;
    brush = !is(event.target);
    set(event.target, brush);
  });
  grid.addEventListener("pointermove", (event) => {
    const cell = document.elementFromPoint(event.clientX, event.clientY);
    if (brush !== null && event.buttons && cells.includes(cell)) set(cell, brush);
  });
  grid.addEventListener("pointerup", () => { brush = null; });
  grid.addEventListener("keydown", (event) => {
    const at = cells.indexOf(event.target);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - width, ArrowDown: at + width }[event.key];
    if (event.key === " ") {
      event.preventDefault();
      set(event.target, !is(event.target));
    } else if (cells[to]) {
      event.preventDefault();
      cells[at].tabIndex = -1;
      cells[to].tabIndex = 0;
      cells[to].focus();
    }
  });
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { "aria-labelledby": "drawing-title" },
      h(
        "form",
        { method: "dialog", class: "form" },
        h("h2", { id: "drawing-title" }, "Draw a pattern"),
        grid,
        h("div", { class: "line" }, h("button", { class: "main", value: "store" }, "Store it"), h("button", { value: "" }, "Cancel")),
      ),
    );
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "store" ? cells.map((cell) => (is(cell) ? 1 : -1)) : null);
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
    cells[0].focus();
  });
}
