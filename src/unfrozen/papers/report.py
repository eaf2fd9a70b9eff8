"""One HTML page a run: claims, figures, tables, what it cost and how to run it again.

The page stands alone: styles and pictures are inside it, nothing is loaded, no script runs.
"""

import base64
import io
import os
from collections.abc import Iterable
from html import escape
from pathlib import Path

from unfrozen.data.cache import atomic_write
from unfrozen.papers.claim import Cell, Claim, Experiment, Figure, Outcome, RunRecord, Table

_STYLE = """
:root { color-scheme: light dark;
  --page: #fbfaf8; --card: #ffffff; --ink: #1d1f23; --soft: #62666f; --line: #e2dfd8;
  --yes: #0b5fa5; --yes-back: #e4f0fa; --no: #9a4a00; --no-back: #fdeedd; }
@media (prefers-color-scheme: dark) { :root {
  --page: #15171a; --card: #1e2125; --ink: #e8e6e1; --soft: #a0a4ac; --line: #33373d;
  --yes: #8cc4f5; --yes-back: #16324a; --no: #f7b772; --no-back: #46300f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: clamp(1.5rem, 4.5vw, 2.2rem); line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .8rem; }
p { margin: .5rem 0; max-width: 46rem; overflow-wrap: anywhere; }
.soft, figcaption, .note { color: var(--soft); }
.verdict { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1.2rem 0; padding: 0; }
.mark { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; font-weight: 600;
  white-space: nowrap; }
.yes { color: var(--yes); background: var(--yes-back); }
.no { color: var(--no); background: var(--no-back); }
.plain { border: 1px solid var(--line); border-radius: .9rem; font-weight: 400;
  white-space: normal; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .8rem .9rem .3rem; font-weight: 600; }
th, td { text-align: left; vertical-align: top; padding: .55rem .9rem;
  border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--soft); font-size: .85rem; font-weight: 600; }
td.number, th.number { text-align: right; white-space: nowrap; }
.id { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .82rem;
  color: var(--soft); overflow-wrap: anywhere; }
.note { font-size: .9rem; margin-top: .3rem; }
figure { margin: 0 0 1.2rem; padding: 1rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem; }
figure h3 { margin: 0 0 .6rem; font-size: 1rem; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto;
  background: #ffffff; border-radius: .3rem; padding: .3rem; }
figcaption { margin-top: .6rem; font-size: .92rem; max-width: 46rem; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .8rem .9rem; overflow-x: auto; margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.2rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
a { color: var(--yes); }
.stack { margin-bottom: 1.2rem; }
@media (max-width: 40rem) {
  .claims, .claims tbody, .claims tr, .claims td { display: block; width: 100%; }
  .claims thead { position: absolute; left: -100vw; }
  .claims tr { border-top: 1px solid var(--line); padding: .7rem 0; }
  .claims tbody tr:first-child { border-top: 0; }
  .claims td, .claims td.number { border: 0; padding: .15rem .9rem; text-align: left;
    white-space: normal; }
  .claims td[data-label]::before { content: attr(data-label) ": "; color: var(--soft); }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
}
@media print { body { background: #fff; } figure, .wide { break-inside: avoid; } }
"""


