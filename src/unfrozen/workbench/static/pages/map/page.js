// The page Map: a walk by arrow keys, and what the map foresees, believes and draws.
import { get, hear, post, tell } from "../../shared/api.js";
import { fill, find, h, number, refill, values } from "../../shared/dom.js";
import { attempt, fault } from "../../shared/errors.js";
import { JobView, jobsOf } from "../../shared/job.js";
import { table } from "../../shared/table.js";
import { Tabs } from "../../shared/tabs.js";
import { cells } from "./cells.js";
import { drawn, strip, world } from "./drawing.js";

const ARROWS = { east: "→", north: "↑", west: "←", south: "↓", "north-east": "↗", "north-west": "↖", "south-west": "↙", "south-east": "↘" };
const KEYS = {
  ArrowRight: "east", ArrowUp: "north", ArrowLeft: "west", ArrowDown: "south",
  d: "east", e: "north-east", w: "north-west", a: "west", z: "south-west", x: "south-east",
};
const WAITING = 3;
const wrong = find("#walk-fault");
const share = (chance) => `${Math.round(100 * chance)} %`;

class Walking {
  constructor() {
    Object.assign(this, { walk: null, route: null, waiting: 0, last: Promise.resolve() });
    this.wandering = new JobView(find("#wander-job"), "wander", { button: find("#wander-form button"), onResult: (found) => this.walk?.id === found.walk && this.load(found.walk) });
  }

  async load(id = null) {
    const before = this.walk?.id;
    await this.#done(() => get(id === null ? "/api/map/walks/last" : `/api/map/walks/${id}`));
    // Not after one's own wish: the fields may hold the next one by then.
    if (this.walk && this.walk.id !== before) refill(find("#world-form"), this.walk.world);
  }

  /** Steps that are asked for faster than they are taken wait, up to a few. */
  step(action) {
    if (this.waiting >= WAITING || !this.walk || action >= this.walk.ahead.length) return this.last;
    this.waiting += 1;
    this.last = this.last.then(async () => {
      await this.#done(() => post(`/api/map/walks/${this.walk.id}/step`, { action }), action);
      this.waiting -= 1;
      tell("walk");
    });
    return this.last;
  }

  async begin(path, body) {
    this.route = null;
    await this.#done(() => post(path, body));
    fill(find("#route"));
    tell("walk");
  }

  async find(symbol) {
    const place = find("#route");
    this.route = (await attempt(place, () => post(`/api/map/walks/${this.walk.id}/route`, { symbol }))) ?? null;
    if (this.route) this.#way();
    this.show();
  }

  async go() {
    for (const action of [...this.route.actions]) await this.step(action);
  }

  async #done(ask, action = null) {
    const found = await attempt(wrong, ask);
    if (!found) return;
    const same = this.walk?.id === found.id;
    if (!same) this.route = null;
    else if (this.route && action !== null) this.#along(action, found);
    this.walk = found;
    this.show();
  }

  /** A way that is followed gets shorter; one that is left is void. */
  #along(action, found) {
    if (!found.steps.at(-1).moved) return;
    const on = this.route.actions[0] === action && this.route.actions.length > 1;
    this.route = on ? { ...this.route, actions: this.route.actions.slice(1), names: this.route.names.slice(1), walked: this.route.walked.slice(1) } : null;
    if (this.route) this.#way();
    else fill(find("#route"));
  }

  #way() {
    const { symbol, names, walked } = this.route;
    const fresh = walked.filter((one) => !one).length;
    fill(find("#route"), h("p", {}, names.length ? `To symbol ${symbol}: ${names.join(", ")}. ${fresh} of ${names.length} steps were never taken.` : `Symbol ${symbol} is here.`));
  }

  show() {
    const { walk } = this;
    find("#size").placeholder = `drawn: ${walk.size}`;
    const visited = walk.places.filter((one) => one.symbol !== null).length;
    find("#count").textContent = `${number(walk.count - 1)} steps, ${visited} of ${walk.places.length} places`;
    find("#go").disabled = !this.route?.actions.length;
    fill(find("#world"), world(walk, this.route, (action) => this.step(action)));
    fill(find("#drawn"), drawn(walk));
    fill(find("#code"), strip(walk.code));
    belief(walk);
    this.#ways();
    steps(walk);
  }

  #ways() {
    const names = this.walk.ahead.map((one) => one.name);
    const plain = names.some((name) => name === "north");
    find("#keys").textContent = plain ? "Arrow keys walk; so does a click on a place beside." : names.includes("north-east") ? "Keys W E A D Z X walk, as they lie on the keyboard; so does a click." : "Keys 1 to 9 take the steps in their order; so does a click.";
    const focused = document.activeElement?.dataset.action;
    fill(
      find("#ways"),
      this.walk.ahead.map((one, action) => {
        const told = one.foreseen ? `${one.foreseen.symbol}, ${share(one.foreseen.chance)}` : one.possible ? "not foreseen" : "no way";
        return h("button", { type: "button", "data-action": String(action), onclick: () => this.step(action) }, `${ARROWS[one.name] ?? ""} ${one.name}`, h("span", {}, told));
      }),
    );
    if (focused !== undefined) find(`#ways [data-action="${focused}"]`)?.focus();
  }
}

