// Worlds and maps as drawings: places are circles with what is seen there, north is up.
import { h } from "../../shared/dom.js";
import { line, s } from "../../shared/svg.js";

const VIRIDIS = [[0x44, 0x01, 0x54], [0x3b, 0x52, 0x8b], [0x21, 0x91, 0x8c], [0x5e, 0xc9, 0x62], [0xfd, 0xe7, 0x25]];

/** A share from 0 to 1 as a colour. */
export function viridis(share) {
  const at = Math.max(0, Math.min(1, share)) * (VIRIDIS.length - 1);
  const low = Math.min(VIRIDIS.length - 2, Math.floor(at));
  const mixed = VIRIDIS[low].map((from, i) => Math.round(from + (VIRIDIS[low + 1][i] - from) * (at - low)));
  return `rgb(${mixed.join(",")})`;
}

function frame(places, least) {
  const xs = places.map((one) => one.x);
  const ys = places.map((one) => -one.y);
  const width = Math.max(least, Math.max(...xs) - Math.min(...xs));
  const height = Math.max(Math.min(least, 2), Math.max(...ys) - Math.min(...ys));
  const x = (Math.max(...xs) + Math.min(...xs) - width) / 2;
  const y = (Math.max(...ys) + Math.min(...ys) - height) / 2;
  return `${x - 0.7} ${y - 0.7} ${width + 1.4} ${height + 1.4}`;
}

/** The world, as far as it was seen; a click on a neighbour walks there. */
export function world(walk, route, step) {
  const { places, edges, here } = walk;
  const next = new Map();
  walk.ahead.forEach((one, action) => {
    const to = one.possible ? led(walk, action) : -1;
    if (to >= 0) next.set(to, action);
  });
  const way = route ? followed(walk, route) : [];
  return s(
    "svg",
    { viewBox: frame(places, 4), role: "img", "aria-label": `World of ${places.length} places; ${places.filter((one) => one.symbol !== null).length} were visited` },
    edges.map(([a, b]) => s("line", { class: "step", x1: places[a].x, y1: -places[a].y, x2: places[b].x, y2: -places[b].y })),
    way.length > 1 && s("path", { class: "way", d: line(way.map((i) => [places[i].x, -places[i].y])) }),
    places.flatMap((one, i) => {
      const kind = ["place", one.symbol !== null && "seen", i === here && "here", next.has(i) && "next"].filter(Boolean).join(" ");
      return [
        s("circle", { class: kind, cx: one.x, cy: -one.y, r: 0.36, onclick: next.has(i) && (() => step(next.get(i))) }),
        one.symbol !== null && s("text", { class: i === here ? "on" : "", x: one.x, y: -one.y }, String(one.symbol)),
      ];
    }),
  );
}

/** The place where an action leads from here: the neighbour that lies its way. */
function led(walk, action, from = walk.here) {
  const { dx, dy } = walk.ahead[action];
  const { x, y } = walk.places[from];
  return walk.places.findIndex((one) => Math.hypot(one.x - x - dx, one.y - y - dy) < 0.1);
}

function followed(walk, route) {
  const way = [walk.here];
  for (const action of route.actions) way.push(led(walk, action, way.at(-1)));
  return way.filter((place) => place >= 0);
}

/** What the map has drawn so far, around where it believes to be. */
export function drawn(walk) {
  const at = new Map(walk.drawn.map((one) => [one.place, one]));
  return s(
    "svg",
    { viewBox: frame(walk.drawn, 6), role: "img", "aria-label": `Map of ${walk.drawn.length} places, drawn by the steps that were taken` },
    walk.walked.map(([a, b]) => s("line", { class: "taken", x1: at.get(a).x, y1: -at.get(a).y, x2: at.get(b).x, y2: -at.get(b).y })),
    walk.drawn.flatMap((one) => {
      const here = one.place === walk.belief.place;
      return [
        s("circle", { class: here ? "place here" : "place seen", cx: one.x, cy: -one.y, r: 0.36 }),
        one.blocked.map((action) => {
          const { dx, dy } = walk.ahead[action];
          const far = Math.hypot(dx, dy) || 1;
          const [x, y] = [one.x + (0.46 * dx) / far, -one.y - (0.46 * dy) / far];
          const [ox, oy] = [(0.22 * dy) / far, (0.22 * dx) / far];
          return s("line", { class: "wall", x1: x - ox, y1: y - oy, x2: x + ox, y2: y + oy });
        }),
        s("text", { class: here ? "on" : "", x: one.x, y: -one.y }, String(one.symbol)),
      ].flat();
    }),
  );
}

/** A vector as a strip of coloured cells. */
export function strip(code) {
  const most = Math.max(1e-9, ...code.map(Math.abs));
  const place = h("div", { class: "strip", role: "img", "aria-label": `Position code of ${code.length} numbers from ${-most} to ${most}` });
  for (const value of code) {
    const cell = h("i", { title: value.toFixed(2) });
    cell.style.background = viridis((value / most + 1) / 2);
    place.append(cell);
  }
  return place;
}

/** A unit's rates over the places of a world. */
export function unit(places, one) {
  const known = one.rates.filter((rate) => rate !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return s(
    "svg",
    { viewBox: frame(places, 2), role: "img", "aria-label": `Unit ${one.unit}: rates from ${low.toFixed(2)} to ${high.toFixed(2)}` },
    places.map((at, i) => {
      const rate = one.rates[i];
      return s("circle", { cx: at.x, cy: -at.y, r: 0.48, fill: rate === null ? "none" : viridis((rate - low) / (high - low || 1)), stroke: "none" }, rate !== null && s("title", {}, rate.toFixed(3)));
    }),
  );
}
