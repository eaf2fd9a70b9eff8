"""``unfrozen diff``: which edges of a model's knowledge two states have otherwise."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unfrozen.cli.console import emit_json, output, print_table, progress
from unfrozen.cli.graph.declared import FactsOption, OutOption, RelationOption, declared, save
from unfrozen.cli.opening import JsonOption, WorkspaceOption, find_workspace, reporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unfrozen.language.graph import Difference, Moved
    from unfrozen.papers.claim import Table
    from unfrozen.workspace.comparison import State

EXAMPLES = {
    "diff": (
        "unfrozen diff                                 the base against this workspace now",
        "unfrozen diff 3                               before and after the third entry",
        "unfrozen diff @2 @5                           after the second entry, after the fifth",
        "unfrozen diff facts ../colleague              two workspaces of one base",
        "unfrozen diff facts@0 facts --out diff.graphml",
        "unfrozen diff -w life/workspace @10            experiences of an agent, by entry 10",
        "unfrozen diff 3 --fail-on-collateral 0        exit code 1 if anything else changed",
    )
}


def diff(
    a: Annotated[
        str | None,
        typer.Argument(
            help="A workspace, WORKSPACE@ENTRY for the state after an entry (@0: the base), or an "
            "entry of this workspace alone, for before and after it.",
            show_default=False,
        ),
    ] = None,
    b: Annotated[
        str | None,
        typer.Argument(help="Another state; without it, the base is compared with A."),
    ] = None,
    relation: RelationOption = None,
    facts: FactsOption = None,
    most: Annotated[
        int, typer.Option(min=0, help="Subjects of a relation, besides what was edited.")
    ] = 20,
    shift: Annotated[
        float, typer.Option(min=0, max=1, help="Shares that change by so much count as changed.")
    ] = 0.1,
    fail_on_collateral: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Exit with 1 if more edges changed unmeant."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of subjects.")] = 0,
    shown: Annotated[int, typer.Option(min=0, help="Rows of a table.")] = 20,
    out: OutOption = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = None,
) -> None:
    """Show what two states of a model answer otherwise: what was meant, and what was not.

    The questions are those of the relations, of a file of facts, and of every fact that the
    entries between the two states have written or taken back.  Of an agent's life, it shows the
    experiences that one of the states has and the other has not.
    """
    from unfrozen.errors import WorkspaceError
    from unfrozen.language.graph.plots import difference_picture
    from unfrozen.language.model import LanguageModel
    from unfrozen.workspace.comparison import check_same_base, compare, questions_between

    before, after = _states(a, b, workspace)
    check_same_base(before, after)
    if before.workspace.of_life:
        if relation or facts or out or fail_on_collateral is not None:
            raise WorkspaceError(
                f"{before.workspace.path} is an agent's life, whose states differ by experiences: "
                "leave out --relation, --facts, --out and --fail-on-collateral"
            )
        _lives(before, after, json)
        return
    relations, given = declared(relation, facts, most)
    questions = questions_between(before, after, relations, given, most=most, seed=seed)
    lm = LanguageModel.from_pretrained(before.workspace.base_name)
    with progress() as bars:
        found = compare(lm, before, after, questions, shift=shift, progress=reporter(bars))
    console = output(json)
    print_table(counts_table(found), console)
    for title, moved in (
        ("Changes that were meant", found.intended),
        ("Collateral changes, the farthest first", found.collateral),
    ):
        if moved and shown:
            print_table(moved_table(moved[:shown], len(moved), title), console)
    if out is not None:
        save(out, found.graph, found.to_json(), lambda: difference_picture(found))
        console.print(f"Difference: {out}", markup=False, soft_wrap=True)
    if json is not None:
        emit_json(json, found.to_json())
    if fail_on_collateral is not None and len(found.collateral) > fail_on_collateral:
        console.print(
            f"{len(found.collateral)} collateral changes, more than {fail_on_collateral}.",
            markup=False,
        )
        raise typer.Exit(1)


def _states(a: str | None, b: str | None, workspace: Path | None) -> "tuple[State, State]":
    """What is compared; a workspace is only looked for where one is meant."""
    from unfrozen.cli.opening import nearest_workspace
    from unfrozen.workspace.comparison import parse_state, state_of, states_around

    if a is None:
        here = find_workspace(workspace)
        return state_of(here, 0), state_of(here)
    named = "@" in a or (Path(a) / "workspace.json").exists()
    if b is None and not named:
        return states_around(find_workspace(workspace), a)
    here = find_workspace(workspace) if workspace is not None else nearest_workspace()
    first = parse_state(a, here)
    if b is None:
        return state_of(first.workspace, 0), first
    return first, parse_state(b, here)


def _lives(before: "State", after: "State", json: str | None) -> None:
    from unfrozen.cli.agent.experiences import compared

    table, told = compared(before, after)
    print_table(table, output(json))
    if json is not None:
        emit_json(json, told)


def counts_table(difference: "Difference") -> "Table":
    """How many edges changed how.

    Args:
        difference: of two states.
    """
    from unfrozen.language.graph.difference import KINDS
    from unfrozen.papers.claim import Table

    def count(moved: "Sequence[Moved]", kind: str) -> int:
        return sum(m.kind == kind for m in moved)

    meant, rest = difference.intended, difference.collateral
    rows = [(kind, count(meant, kind), count(rest, kind)) for kind in KINDS]
    rows.append(("all", len(meant), len(rest)))
    note = f"{difference.asked} questions were asked"
    if difference.meant:
        note += f"; {len(meant)} of {len(difference.meant)} deliberate changes are there"
    title = f"{difference.before.model} → {difference.after.model}"
    return Table(title, ("edges", "meant", "collateral"), tuple(rows), f"{note}.")


def moved_table(moved: "Sequence[Moved]", number: int, title: str) -> "Table":
    """A row a change.

    Args:
        moved: to be shown.
        number: how many there are.
        title: of the table.
    """
    from unfrozen.papers.claim import Table

    rows = tuple(
        (
            m.after.question.prompt,
            m.before.object,
            round(m.before.share, 3),
            m.after.object,
            round(m.after.share, 3),
            m.kind,
            round(m.distance, 3),
        )
        for m in moved
    )
    columns = ("question", "before", "its share", "after", "its share now", "edge", "distance")
    more = f"{len(moved)} of {number}." if number > len(moved) else ""
    return Table(title, columns, rows, more)
