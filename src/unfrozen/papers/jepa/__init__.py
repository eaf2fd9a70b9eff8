"""World models in latents: collapse or not, walls or not, plans straight ahead and over a map."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unfrozen.agent.latent.thinking import FAR, IMAGINED, OVER_MAP, STRAIGHT
from unfrozen.papers.claim import Budget, Claim, ClaimSpec, Figure, Outcome, Table
from unfrozen.papers.jepa import rooms
from unfrozen.papers.running.context import RunContext
from unfrozen.world.environments import FLOORS
from unfrozen.world.inspection import inspect_model
from unfrozen.world.jepa import JepaTraining
from unfrozen.world.schooling import SCHOOLS, School

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

ROOMS = ClaimSpec(
    "jepa.two-rooms",
    "Goals in the other room that plans reach and stay at, by a model of random walks",
    0.98,
    "share",
)
RANDOM = ClaimSpec(
    "jepa.random-wall",
    "The same where wall and door are elsewhere in every episode",
    0.97,
    "share",
)
DETOUR = ClaimSpec(
    "jepa.detour",
    "Goals behind three walls with doors at alternate ends that plans over a map reach",
    None,
    "share",
)
ROLLOUTS = ClaimSpec(
    "jepa.rollouts-per-second",
    "Latent steps a second on one core, with what each costs",
    None,
    "steps/s",
)
_GOOD, _RANDOM, _SOLID, _DETOUR, _FAST = 0.97, 0.85, 0.02, 0.98, 20_000
# Settings were chosen on lower seeds.
_FIRST, _JUDGED = 100, 60_000
OBJECTIVES = ("sigreg", "vicreg", "ema")


@dataclass(frozen=True)
class _Budget:
    seeds: int
    episodes: int
    steps: Mapping[str, int]
    random_steps: int
    trajectories: int
    flat: int


_BUDGETS = {
    "full": _Budget(5, 100, {"sigreg": 1500, "vicreg": 2400, "ema": 1500}, 4500, 4000, 40),
    "quick": _Budget(1, 16, {"sigreg": 200, "vicreg": 200, "ema": 100}, 100, 400, 8),
}


class JepaPaper:
    """Trains world models without reconstruction and without reward, and plans with them."""

    name = "jepa"
    title = "Joint-embedding world models and planning in latents"
    citation = (
        "LeCun 2022; Bardes et al. 2022 (VICReg); Balestriero and LeCun 2025 (SIGReg); figures of "
        "two rooms are those that eb_jepa gives for images of 65 by 65."
    )
    summary = (
        "A dot walks about in rooms that are seen as images of 33 by 33.  Models predict latents "
        "from latents and actions, kept from collapse by SIGReg, by VICReg, or by an average of "
        "the encoder alone, which does not keep them from it.  They are diagnosed, pushed against "
        "walls in their rollouts, and planned with by MPPI: in two rooms, with walls drawn anew "
        "for each episode, which the model reads as a map, and in a snake of rooms: straight at "
        "the goal, over landmarks that were walked, and by ways between them that are imagined.  "
        "Floors, and success at the end and at any time, stand beside."
    )
    claims = (ROOMS, RANDOM, DETOUR, ROLLOUTS)

    def run(self, budget: Budget, seed: int, context: RunContext) -> Outcome:
        """Measure every claim."""
        size = _BUDGETS[budget]
        seeds = range(seed + _FIRST, seed + _FIRST + size.seeds)
        fixed = context.checkpoint(
            "fixed", {"size": size},
            {f"{o}, seed {s}": (o, s) for o in OBJECTIVES for s in seeds},
            lambda one: _fixed(context, size, *one), sample=None, anywhere=True,
        )  # fmt: skip
        snake = context.checkpoint(
            "snake", {"size": size}, {f"seed {s}": s for s in seeds},
            lambda s: _snake(context, size, s), sample=None, anywhere=True,
        )  # fmt: skip
        drawn = context.checkpoint(
            "random", {"size": size}, {f"seed {s}": s for s in seeds},
            lambda s: _random(context, size, s), sample=None, anywhere=True,
        )  # fmt: skip
        speed = context.once("rollouts", {"size": size}, lambda: _rollouts(context, size, seeds[0]))
        floors = context.checkpoint(
            "floors", {"size": size}, {n: n for n in ("two-rooms", "two-rooms-random", "snake")},
            lambda name: rooms.floors(name, size.episodes, seeds[0] + _JUDGED), sample=None,
            anywhere=True,
        )  # fmt: skip
        full = budget == "full"
        return Outcome(
            claims=_claims(fixed, drawn, snake, floors, float(speed), full),
            figures=(
                Figure("Two rooms", _picture(fixed), "Success at the end of episodes, by seeds."),
            ),
            tables=(_fixed_table(fixed), _random_table(drawn), _snake_table(snake),
                    _floors_table(floors)),
        )  # fmt: skip


EXPERIMENT = JepaPaper()


def _school(name: str, size: _Budget) -> School:
    return replace(SCHOOLS[name], trajectories=size.trajectories)


def _kept(context: RunContext, name: str, settings: Any) -> Path:
    path = context.place(name, settings, anywhere=True).with_suffix(".safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _fixed(context: RunContext, size: _Budget, objective: str, seed: int) -> dict[str, Any]:
    of = _school("two-rooms", size)
    training = JepaTraining(objective, steps=size.steps[objective])
    path = _kept(context, f"two-rooms-{objective}", {"size": size, "seed": seed})
    told, report = f"Two rooms, {objective}, seed {seed}", context.reporter()
    schooled = rooms.trained(of, training, seed, path, told, report)
    judged = seed + _JUDGED
    return {
        **inspect_model(of, schooled.model, seed, walls=True).told(),
        "steps": training.steps,
        "seconds": None if schooled.last is None else schooled.last.seconds,
        "success": rooms.planned("two-rooms", schooled.model, size.episodes, judged, STRAIGHT),
    }


def _random(context: RunContext, size: _Budget, seed: int) -> dict[str, Any]:
    of = _school("two-rooms-random", size)
    training = replace(of.training, steps=size.random_steps)
    path = _kept(context, "random", {"size": size, "seed": seed})
    told, report = f"Walls drawn anew, seed {seed}", context.reporter()
    schooled = rooms.trained(of, training, seed, path, told, report)
    judged = seed + _JUDGED
    return {
        **inspect_model(of, schooled.model, seed, walls=True).told(),
        "steps": training.steps,
        "seconds": None if schooled.last is None else schooled.last.seconds,
        "flat": rooms.planned("two-rooms-random", schooled.model, size.flat, judged, FAR),
        "success": rooms.imagined("two-rooms-random", schooled, size.episodes, judged, IMAGINED),
    }


def _snake(context: RunContext, size: _Budget, seed: int) -> dict[str, Any]:
    of = _school("snake", size)
    training = replace(of.training, steps=size.steps["sigreg"])
    path = _kept(context, "snake", {"size": size, "seed": seed})
    report = context.reporter()
    schooled = rooms.trained(of, training, seed, path, f"Snake, seed {seed}", report)
    judged = seed + _JUDGED
    return {
        **inspect_model(of, schooled.model, seed, walls=False).told(),
        "flat": rooms.planned("snake", schooled.model, size.episodes, judged, STRAIGHT),
        "landmarks": rooms.over_map("snake", schooled, size.episodes, judged, OVER_MAP),
    }


def _rollouts(context: RunContext, size: _Budget, seed: int) -> float:
    of = _school("two-rooms", size)
    training = JepaTraining("sigreg", steps=size.steps["sigreg"])
    path = _kept(context, "two-rooms-sigreg", {"size": size, "seed": seed})
    with context.uncounted():
        schooled = rooms.trained(of, training, seed, path, "Two rooms", context.reporter())
        return rooms.rollouts(schooled.model)


def _spread(values: Sequence[float]) -> tuple[float, float | None]:
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def _claims(
    fixed: Mapping[str, Any],
    drawn: Mapping[str, Any],
    snake: Mapping[str, Any],
    floors: Mapping[str, Mapping[str, float]],
    speed: float,
    full: bool,
) -> tuple[Claim, ...]:
    by = {
        o: [v["success"]["end"] for k, v in fixed.items() if k.startswith(f"{o},")]
        for o in OBJECTIVES
    }
    main, deviation = _spread(by["sigreg"])
    through = _through(v for k, v in fixed.items() if k.startswith("sigreg,"))
    others = ", ".join(f"{o} {statistics.fmean(by[o]):.2f}" for o in OBJECTIVES[1:])
    walled = [v["success"]["end"] for v in drawn.values()]
    rand, spread = _spread(walled)
    ahead = statistics.fmean(v["flat"]["end"] for v in drawn.values())
    # A model of which it is not known does not count as one that stops at walls.
    solid = max(1.0 if v["through_walls"] is None else v["through_walls"] for v in drawn.values())
    over = [v["landmarks"]["end"] for v in snake.values()]
    way, width = _spread(over)
    flat = statistics.fmean(v["flat"]["end"] for v in snake.values())
    seeds = f"Mean and deviation over {len(over)} seeds"
    steps = next(iter(fixed.values()))["steps"]
    return (
        ROOMS.measured(
            main,
            deviation=deviation,
            holds=full and min(by["sigreg"]) >= _GOOD,
            note=f"SIGReg, {steps} steps; {others}; greedy {floors['two-rooms']['greedy']:.2f}.  "
            f"{through} of pushes go through walls in rollouts, which success does not show.  "
            f"{seeds}.  Holds if every seed has {_GOOD}, in the full run",
        ),
        RANDOM.measured(
            rand,
            deviation=spread,
            holds=full and min(walled) >= _RANDOM and solid <= _SOLID,
            note=f"{next(iter(drawn.values()))['steps']} steps, by imagined ways; at the "
            f"goal straight {ahead:.2f}, greedy {floors['two-rooms-random']['greedy']:.2f}; at "
            f"most {solid:.3f} of pushes go through walls.  {seeds}.  Holds from {_RANDOM} on with "
            f"{_SOLID} at most, in every seed of the full run",
        ),
        DETOUR.measured(
            way,
            deviation=width,
            holds=full and min(over) >= _DETOUR,
            note=f"straight at the goal {flat:.2f}; greedy {floors['snake']['greedy']:.2f}.  "
            f"{seeds}.  Holds from {_DETOUR} on, in every seed of the full run",
        ),
        ROLLOUTS.measured(
            speed,
            holds=full and speed >= _FAST,
            note=f"128 plans of 30 steps at once, in float32.  Holds from {_FAST:,} on in the full "
            "run",
        ),
    )


def _through(found: Iterable[Mapping[str, Any]]) -> str:
    known = [one["through_walls"] for one in found if one["through_walls"] is not None]
    return f"{statistics.fmean(known):.2f}" if known else "an unknown share"


_LOOKS = ("verdict", "deviation", "rank", "sees", "error", "foresees", "order")


def _fixed_table(found: Mapping[str, Any]) -> Table:
    return Table(
        "Two rooms",
        ("model", "end", "ever", *_LOOKS, "through walls", "through doors", "steps"),
        tuple(
            (name, one["success"]["end"], one["success"]["ever"], *(one[k] for k in _LOOKS),
             one["through_walls"], one["through_doors"], one["steps"])
            for name, one in found.items()
        ),
        "Success of plans; deviation and effective rank of latents, R² and error in pixels of "
        "positions read from them, R² of those read eight steps ahead, rank correlation of "
        "distances; shares of pushes that pass in rollouts: truly 0 and 1.",
    )  # fmt: skip


def _random_table(found: Mapping[str, Any]) -> Table:
    table = _fixed_table(found)
    rows = ((*row, one["flat"]["end"]) for row, one in zip(table.rows, found.values(), strict=True))
    return replace(
        table, title="Walls drawn anew for each episode", rows=tuple(rows),
        columns=(*table.columns, "straight"),
    )  # fmt: skip


def _snake_table(found: Mapping[str, Any]) -> Table:
    return Table(
        "A snake of rooms",
        ("model", "over landmarks", "ever", "straight", "straight, ever", *_LOOKS),
        tuple(
            (name, one["landmarks"]["end"], one["landmarks"]["ever"], one["flat"]["end"],
             one["flat"]["ever"], *(one[k] for k in _LOOKS))
            for name, one in found.items()
        ),
    )  # fmt: skip


def _floors_table(found: Mapping[str, Mapping[str, float]]) -> Table:
    return Table(
        "Floors",
        ("rooms", *FLOORS),
        tuple((name, *(one[k] for k in FLOORS)) for name, one in found.items()),
        "Success at the end of episodes; greedy goes straight at the goal, whatever is in between; "
        "the oracle knows that too.",
    )


def _picture(found: Mapping[str, Any]) -> "Picture":
    from matplotlib.figure import Figure as Picture

    figure = Picture(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    for k, objective in enumerate(OBJECTIVES):
        values = [v["success"]["end"] for n, v in found.items() if n.startswith(f"{objective},")]
        axes.plot([k] * len(values), values, "o", color="#0072b2", alpha=0.6)
    axes.set_xticks(range(len(OBJECTIVES)), OBJECTIVES)
    axes.set(ylabel="success at the end", ylim=(-0.03, 1.03))
    return figure
