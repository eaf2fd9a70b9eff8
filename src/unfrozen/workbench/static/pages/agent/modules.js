// The modules of the agent: which acted at a step, which were written to, and what they did.
import { fill, h, number } from "../../shared/dom.js";

const DIRECTIONS = ["east", "north", "west", "south"];
const SETTINGS = { pursue: "pursues", search: "searches for", explore: "explores for", recover: "gave up, explores" };

/** What each module does at a step; the plan is the one in force. */
export function acting(step, plan) {
  const wrote = step.learnt ?? [];
  const cites = (kind) => step.cites[kind] ?? 0;
  const planned = step.mode === "plan";
  const used = (count, what) => `${count} ${what}${count === 1 ? "" : "s"} used`;
  const cost = plan?.terms.map((term) => `${term.term} ${number(term.amount, 3)}`).join(" + ");
  return [
    { name: "Perception", acts: true, told: [step.bumped ? "bumped" : "", step.sees.length ? `sees ${step.sees.join(", ")}` : "sees nobody"].filter(Boolean).join(", ") },
    { name: "Map", acts: step.place >= 0, writes: wrote.includes("map"), told: step.place >= 0 ? `place ${step.place}` : "does not know this place" },
    { name: "Facts", acts: cites("fact") > 0, writes: wrote.includes("facts"), told: cites("fact") ? used(cites("fact"), "fact") : "not asked" },
    { name: "Steps", acts: cites("memory") > 0, writes: wrote.includes("steps"), told: cites("memory") ? used(cites("memory"), "closed way") : "nothing in the way" },
    { name: "Habits", acts: step.mode === "habit", writes: wrote.includes("habits"), told: step.mode === "habit" ? used(cites("habit"), "habit") : "not sure enough" },
    { name: "Planner", acts: planned && step.at === 0, told: planned && plan ? (step.at === 0 ? `${plan.actions.length} steps, energy ${number(plan.energy, 3)} = ${cost}` : `step ${step.at + 1} of ${plan.actions.length} of its plan`) : "rests" },
    { name: "Configurator", acts: true, told: step.setting ? `${SETTINGS[step.setting]} ${step.goal}` : `goes for ${step.goal}` },
    { name: "Actor", acts: true, told: `${DIRECTIONS[step.action]} by ${step.mode === "random" ? "chance" : step.mode}` },
  ];
}

/** Show the modules, lit as they act. */
export function light(place, step, plan) {
  fill(
    place,
    acting(step, plan).map((one) =>
      h("li", { class: one.writes ? "writes" : one.acts ? "acts" : "" }, h("b", {}, one.name), h("span", { class: "told" }, one.writes ? `${one.told}; written to` : one.told)),
    ),
  );
}
