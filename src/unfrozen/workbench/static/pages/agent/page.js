// The page Agent: a life that is lived in the background, followed step by step.
import { get, hear, post, tell } from "../../shared/api.js";
import { all, fill, find, h, refill, values } from "../../shared/dom.js";
import { attempt, fault } from "../../shared/errors.js";
import { JobView, jobsOf } from "../../shared/job.js";
import { light } from "./modules.js";
import { record } from "./record.js";
import { town } from "./town.js";

const KEY = "unfrozen-life";
const KEPT = 600;
const [BUSY, CALM] = [200, 1200];
const DIRECTIONS = ["east", "north", "west", "south"];
const wrong = find("#life-fault");

class Watching {
  constructor() {
    Object.assign(this, { name: null, life: null, steps: [], last: -1, live: true, at: 0, paused: false, job: null, turn: 0 });
    this.view = new JobView(find("#live-job"), "live", { button: find("#run") });
    this.why = new JobView(find("#why-job"), "why", { button: find("#why"), onResult: (found, job) => job.request.name === this.name && showWhy(found) });
  }

  get url() {
    return `/api/agent/lives/${encodeURIComponent(this.name)}`;
  }

  async open(name) {
    Object.assign(this, { name, steps: [], last: -1, live: true, at: 0 });
    sessionStorage.setItem(KEY, name);
    fill(find("#why-found"));
    await this.reload();
    find("#nobody").hidden = true;
    find("#lived").hidden = false;
    const turn = ++this.turn;
    this.#show();
    await this.#poll();
    if (!this.steps.length && this.life.errands.length) await this.errand(this.life.errands.length - 1);
    this.#on(turn);
  }

  async reload() {
    this.life = await get(this.url);
    record(this.life, (errand) => this.errand(errand));
    places(this.life);
  }

  /** Look at an errand of the past. */
  async errand(number) {
    const found = await attempt(wrong, () => get(`${this.url}/errands/${number}`));
    if (!found) return;
    Object.assign(this, { live: false, steps: found, at: 0 });
    this.#show();
  }

  async #on(turn) {
    while (turn === this.turn) {
      await new Promise((resolve) => setTimeout(resolve, this.job === null ? CALM : BUSY));
      if (turn !== this.turn) return;
      await attempt(wrong, () => this.#poll());
    }
  }

  async #poll() {
    const found = await get(`${this.url}/steps`, { since: this.last });
    this.take(found);
    if (this.last >= 0 && found.last < this.last) this.last = -1; // The workbench was started anew.
    if (found.steps.length) {
      this.last = found.last;
      const there = this.live ? this.steps : [];
      this.steps = [...there, ...found.steps].slice(-KEPT);
      this.at = this.steps.length - 1;
      this.live = true;
    }
    if (found.done !== this.life.errands.length) await this.reload();
    if (found.steps.length) this.#show();
  }

  /** The pace and what waits, as another tab may have set them. */
  take({ paused, delay, job, waiting }) {
    if (job !== null && job !== this.job) get(`/api/jobs/${job}`).then((one) => this.view.follow(one)).catch((error) => fault(wrong, error));
    Object.assign(this, { paused, job });
    find("#pause").disabled = find("#once").disabled = job === null;
    find("#pause").textContent = paused && job !== null ? "Go on" : "Pause";
    if (document.activeElement !== find("#delay")) find("#delay").value = delay;
    find("#delay-told").textContent = `${Number(find("#delay").value).toFixed(2)} s`;
    if (waiting.length) fill(find("#change-told"), h("p", { class: "notice" }, `Before the next errand: ${waiting.join("; ")}.`));
    else if (find("#change-told .notice")) fill(find("#change-told"));
  }

  async pace(asked) {
    const found = await attempt(wrong, () => post(`${this.url}/pace`, asked));
    if (found) this.take(found);
  }

  go(at) {
    this.at = Math.max(0, Math.min(this.steps.length - 1, at));
    this.#show();
  }

  #show() {
    const step = this.steps[this.at];
    const { life } = this;
    const slider = find("#at");
    Object.assign(slider, { max: Math.max(0, this.steps.length - 1), disabled: this.steps.length < 2 });
    slider.value = this.at;
    find("#back").disabled = !step || this.at === 0;
    find("#on").disabled = !step || this.at === this.steps.length - 1;
    find("#why").disabled = !step || step.errand >= life.errands.length;
    if (!step) {
      find("#asked").textContent = life.grown ? life.asked : "Not born yet";
      find("#when").textContent = "";
      fill(find("#town"), h("p", { class: "empty" }, "Let it live: it explores the town first, then does errands."));
      fill(find("#modules"));
      return;
    }
    const errand = life.errands[step.errand];
    const plan = this.#plan();
    find("#asked").textContent = step.errand < 0 ? "Childhood: it explores" : (errand?.asked ?? life.asked);
    find("#when").textContent = `${step.errand < 0 ? "" : `errand ${step.errand}, `}step ${step.step}, time ${step.time}`;
    fill(find("#town"), town(life, step.errand < 0 ? 0 : (errand?.phase ?? life.phase), step.cell, plan ? plan.actions.slice(step.at) : [step.action]));
    light(find("#modules"), step, plan);
  }

  /** The plan in force: the last one made in this errand, if the step follows one. */
  #plan() {
    const step = this.steps[this.at];
    if (step.mode !== "plan") return null;
    for (let i = this.at; i >= 0 && this.steps[i].errand === step.errand; i -= 1) if (this.steps[i].plan) return this.steps[i].plan;
    return null;
  }
}

