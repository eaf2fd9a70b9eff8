// The town as a drawing, north up: streets, rooms, doors, persons, the agent and where it is going.
import { line, s } from "../../shared/svg.js";

export const STEPS = [[1, 0], [0, 1], [-1, 0], [0, -1]];

/** Draw a town as it was at a step; `way` are the actions of the plan that are left. */
export function town(life, phase, cell, way) {
  const { side } = life;
  const now = life.phases[Math.min(phase, life.phases.length - 1)];
  const at = (one) => [one % side, side - 1 - Math.floor(one / side)];
  const locked = new Set(now.locked.flatMap(([one, action]) => [`${one} ${action}`, `${one + STEPS[action][0] + side * STEPS[action][1]} ${(action + 2) % 4}`]));
  const rooms = new Map(life.rooms.map((room) => [room.cell, room]));
  const path = [cell];
  for (const action of way) path.push(path.at(-1) + STEPS[action][0] + side * STEPS[action][1]);
  const people = new Map();
  now.persons.forEach((one, i) => people.set(one, [...(people.get(one) ?? []), life.persons[i]]));
  return s(
    "svg",
    { viewBox: `-0.1 -0.1 ${side + 0.2} ${side + 0.2}`, role: "img", "aria-label": `Town of ${life.rooms.length} rooms; the agent is at ${rooms.get(cell)?.name ?? "a street"}` },
    s("rect", { class: "block", x: 0, y: 0, width: side, height: side }),
    [...life.streets, ...rooms.keys()].map((one) => s("rect", { class: rooms.has(one) ? "room" : "street", x: at(one)[0], y: at(one)[1], width: 1, height: 1 })),
    [...life.streets, ...rooms.keys()].flatMap((one) => edges(life, now, one, at(one), locked, rooms)),
    life.rooms.map((room) => s("text", { x: at(room.cell)[0] + 0.5, y: at(room.cell)[1] + 0.28 }, room.name)),
    path.length > 1 && s("path", { class: "way", d: line(path.map((one) => at(one).map((x) => x + 0.5))) }),
    path.length > 1 && s("circle", { class: "aim", cx: at(path.at(-1))[0] + 0.5, cy: at(path.at(-1))[1] + 0.5, r: 0.34 }),
    [...people].flatMap(([one, names]) => [
      s("circle", { class: "person", cx: at(one)[0] + 0.5, cy: at(one)[1] + 0.55, r: 0.12 }),
      s("text", { class: "who", x: at(one)[0] + 0.5, y: at(one)[1] + 0.9 }, names.join(", ")),
    ]),
    s("circle", { class: "agent", cx: at(cell)[0] + 0.5, cy: at(cell)[1] + 0.5, r: 0.24 }),
  );
}

/** Walls and doors of a cell; what two cells share is drawn by the one to the west or south. */
function edges(life, now, one, [x, y], locked, rooms) {
  const ends = [[1, 0, 1, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 1, 1]];
  return ends.map(([x1, y1, x2, y2], action) => {
    const open = (now.exits[one] >> action) & 1;
    const next = one + STEPS[action][0] + life.side * STEPS[action][1];
    const door = open && (rooms.has(one) || rooms.has(next));
    if (open && !door) return null;
    const inset = door ? 0.25 : 0;
    const [dx, dy] = x1 === x2 ? [0, inset] : [inset, 0];
    const kind = door ? `door${locked.has(`${one} ${action}`) ? " locked" : ""}` : "wall";
    return s("line", { class: kind, x1: x + x1 + dx, y1: y + y1 + dy, x2: x + x2 - dx, y2: y + y2 - dy });
  });
}