def write_report(
    record: RunRecord,
    outcome: Outcome,
    path: str | os.PathLike[str],
    *,
    experiment: Experiment | None = None,
    command: str | None = None,
    data: str | None = None,
) -> None:
    """Write the page of a run, whole or not at all.

    Args:
        record: claims, cost and environment.
        outcome: figures and tables.
        path: of the page.
        experiment: whose title, citation and summary head the page.
        command: that makes this run again.
        data: where the run's JSON is, relative to the page.

    Raises:
        DataError: the disk is full or refuses.
    """
    text = render(record, outcome, experiment=experiment, command=command, data=data)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def render(
    record: RunRecord,
    outcome: Outcome,
    *,
    experiment: Experiment | None = None,
    command: str | None = None,
    data: str | None = None,
) -> str:
    """The page of a run as HTML; arguments as for `write_report`."""
    title = experiment.title if experiment else record.paper
    parts = [f"<h1>{escape(title)}</h1>"]
    if experiment:
        parts.append(f'<p class="soft">{escape(experiment.citation)}</p>')
    parts.append(_verdict(record))
    if experiment:
        parts.append(f"<p>{escape(experiment.summary)}</p>")
    parts += ["<h2>Claims</h2>", _claims(record.claims)]
    if outcome.figures:
        parts += ["<h2>Figures</h2>", *(_figure(figure) for figure in outcome.figures)]
    if outcome.tables:
        parts += ["<h2>Tables</h2>", *(_table(table) for table in outcome.tables)]
    parts += ["<h2>What it cost</h2>", _definitions(_cost(record))]
    parts += ["<h2>Environment</h2>", _definitions(_environment(record))]
    if command:
        parts += ["<h2>Run it again</h2>", f"<pre><code>{escape(command)}</code></pre>"]
    if data:
        parts.append(f'<p>The same as data: <a href="{escape(data)}">{escape(data)}</a></p>')
    return _page(f"{title}: claims, checked", parts)


def write_page(
    path: str | os.PathLike[str],
    title: str,
    lead: Iterable[str],
    *,
    figures: Iterable[Figure] = (),
    tables: Iterable[Table] = (),
    details: Iterable[tuple[str, str]] = (),
    command: str | None = None,
    data: str | None = None,
) -> None:
    """Write a page that is no paper's, in the same form, whole or not at all.

    Args:
        path: of the page.
        title: its heading.
        lead: paragraphs under it.
        figures: pictures.
        tables: after them.
        details: pairs of a name and a text.
        command: that makes it again.
        data: where the same is as JSON, relative to the page.

    Raises:
        DataError: the disk is full or refuses.
    """
    parts = [f"<h1>{escape(title)}</h1>", *(f"<p>{escape(text)}</p>" for text in lead)]
    sections = (
        ("Figures", [_figure(figure) for figure in figures]),
        ("Tables", [_table(table) for table in tables]),
        ("Details", [_definitions(pairs)] if (pairs := list(details)) else []),
        ("Run it again", [f"<pre><code>{escape(command)}</code></pre>"] if command else []),
    )
    for heading, inside in sections:
        if inside:
            parts += [f"<h2>{heading}</h2>", *inside]
    if data:
        parts.append(f'<p>The same as data: <a href="{escape(data)}">{escape(data)}</a></p>')
    with atomic_write(path) as temporary:
        temporary.write_text(_page(title, parts), encoding="utf-8")