function showWhy(found) {
  fill(
    find("#why-found"),
    h(
      "div",
      { class: "stack" },
      h("p", {}, `At ${found.time}, at ${found.place}: ${found.decision}.`),
      h("dl", { class: "facts" }, found.options.flatMap((one) => [h("dt", {}, one.direction), h("dd", {}, one.cost)])),
      found.slots.length > 0 && h("ul", { class: "small" }, found.slots.map((one) => h("li", {}, `${one.told} (${one.kind}, written by ${one.entry}, ${one.since})`))),
      found.without && h("p", {}, found.matters ? `Without these it would go ${found.without}: they matter.` : `Without these it would do the same: ${found.without}.`),
    ),
  );
}

/** Persons, places and doors that can be changed now. */
function places(life) {
  const now = life.phases.at(-1);
  const kind = find("#kind").value;
  const options = (select, list) => {
    const before = select.value;
    fill(select, list.map(([value, text]) => h("option", { value }, text)));
    if (list.some(([value]) => String(value) === before)) select.value = before;
  };
  const where = new Map(life.rooms.map((room) => [room.cell, room.name]));
  options(find("#person"), life.persons.map((name, i) => [name, `${name} (${where.get(now.persons[i])})`]));
  options(find("#place"), life.rooms.filter((room) => kind === "lock" || !now.persons.includes(room.cell)).map((room) => [room.name, room.name]));
  const room = life.rooms.find((one) => one.name === find("#place").value);
  options(find("#door"), [...(room?.doors ?? []).map((door) => [door, `${DIRECTIONS[door]}${now.locked.some(([cell, action]) => cell === room.cell && action === door) ? " (locked)" : ""}`]), [-1, "none: all open"]]);
  for (const field of all("[data-for]", find("#change-form"))) field.hidden = field.dataset.for !== kind;
}

const watching = new Watching();

async function list(wanted = null) {
  const names = await get("/api/agent/lives");
  const chosen = wanted ?? sessionStorage.getItem(KEY);
  const select = find("#life");
  fill(select, names.length ? names.map((name) => h("option", { value: name }, name)) : h("option", { value: "" }, "none yet"));
  find("#begin").open = !names.length;
  if (!names.length) return;
  select.value = names.includes(chosen) ? chosen : names[0];
  if (select.value !== watching.name) await watching.open(select.value);
}

find("#life").addEventListener("change", (event) => event.target.value && attempt(wrong, () => watching.open(event.target.value)));
find("#life-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { map, steps, facts, habits, ...asked } = values(event.target);
  const frozen = Object.entries({ map, steps, facts, habits }).filter(([, off]) => off).map(([name]) => name);
  const found = await attempt(wrong, () => post("/api/agent/lives", { ...asked, frozen }));
  if (!found) return;
  tell("lives");
  await attempt(wrong, () => list(found.name));
});
find("#run-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!watching.life.grown && watching.live) watching.last = -1;
  await watching.pace({ delay: Number(find("#delay").value) });
  watching.view.start(`${watching.url}/run`, { errands: values(event.target).errands });
});
find("#pause").addEventListener("click", () => watching.pace({ paused: !watching.paused }));
find("#once").addEventListener("click", () => watching.pace({ step: true }));
find("#delay").addEventListener("input", () => { find("#delay-told").textContent = `${Number(find("#delay").value).toFixed(2)} s`; });
find("#delay").addEventListener("change", () => watching.pace({ delay: Number(find("#delay").value) }));
find("#at").addEventListener("input", () => watching.go(Number(find("#at").value)));
find("#back").addEventListener("click", () => watching.go(watching.at - 1));
find("#on").addEventListener("click", () => watching.go(watching.at + 1));
find("#why").addEventListener("click", () => {
  fill(find("#why-found"));
  watching.why.start(`${watching.url}/why`, { time: watching.steps[watching.at].time });
});
for (const id of ["#kind", "#place"]) find(id).addEventListener("change", () => places(watching.life));
find("#change-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { kind, person, place, door, told } = values(event.target);
  const asked = kind === "move" ? { kind, person, place, told } : { kind, place, door: Number(door) };
  const found = await attempt(find("#change-told"), () => post(`${watching.url}/change`, asked));
  if (!found) return;
  watching.take(found);
  if (!found.waiting.length) {
    await watching.reload();
    fill(find("#change-told"), h("p", { class: "soft" }, "Changed: it is so from the next errand on."));
  }
  tell("lives");
});
hear("lives", () => attempt(wrong, () => list(watching.name)));

try {
  await list();
  const jobs = (await jobsOf("agent")).filter((job) => job.request.name === watching.name);
  await watching.why.resume(jobs);
  if (watching.job === null) refill(find("#run-form"), (await watching.view.resume(jobs)) ?? {});
} catch (error) {
  fault(wrong, error);
}
document.body.dataset.ready = "";