function belief(walk) {
  const { belief: now } = walk;
  const mark = now.right === null ? null : h("span", { class: `mark ${now.right ? "yes" : "no"}` }, now.right ? "✓ it is there" : "✗ it is elsewhere");
  const which = now.decided ? `sure to be in world ${now.map}` : now.chance > 0.5 ? `thinks that this world is new (${share(now.chance)})` : `not sure which world this is (new: ${share(now.chance)})`;
  fill(find("#belief"), h("p", {}, `Place ${now.place}, ${now.known ? "known" : "new"}; ${which}. `, mark));
}

function steps(walk) {
  const chance = walk.visited ? `${walk.foreseen} of ${walk.visited} (${share(walk.foreseen / walk.visited)})` : "none yet";
  fill(find("#score"), h("p", {}, `At places that were visited before, foreseen: ${chance}. Nobody can foresee what is at a new place.`));
  fill(
    find("#steps"),
    table(
      [
        { title: "Step", numeric: true, cell: (one) => String(one.number) },
        { title: "Went", cell: (one) => (one.action ? `${one.action}${one.moved ? "" : ", no way"}` : "began") },
        { title: "Foreseen", cell: (one) => (one.right === null ? "–" : one.guesses.map((guess) => `${guess.symbol} (${share(guess.chance)})`).slice(0, 3).join(", ")) },
        { title: "Seen", numeric: true, cell: (one) => String(one.symbol) },
        { title: "Right", cell: (one) => (one.right === null ? (one.moved && one.fresh ? "new place" : "–") : h("span", { class: `mark ${one.right ? "yes" : "no"}` }, one.right ? "✓ yes" : "✗ no")) },
      ],
      walk.steps.slice(-12).reverse(),
      { label: "The last steps" },
    ),
  );
}

const walking = new Walking();
new Tabs(find(".tabs"));
const watching = cells(walking);

find("#world-form").addEventListener("submit", (event) => {
  event.preventDefault();
  walking.begin("/api/map/walks", values(event.target));
});
find("#elsewhere").addEventListener("click", () => walking.begin(`/api/map/walks/${walking.walk.id}/begin`));
find("#route-form").addEventListener("submit", (event) => {
  event.preventDefault();
  walking.find(values(event.target).symbol);
});
find("#go").addEventListener("click", () => walking.go());
find("#wander-form").addEventListener("submit", (event) => {
  event.preventDefault();
  walking.wandering.start(`/api/map/walks/${walking.walk.id}/wander`, values(event.target));
});
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || find("#walk").hidden || !walking.walk) return;
  if (event.target.closest("input, select, textarea, [role=tab], .wide")) return;
  const names = walking.walk.ahead.map((one) => one.name);
  const action = names.includes(KEYS[event.key]) ? names.indexOf(KEYS[event.key]) : names[0] === "+1" ? Number(event.key) - 1 : -1;
  if (!(action >= 0)) return;
  event.preventDefault();
  walking.step(action);
});
hear("walk", () => walking.load());

try {
  const kinds = await get("/api/map/families");
  fill(find("#family"), kinds.map((one) => h("option", { value: one.name }, `${one.name}: ${one.told}`)));
  await walking.load();
  const jobs = await jobsOf("map");
  await Promise.all([watching.resume(jobs), walking.wandering.resume(jobs)]);
} catch (error) {
  fault(wrong, error);
}
document.body.dataset.ready = "";
