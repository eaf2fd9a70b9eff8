"""``unfrozen map explore``: walk a new world with a trained map."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unfrozen.cli.console import emit_json, output, print_table, progress, save_picture
from unfrozen.cli.opening import PICTURES, JsonOption, reporter, with_suffix

if TYPE_CHECKING:
    from unfrozen.hippocampus.cognitive_map import CognitiveMap
    from unfrozen.hippocampus.plots import Step
    from unfrozen.hippocampus.worlds import Walk, World
    from unfrozen.papers.claim import Table

EXAMPLES = {
    "map explore": (
        "unfrozen map explore",
        "unfrozen map explore --worlds hexagonal --steps 300 --out walk.png",
        "unfrozen map explore --out walk.gif --to 7",
        "unfrozen map explore --model map.safetensors --json -",
    ),
}


_FILM = ".gif"


def _picture(target: Path | None) -> Path | None:
    return with_suffix(target, (*PICTURES, _FILM))


def explore(
    worlds: Annotated[
        str, typer.Option(help="Family of worlds: grid, hexagonal, line, ...")
    ] = "grid",
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A model of your own; by default one that comes along."),
    ] = None,
    steps: Annotated[int, typer.Option(min=2, help="Of the walk.")] = 150,
    to: Annotated[
        int | None,
        typer.Option(metavar="SYMBOL", help="Ask for the way to this; to the farthest otherwise."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A picture of the walk, or as .gif a film.", callback=_picture
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the world, its symbols and the walk.")] = 0,
    json: JsonOption = None,
) -> None:
    """Walk a new world: what is foreseen, where the map believes to be, and a way back."""
    import torch

    from unfrozen.errors import MapError
    from unfrozen.hippocampus.cognitive_map import CognitiveMap
    from unfrozen.hippocampus.tem_t.files import load_model, trained
    from unfrozen.hippocampus.worlds import batch, draw_symbols, named, walk

    family = named(worlds)
    chosen = trained(worlds) if model is None else load_model(model)
    generator = torch.Generator().manual_seed(seed)
    world = family.draw(generator)
    if chosen.settings.n_actions < world.n_actions:
        raise MapError(
            f"the model knows {chosen.settings.n_actions} actions, {worlds} worlds have "
            f"{world.n_actions}: give one that was trained on them"
        )
    symbols = draw_symbols(batch([world]), chosen.settings.n_symbols, generator)
    path = walk(batch([world]), symbols, steps, generator, family.walk)
    places = CognitiveMap(chosen)
    seen = _watched(places, path)
    console = output(json)
    print_table(_told(seen, path, worlds), console)
    route = _route(places, world, path, to)
    console.print(_way(route), markup=False, soft_wrap=True)
    if out is not None:
        _draw(out, world, seen)
        console.print(f"The walk is in {out}", markup=False, soft_wrap=True)
    if json is not None:
        emit_json(json, {"worlds": worlds, "steps": [s._asdict() for s in seen], "route": route})


def _watched(places: "CognitiveMap", path: "Walk") -> "list[Step]":
    """The walk, and what the map foresaw of each step before it was made."""
    from unfrozen.hippocampus.plots import Step

    rows = [part[0].tolist() for part in path]
    where = places.begin(rows[2][0])
    seen = [Step(rows[0][0], rows[2][0], -1, 0.0, where.known)]
    with progress() as bars:
        report = reporter(bars)
        for t, (place, action, symbol) in enumerate(zip(*rows, strict=True)):
            if t == 0:
                continue
            chances = places.foresee(action)
            likeliest = int(chances.argmax())
            where = places.observe(action, symbol)
            seen.append(Step(place, symbol, likeliest, float(chances[likeliest]), where.known))
            report("Walking", t + 1, len(rows[0]))
    return seen


def _told(seen: "Sequence[Step]", path: "Walk", worlds: str) -> "Table":
    import torch

    from unfrozen.hippocampus.accuracy import share
    from unfrozen.hippocampus.worlds import novelty
    from unfrozen.papers.claim import Table

    new = novelty(path)
    right = torch.tensor([[s.foreseen == s.symbol for s in seen]])
    kinds = {
        "known places, by steps never taken": new.new_pair,
        "known places, all": new.known,
        "new places": ~new.known,
    }
    rows = tuple(
        (name, int(mask.sum()), None if not bool(mask.any()) else round(share(right, mask), 4))
        for name, mask in kinds.items()
    )
    return Table(
        f"A walk of {len(seen)} steps in a new {worlds} world",
        ("symbols of", "steps", "foreseen"),
        rows,
        "Nobody can foresee what is at a new place.",
    )


def _route(
    places: "CognitiveMap", world: "World", path: "Walk", to: int | None
) -> dict[str, Any] | None:
    """The way to a symbol; without one, the longest of those to all that was seen."""
    from unfrozen.errors import MapError

    routes = []
    for symbol in path.symbols[0].unique().tolist() if to is None else [to]:
        try:
            routes.append((symbol, places.route(symbol)))
        except MapError:
            if to is not None:
                raise
    if not routes:
        return None
    symbol, route = max(routes, key=lambda found: len(found[1].actions))
    return {
        "symbol": symbol,
        "actions": [world.actions[a] for a in route.actions],
        "new": sum(not walked for walked in route.walked),
    }


def _way(route: dict[str, Any] | None) -> str:
    if route is None:
        return "No way is known to anything that was seen: the model does not know these worlds."
    steps = ", ".join(route["actions"]) or "it is here"
    new = f" ({route['new']} of {len(route['actions'])} steps never taken)"
    return f"The way to symbol {route['symbol']}: {steps}{new if route['actions'] else ''}"


def _draw(out: Path, world: "World", seen: "Sequence[Step]") -> None:
    from unfrozen.data.cache import atomic_write
    from unfrozen.hippocampus.plots import animated, walked

    if out.suffix.lower() != _FILM:
        save_picture(out, walked(world, seen))
        return
    # Pillow goes by the name of the file.
    with atomic_write(out) as temporary, tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "walk.gif"
        animated(world, seen).save(film, writer="pillow", dpi=80)
        temporary.write_bytes(film.read_bytes())
