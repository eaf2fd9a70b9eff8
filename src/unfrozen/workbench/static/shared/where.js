// Which model in which state: the choice that the parts of a page share.
import { get, hear } from "./api.js";
import { fill, h } from "./dom.js";

const KEY = "unfrozen-where";

export class Where extends EventTarget {
  /** @param {HTMLSelectElement} select @param {HTMLElement} note beside it. */
  constructor(select, note) {
    super();
    Object.assign(this, { select, note, states: null });
    select.addEventListener("change", () => this.#changed());
    hear("states", () => this.load());
  }

  async load(wanted = null) {
    this.states = await get("/api/knowledge/states");
    const { workspaces, models } = this.states;
    const chosen = wanted ?? this.value ?? sessionStorage.getItem(KEY);
    const option = (value, text, disabled = false) => h("option", { value, disabled }, text);
    fill(
      this.select,
      workspaces.length > 0 && h("optgroup", { label: "Workspaces" }, workspaces.map((one) => option(`workspace:${one.name}`, one.title, one.error !== null))),
      h("optgroup", { label: "Models, as published" }, models.map((name) => option(`model:${name}`, name))),
    );
    this.select.disabled = false;
    const usable = [...this.select.options].filter((one) => !one.disabled);
    this.select.value = (usable.find((one) => one.value === chosen) ?? usable[0]).value;
    this.#changed();
  }

  get value() {
    return this.select.disabled ? null : this.select.value;
  }

  /** As requests have it. */
  get asked() {
    const [kind, ...name] = (this.value ?? "").split(":");
    return kind ? { [kind]: name.join(":") } : {};
  }

  /** The workspace that is chosen, or null. */
  get workspace() {
    return this.states?.workspaces.find((one) => one.name === this.asked.workspace) ?? null;
  }

  #changed() {
    sessionStorage.setItem(KEY, this.select.value);
    const one = this.workspace;
    const broken = this.states.workspaces.filter((other) => other.error);
    const told = one ? `${one.changes} ${one.changes === 1 ? "change" : "changes"} over ${one.base.split("/").at(-1)}` : "No changes: the model as it was published";
    fill(this.note, broken.length ? `${told}. Not opened: ${broken[0].error}` : told);
    this.dispatchEvent(new Event("change"));
  }
}
