// Elements made from data: text is always text, never markup.

/** An element with properties and children; `class`, `dataset` and aria-* as attributes. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const find = (selector, within = document) => within.querySelector(selector);
export const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/** Put these in the place of all that is in an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

/** A number as people read it: four significant digits. */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  if (Math.abs(value) >= 1e4 && Math.abs(value) < 1e12) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(digits)));
}

export const fixed = (value, digits = 3) => (value === null || value === undefined ? "–" : value.toFixed(digits));

/** A duration as people say it. */
export function duration(seconds) {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export const bytes = (count) => (count < 1000 ? `${count} B` : count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(1)} MB`);

/** A token with the blanks that it begins with made visible. */
export const token = (text) => text.replace(/^ /, "␣").replace(/\n/g, "⏎") || "∅";

/** The fields of a form by name; empty ones are null, checkboxes are true or false. */
export function values(form) {
  const found = {};
  for (const field of form.elements) {
    if (!field.name || field.type === "file") continue;
    if (field.type === "radio" && !field.checked) continue;
    if (field.type === "checkbox") found[field.name] = field.checked;
    else if (field.type === "number" || field.type === "range") found[field.name] = field.value === "" ? null : Number(field.value);
    else found[field.name] = field.value.trim() === "" ? null : field.value;
  }
  return found;
}

/** Write values back into the fields of a form. */
export function refill(form, given) {
  for (const field of form.elements) {
    if (!field.name || !(field.name in given) || field.type === "file") continue;
    const value = given[field.name];
    if (field.type === "checkbox") field.checked = Boolean(value);
    else if (field.type === "radio") field.checked = field.value === String(value);
    else field.value = Array.isArray(value) ? value.join("\n") : (value ?? "");
  }
}
