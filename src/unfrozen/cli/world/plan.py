"""``unfrozen world plan``: reach goals by plans in a model's latents."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from unfrozen.cli.console import counted, emit_json, output, print_table, progress, save_picture
from unfrozen.cli.opening import JsonOption, picture_file, reporter
from unfrozen.cli.world.train import RoomsArgument

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from unfrozen.agent.latent import Thinker
    from unfrozen.world.environments import RoomTrajectories
    from unfrozen.world.jepa import Jepa, Probe
    from unfrozen.world.planning.landmarks import LandmarkGraph

EXAMPLES = {
    "world plan": (
        "unfrozen world plan two-rooms --model world.safetensors",
        "unfrozen world plan snake --model snake.safetensors --landmarks",
        "unfrozen world plan two-rooms-random --model walls.safetensors --landmarks",
        "unfrozen world plan two-rooms --model world.safetensors --out plan.png",
    ),
}

_LANDMARKS, _WALKS = 200, 200
_PIXELS = ("x, read from latents (pixels)", "y, read from latents (pixels)")


def plan(
    rooms: RoomsArgument = "two-rooms",
    model: Annotated[
        Path, typer.Option(metavar="FILE", help="Written by `unfrozen world train`.")
    ] = Path("world.safetensors"),
    landmarks: Annotated[
        bool,
        typer.Option(
            "--landmarks",
            help="Over a map of what was walked, or by imagined ways where walls differ each time.",
        ),
    ] = False,
    episodes: Annotated[int, typer.Option(min=1, help="All at once.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of episodes and of noise.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A picture of a first plan.", callback=picture_file),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Reach goals in rooms by plans, beside what needs no model.

    Success is told at the end of episodes and at any time: who rushes past goals has the latter.
    """
    from unfrozen.agent.latent import Thinker
    from unfrozen.agent.latent.thinking import FAR, IMAGINED, OVER_MAP, STRAIGHT
    from unfrozen.errors import WorldError
    from unfrozen.papers.claim import Table
    from unfrozen.world.environments import FLOORS, evaluate, make
    from unfrozen.world.jepa import load_model, told_of
    from unfrozen.world.schooling import places_of, school, walk

    of, jepa = school(rooms), load_model(model)
    if (known := told_of(model).get("rooms", rooms)) != rooms:
        raise WorldError(
            f"{model} is a model of {known}, not of {rooms}: plan there, or train one by "
            f"`unfrozen world train {rooms}`"
        )
    console, rows = output(json), []
    mapped = graph = places = None
    name, settings = "plans", FAR if of.apart else STRAIGHT
    if landmarks and of.apart:
        # No map is of all walls: ways between places are imagined for each.
        name, settings = "plans by imagined ways", IMAGINED
        places = places_of(jepa, walk(of, seed + 1, _WALKS))
    elif landmarks:
        name, settings = "plans over landmarks", OVER_MAP
        mapped = _mapped(jepa, walk(of, seed + 1, 1000))
        graph = mapped.graph
    thinker = Thinker(jepa, replace(settings, seed=seed), graph, places)
    with progress() as bars:
        report = reporter(bars)
        policies = {name: thinker, **{floor: floor for floor in FLOORS}}
        for number, (told, policy) in enumerate(policies.items()):
            report("Episodes", number, len(policies))
            score = evaluate(make(rooms, episodes, **of.settings), policy, episodes, seed)
            rows.append((told, score.success_end.mean, score.success_ever.mean,
                         score.mean_steps.mean))  # fmt: skip
    table = Table(
        f"{episodes} episodes in {rooms}", ("policy", "at the end", "ever", "steps"),
        tuple((told, round(end, 3), round(ever, 3), round(steps, 1))
              for told, end, ever, steps in rows),
        "Greedy goes straight at the goal, whatever is in between; the oracle knows that too.",
    )  # fmt: skip
    print_table(table, console)
    if out is not None:
        observed = make(rooms, 1, **of.settings).reset(seed=seed)[0]
        if mapped is None:
            save_picture(out, _first_plan(thinker, observed))
        else:
            # Of latents that do not tell where one is, the plane is their own.
            reads = told_of(model).get("verdict") not in ("collapsed", "blind")
            save_picture(out, _map(thinker, mapped, observed, reads))
        console.print(f"The plan is in {out}", markup=False, soft_wrap=True)
    if json is not None:
        keys = ("policy", "end", "ever", "steps")
        emit_json(json, [dict(zip(keys, row, strict=True)) for row in rows])


class _Mapped(NamedTuple):
    """A map of what was walked, and how positions are read from its latents."""

    graph: "LandmarkGraph"
    probe: "Probe"
    walls: "Tensor"


def _mapped(jepa: "Jepa", walked: "RoomTrajectories") -> _Mapped:
    from unfrozen.world.jepa import ridge_probe
    from unfrozen.world.planning.landmarks import build
    from unfrozen.world.schooling import latents_of

    latents = latents_of(jepa, walked)
    probe = ridge_probe(latents.flatten(0, 1), walked.positions.flatten(0, 1))
    return _Mapped(build(latents, _LANDMARKS), probe, walked.solid[0])


def _first_plan(thinker: "Thinker", observed: dict[str, Any]) -> "Figure":
    """What a first plan tries."""
    import torch

    from unfrozen.agent.latent import look
    from unfrozen.world.costs import Goal, TotalCost
    from unfrozen.world.planning import mppi
    from unfrozen.world.planning.plots import plan_trace

    looked = look(thinker.model, observed)
    generator = torch.Generator().manual_seed(thinker.settings.seed)
    made = mppi(
        looked.dynamics, TotalCost((Goal(looked.goal),)), looked.state,
        thinker.settings.planner, generator=generator, trace=8,
    )  # fmt: skip
    return plan_trace(made, goal=looked.goal[0])


def _map(thinker: "Thinker", mapped: _Mapped, observed: dict[str, Any], reads: bool) -> "Figure":
    """The map that it goes by, and the way over it to a first goal."""
    from unfrozen.agent.latent import look
    from unfrozen.world.planning.landmarks import subgoals
    from unfrozen.world.planning.landmarks.paths import route
    from unfrozen.world.planning.plots import landmark_map

    settings, looked = thinker.settings.landmarks, look(thinker.model, observed)
    assert settings is not None
    graph, belief = mapped.graph, settings.belief
    found = subgoals(graph, looked.state, looked.goal, now=0.0, belief=belief)
    way = route(graph, found.ways, int(found.which[0]), int(found.here[0]))
    told = f"a way of {counted(len(way) - 1, 'edge')}"
    if not bool(found.reachable[0]):
        told = "no way is known to the goal"
    plane = {"project": mapped.probe, "walls": mapped.walls, "axes_told": _PIXELS} if reads else {}
    return landmark_map(
        graph, now=0.0, belief=belief, route=way, start=looked.state[0], goal=looked.goal[0],
        title=f"{counted(graph.n, 'landmark')}, {told}", **plane,
    )  # fmt: skip
