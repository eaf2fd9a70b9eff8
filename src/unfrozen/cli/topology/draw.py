"""``unfrozen topology draw``: a complex as a picture."""

from pathlib import Path
from typing import Annotated

import typer

from unfrozen.cli.console import emit_json, output, save_picture
from unfrozen.cli.opening import JsonOption, picture_file
from unfrozen.cli.topology.lifts import (
    LIFT_HELP,
    HopsOption,
    IntervalsOption,
    LengthOption,
    LongestOption,
    MostOption,
    OverlapOption,
    RankOption,
)
from unfrozen.cli.topology.reading import SourceArgument

EXAMPLES = {
    "topology draw": (
        "unfrozen topology draw torus -o torus.png",
        "unfrozen topology draw petersen --lift rings --longest 5 -o petersen.svg",
        "unfrozen topology draw MUTAG:0 --lift rings -o molecule.png",
        "unfrozen topology draw creature --lift mapper --rank 3 -o pieces.png",
        "unfrozen topology draw bunny.obj --view 20 30 -o bunny.png",
    )
}


def draw(
    source: SourceArgument,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="The picture, as .png, .svg or .pdf.",
            callback=picture_file,
            show_default=False,
        ),
    ],
    lift: Annotated[
        str | None,
        typer.Option(metavar="LIFT", help=f"Lift it first: to {LIFT_HELP}", show_default=False),
    ] = None,
    longest: LongestOption = None,
    rank: RankOption = None,
    hops: HopsOption = None,
    length: LengthOption = None,
    intervals: IntervalsOption = None,
    overlap: OverlapOption = None,
    most: MostOption = None,
    labels: Annotated[
        bool | None,
        typer.Option(
            "--labels/--no-labels",
            help="Write names to the nodes; by default where they are few.",
            show_default=False,
        ),
    ] = None,
    view: Annotated[
        tuple[float, float],
        typer.Option(
            metavar="UP AROUND", help="Of what is in space: degrees above the ground, and around."
        ),
    ] = (35.0, -60.0),
    seed: Annotated[int, typer.Option(min=0, help="Of the layout of a graph.")] = 0,
    json: JsonOption = None,
) -> None:
    """Draw a complex: nodes, edges, polygons by their sizes, and hulls around other sets.

    Meshes, and graphs whose nodes have numbers x and y, are drawn where they are; others are laid
    out. On a mesh, sets are shown by the colours of its polygons. Of very large complexes a part
    is drawn, as a note in the picture says.
    """
    from unfrozen.cli.topology.lifts import lifted
    from unfrozen.cli.topology.reading import open_complex
    from unfrozen.data.cache import status
    from unfrozen.errors import TopologyError
    from unfrozen.topology.drawing import draw as picture_of

    options = {
        "longest": longest, "rank": rank, "hops": hops, "length": length, "intervals": intervals,
        "overlap": overlap, "most": most,
    }  # fmt: skip
    given = [name for name, value in options.items() if value is not None]
    if lift is None and given:
        raise TopologyError(f"--{given[0]} is of a lift: name one with --lift")
    with status("Reading"):
        opened = open_complex(source)
    stored = opened.stored
    if lift is not None:
        with status("Lifting"):
            stored = lifted(stored, lift, options)
    made = stored.complex
    with status("Drawing"):
        told = f"{opened.name}: {repr(made).removeprefix('Complex(').removesuffix(')')}"
        figure = picture_of(
            made,
            stored.places,
            labels=stored.labels,
            named=labels,
            title=told,
            view=view,
            seed=seed,
        )
        save_picture(out, figure)
    console = output(json)
    if opened.notes:
        console.print(f"{opened.name}: {'; '.join(opened.notes)}", markup=False, soft_wrap=True)
    console.print(f"Picture: {out}", markup=False, soft_wrap=True)
    if json is not None:
        emit_json(
            json,
            {
                "name": opened.name, "notes": list(opened.notes), "lift": lift, "file": str(out),
                "cells": {str(r): made.n_cells(r) for r in made.ranks},
            },
        )  # fmt: skip
