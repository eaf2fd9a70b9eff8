"""``unfrozen topology lift``: more cells for a complex."""

from pathlib import Path
from typing import Annotated

import typer

from unfrozen.cli.console import emit_json, output, print_table
from unfrozen.cli.opening import JsonOption, with_suffix
from unfrozen.cli.topology.lifts import (
    LIFT_HELP,
    FeaturesOption,
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
    "topology lift": (
        "unfrozen topology lift petersen --to rings --longest 6",
        "unfrozen topology lift edges.csv --to cliques --rank 3 -o complex.json",
        "unfrozen topology lift MUTAG:0 --to rings --features mean -o molecule.json",
        "unfrozen topology lift creature --to mapper --rank 3 --intervals 6 -o pieces.json",
    )
}


def _complex_file(target: Path | None) -> Path | None:
    return with_suffix(target, (".json",))


def lift(
    source: SourceArgument,
    to: Annotated[str, typer.Option(metavar="LIFT", help=LIFT_HELP, show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Write the complex to a .json file; features go beside it.",
            callback=_complex_file,
        ),
    ] = None,
    longest: LongestOption = None,
    rank: RankOption = None,
    hops: HopsOption = None,
    length: LengthOption = None,
    intervals: IntervalsOption = None,
    overlap: OverlapOption = None,
    features: FeaturesOption = None,
    most: MostOption = None,
    json: JsonOption = None,
) -> None:
    """Find sets of nodes that belong together, and add them as cells: rings, cliques, balls, ...

    What there was stays, cell by cell. A file that is written can be read by all commands here,
    and lifted again.
    """
    from unfrozen.cli.topology.lifts import added_table, lifted
    from unfrozen.cli.topology.reading import open_complex
    from unfrozen.data.cache import status
    from unfrozen.topology.complex.files import save_complex

    with status("Reading"):
        opened = open_complex(source)
    options = {
        "longest": longest, "rank": rank, "hops": hops, "length": length, "intervals": intervals,
        "overlap": overlap, "features": features, "most": most,
    }  # fmt: skip
    before = opened.stored.complex
    with status("Lifting"):
        after = lifted(opened.stored, to, options)
    console = output(json)
    print_table(added_table(f"{opened.name}, lifted to {to}", before, after.complex), console)
    if opened.notes:
        console.print(f"{opened.name}: {'; '.join(opened.notes)}", markup=False, soft_wrap=True)
    if out is not None:
        with status("Writing"):
            save_complex(after.complex, out, labels=after.labels, columns=after.columns)
        console.print(f"Complex: {out}", markup=False, soft_wrap=True)
    if json is not None:
        made = after.complex
        emit_json(
            json,
            {
                "name": opened.name, "notes": list(opened.notes), "lift": to,
                "options": {name: x for name, x in options.items() if x is not None},
                "before": {str(r): before.n_cells(r) for r in made.ranks},
                "after": {str(r): made.n_cells(r) for r in made.ranks},
                "file": None if out is None else str(out),
            },
        )  # fmt: skip