def _page(title: str, parts: Iterable[str]) -> str:
    """A whole page around its parts."""
    body = "\n".join(parts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body><main>
{body}
</main></body>
</html>
"""


def cell_text(value: Cell) -> str:
    """A cell as people read it: four significant digits, thousands apart, yes and no.

    Example:
        >>> [cell_text(v) for v in (0.98765, 1234567, True, None, 12.0, 3.2e-9)]
        ['0.9877', '1,234,567', 'yes', '–', '12', '3.2e-09']
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"
    return value


def value_text(claim: Claim) -> str:
    """What was measured with its uncertainty, without the unit."""
    text = cell_text(claim.value)
    return text if claim.deviation is None else f"{text} ± {cell_text(float(claim.deviation))}"


def claims_table(record: RunRecord) -> Table:
    """The figures of a run's claims, for the terminal; what they mean stands beside it."""
    rows = tuple(
        (
            claim.id,
            cell_text(claim.paper_value),
            value_text(claim),
            claim.unit,
            "✓ holds" if claim.holds else "✗ does not",
        )
        for claim in record.claims
    )
    title = f"{record.paper}: {summary_text(record)}"
    return Table(title, ("claim", "paper", "measured", "unit", "verdict"), rows)


def summary_text(record: RunRecord) -> str:
    """How many claims hold, in words."""
    holding, of = sum(claim.holds for claim in record.claims), len(record.claims)
    return f"{holding} of {of} {'claim holds' if of == 1 else 'claims hold'}"


def _verdict(record: RunRecord) -> str:
    everything = all(claim.holds for claim in record.claims)
    kind, mark = ("yes", "✓") if everything else ("no", "✗")
    budget = (
        "full run"
        if record.budget == "full"
        else "quick run: fewer samples, so the figures are rough"
    )
    return (
        f'<p class="verdict"><span class="mark {kind}">{mark} {summary_text(record)}</span>'
        f'<span class="mark plain">{budget}</span></p>'
    )


def _claims(claims: Iterable[Claim]) -> str:
    rows = []
    for claim in claims:
        kind, mark = ("yes", "✓ holds") if claim.holds else ("no", "✗ does not hold")
        note = f'<div class="note">{escape(claim.note)}</div>' if claim.note else ""
        unit = f" {escape(claim.unit)}" if claim.unit else ""
        paper = cell_text(claim.paper_value) + (unit if claim.paper_value is not None else "")
        ours = value_text(claim) + (unit if claim.value is not None else "")
        rows.append(
            f'<tr><td>{escape(claim.text)}<div class="id">{escape(claim.id)}</div>{note}</td>'
            f'<td class="number" data-label="The paper">{paper}</td>'
            f'<td class="number" data-label="Here">{ours}</td>'
            f'<td><span class="mark {kind}">{mark}</span></td></tr>'
        )
    return (
        '<div class="wide"><table class="claims"><thead><tr><th>Claim</th>'
        '<th class="number">The paper</th><th class="number">Here</th><th>Verdict</th>'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _figure(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight", facecolor="white")
    picture = base64.b64encode(buffer.getvalue()).decode("ascii")
    caption = f"<figcaption>{escape(figure.caption)}</figcaption>" if figure.caption else ""
    return (
        f"<figure><h3>{escape(figure.title)}</h3>"
        f'<img alt="{escape(figure.title)}" src="data:image/png;base64,{picture}">'
        f"{caption}</figure>"
    )


def _table(table: Table) -> str:
    numeric = [
        all(row[i] is None or (isinstance(row[i], int | float)) for row in table.rows)
        for i in range(len(table.columns))
    ]
    classes = [' class="number"' if is_numeric else "" for is_numeric in numeric]
    head = "".join(
        f"<th{kind}>{escape(name)}</th>" for name, kind in zip(table.columns, classes, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{kind}>{escape(cell_text(cell))}</td>"
            for cell, kind in zip(row, classes, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="stack"><div class="wide"><table><caption>{escape(table.title)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}</div>"
    )


def _definitions(pairs: Iterable[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(k)}</dt><dd>{escape(v)}</dd>' for k, v in pairs)}</dl>"


def seconds_text(seconds: int | float) -> str:
    """A duration as people say it.

    Example:
        >>> [seconds_text(s) for s in (0.4321, 61.0, 7384.0)]
        ['0.43 s', '1 min 1 s', '2 h 3 min']
    """
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def bytes_text(number: int | float) -> str:
    """A size in decimal units.

    Example:
        >>> [bytes_text(n) for n in (512, 541_600_000, 8_589_934_592)]
        ['512 B', '542 MB', '8.59 GB']
    """
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


def _cost(record: RunRecord) -> list[tuple[str, str]]:
    return [
        ("Time", seconds_text(record.seconds)),
        ("Peak memory", bytes_text(record.peak_memory_bytes)),
        ("Floating-point operations", f"{record.flops:.3g}"),
    ]


def _environment(record: RunRecord) -> list[tuple[str, str]]:
    machine = [
        (
            name.removesuffix("_bytes").replace("_", " ").capitalize().replace("Gpu", "GPU"),
            bytes_text(value) if name.endswith("_bytes") else str(value),
        )
        for name, value in record.machine.items()
        if value is not None
    ]
    return [
        *machine,
        ("Versions", ", ".join(f"{k} {v}" for k, v in record.versions.items())),
        ("Seeds", ", ".join(map(str, record.seeds))),
        ("Commit", record.commit or "not from a checkout"),
    ]


def report_link(page: Path, data: Path) -> str:
    """Where a file is as seen from the page, with forward slashes."""
    return Path(os.path.relpath(data, page.parent)).as_posix()
