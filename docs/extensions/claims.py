"""The page of claims, and figures of claims in any other page, from the records in ``results/``.

A page that has ``%% claims %%`` on a line of its own gets every paper there.  The role
``claim`` with the id of a claim gives what was measured of it, as a link to its place on the page.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unfrozen.papers.claim import Claim, ClaimSpec, Experiment, RunRecord
from unfrozen.papers.report import bytes_text, cell_text, seconds_text, summary_text, value_text
from unfrozen.papers.running import runner

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

RESULTS = Path(__file__).resolve().parents[2] / "results"
PLACE = "%% claims %%"
NOT_RUN = "not yet run in full"


def experiments() -> dict[str, Experiment]:
    """Every paper by the name that it is run by."""
    return {name: runner.load(name) for name in runner.names()}


def records(folder: Path = RESULTS) -> dict[str, RunRecord]:
    """The records of full runs that a folder keeps, by paper."""
    paths = {name: folder / f"{name}.json" for name in runner.names()}
    return {name: runner.read_record(path) for name, path in paths.items() if path.is_file()}


def target(claim: str) -> str:
    """The label of a claim, to be referred to from anywhere."""
    return f"claim-{claim.replace('.', '-')}"


def measured(claim: str, papers: Mapping[str, Experiment], kept: Mapping[str, RunRecord]) -> str:
    """What was measured of a claim, in words where nothing was.

    Raises:
        KeyError: no paper has such a claim.
    """
    if not any(spec.id == claim for paper in papers.values() for spec in paper.claims):
        raise KeyError(claim)
    for record in kept.values():
        for found in record.claims:
            if found.id == claim:
                return value_text(found)
    return NOT_RUN


def page(papers: Mapping[str, Experiment], kept: Mapping[str, RunRecord]) -> str:
    """Every paper with its claims, as Markdown.

    Args:
        papers: by name, in the order of the page.
        kept: records of full runs, by paper.
    """
    parts = [_overview(papers, kept)]
    for name, paper in papers.items():
        record = kept.get(name)
        parts += [
            f"## {plain(paper.title)}",
            f"*{plain(paper.citation)}*",
            plain(paper.summary),
            _claims(paper.claims, record),
            _run(name, record),
        ]
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """Text in which nothing is read as markup."""
    return re.sub(r"([\\`*_\[\]<>$|#~^{}])", r"\\\1", " ".join(text.split()))


def _overview(papers: Mapping[str, Experiment], kept: Mapping[str, RunRecord]) -> str:
    rows = []
    for name, paper in papers.items():
        record = kept.get(name)
        told = NOT_RUN if record is None else summary_text(record)
        time = "–" if record is None else seconds_text(record.seconds)
        rows.append((f"[{plain(paper.title)}](#{_anchor(paper.title)})", f"`{name}`", told, time))
    return _table(("Paper", "Name", "Full run", "It took"), rows, "46 18 20 16")


def _claims(specs: Iterable[ClaimSpec], record: RunRecord | None) -> str:
    found = {} if record is None else {claim.id: claim for claim in record.claims}
    rows = [_claim(spec, found.get(spec.id)) for spec in specs]
    return _table(("Claim", "The paper", "Here", "Holds"), rows, "58 14 18 10")


def _claim(spec: ClaimSpec, claim: Claim | None) -> tuple[str, str, str, str]:
    unit = f" {plain(spec.unit)}" if spec.unit else ""
    paper = "–" if spec.paper_value is None else cell_text(spec.paper_value) + unit
    text = f"({target(spec.id)})=\n{plain(spec.text)}.\n\n`{spec.id}`"
    if claim is None:
        return text, paper, "–", NOT_RUN
    note = claim.note[:1].upper() + claim.note[1:]
    text += f"\n\n*{plain(note)}.*" if note else ""
    ours = value_text(claim) + (unit if claim.value is not None else "")
    return text, paper, ours, "✓ holds" if claim.holds else "✗ does not hold"


def _run(name: str, record: RunRecord | None) -> str:
    again = f"```console\n$ unfrozen reproduce {name}\n```"
    if record is None:
        return f"This paper was {NOT_RUN}. The command that runs it:\n\n{again}"
    machine = record.machine
    told = [
        str(machine.get("processor", "a processor without a name")),
        f"torch {record.versions.get('torch', '?')}, threads: {machine.get('torch_threads', '?')}",
        f"{machine.get('cores', '?')} cores",
        f"{seconds_text(record.seconds)}, {bytes_text(record.peak_memory_bytes)} at the peak",
        f"seed {', '.join(map(str, record.seeds))}",
        f"commit {(record.commit or 'not known')[:12]}",
    ]
    if "parts_computed_on" in machine:
        told.append(f"parts computed on {machine['parts_computed_on']}")
    return f"Measured on {plain('; '.join(told))}. The same again:\n\n{again}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], widths: str) -> str:
    lines = ["::::{list-table}", ":header-rows: 1", ":class: claims", f":widths: {widths}", ""]
    for row in (head, *rows):
        for i, cell in enumerate(row):
            first, *rest = cell.split("\n")
            lines.append(f"{'* -' if i == 0 else '  -'} {first}".rstrip())
            lines += [f"    {line}".rstrip() for line in rest]
    return "\n".join([*lines, "::::"])


def _anchor(title: str) -> str:
    """The slug that MyST gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def setup(app: "Sphinx") -> dict[str, Any]:
    """Hook into Sphinx."""
    papers, kept = experiments(), records()

    def fill(app: "Sphinx", name: str, source: list[str]) -> None:
        """Put the papers where a page asks for them."""
        if PLACE in source[0]:
            source[0] = source[0].replace(PLACE, page(papers, kept))
            for path in (*sorted(RESULTS.glob("*.json")), Path(__file__)):
                app.env.note_dependency(str(path), docname=name)

    def role(
        name: str, rawtext: str, text: str, lineno: int, inliner: Any, *_: Any, **__: Any
    ) -> tuple[list["nodes.Node"], list["nodes.system_message"]]:
        """What was measured of a claim, as a link."""
        from docutils import nodes
        from sphinx.addnodes import pending_xref

        for path in RESULTS.glob("*.json"):
            app.env.note_dependency(str(path))
        try:
            told = measured(text, papers, kept)
        except KeyError:
            return [], [inliner.reporter.error(f"no paper claims {text!r}", line=lineno)]
        link = pending_xref(
            rawtext, nodes.inline("", told), refdomain="std", reftype="ref", refexplicit=True
        )
        link["reftarget"], link["refdoc"], link["refwarn"] = target(text), app.env.docname, True
        return [link], []

    app.connect("source-read", fill)
    app.add_role("claim", role)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
