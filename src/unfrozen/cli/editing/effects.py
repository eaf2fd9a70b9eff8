"""What an edit did, before and after, as tables: of one edit, and of many."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unfrozen.papers.claim import Cell, Table

if TYPE_CHECKING:
    from unfrozen.workspace import Entry
    from unfrozen.workspace.editing import Edited

_GROUPS = (
    ("efficacy", "efficacy", "the prompt itself"),
    ("paraphrase", "paraphrase", "other words for it"),
    ("neighbourhood", "neighbourhood", "other subjects, to be left alone"),
)
_PARTS = (
    ("score", "score", "the wanted object is the likelier"),
    ("magnitude", "magnitude", "by this much probability"),
    ("accuracy", "strict accuracy", "it is what the model says first"),
)


def effect_table(effect: Mapping[str, Any], title: str) -> Table:
    """Before and after of one edit.

    Args:
        effect: of a `Change`: with the evaluations ``before`` and ``after``.
        title: of the table.
    """
    before, after = effect.get("before") or {}, effect.get("after") or {}
    if "loss" in after:
        return tuned_table(before, after, title)
    if "efficacy_score" in after:
        return _batch_table(before, after, title)
    rows: list[tuple[Cell, ...]] = []
    for group, name, about in _GROUPS:
        old, new = before.get(group), after.get(group)
        if old is None or new is None:
            continue
        for part, label, meaning in _PARTS:
            n = f"{new['n']} × " if new["n"] > 1 else ""
            explained = f"{n}{about}" if part == "score" else meaning
            rows.append((f"{name} {label}", _number(old[part]), _number(new[part]), explained))
    for key, label, meaning in (
        ("names_new", "texts naming the new object", "free generation"),
        ("names_true", "texts naming the true object", "free generation"),
        ("fluency", "fluency", "bits; text that repeats itself has little"),
    ):
        if before.get(key) is not None and after.get(key) is not None:
            rows.append((label, _number(before[key]), _number(after[key]), meaning))
    return Table(title, ("measure", "before", "after", "meaning"), tuple(rows))


def _batch_table(before: Mapping[str, Any], after: Mapping[str, Any], title: str) -> Table:
    """Means over the facts of a batch."""
    rows: list[tuple[Cell, ...]] = []
    for group, name, about in _GROUPS:
        for part, label, meaning in _PARTS:
            old, new = before.get(f"{group}_{part}"), after.get(f"{group}_{part}")
            if old is not None and new is not None:
                explained = about if part == "score" else meaning
                rows.append(
                    (f"{name} {label}", _number(old["value"]), _number(new["value"]), explained)
                )
    rows.append(("S", _number(before["score"]), _number(after["score"]), "their harmonic mean"))
    return Table(title, ("measure", "before", "after", "meaning"), tuple(rows))


def tuned_table(before: Mapping[str, float], after: Mapping[str, float], title: str) -> Table:
    """What a run did, on examples that it did not learn from."""
    meanings = {
        "loss": "nats; less is better",
        "accuracy": "share of examples whose likeliest choice is right",
        "f1": "mean over choices",
        "score": "of what the model writes, by the function given; more is better",
    }
    rows = [(key, _number(before[key]), _number(after[key]), meanings[key]) for key in after]
    return Table(title, ("measure", "before", "after", "meaning"), tuple(rows))


def written_lines(effect: Mapping[str, Any]) -> list[str]:
    """What the model writes after the prompt, before and after."""
    lines = []
    for when in ("before", "after"):
        text = (effect.get(when) or {}).get("written")
        if text is not None:
            lines.append(f"It writes {when}: {' '.join(text.split())}")
    return lines


def summary_table(done: "Sequence[Edited]", title: str) -> Table:
    """A row an edit, before → after, and their means."""
    from unfrozen.language.evaluation import summarize

    columns = (
        "change", "new object", "efficacy", "efficacy by", "paraphrase", "paraphrase by",
        "neighbourhood", "neighbourhood by", "strict", "text", "fluency", "S",
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for one in done:
        pairs: list[tuple[float | None, float | None]] = []
        for group, _, _ in _GROUPS:
            old, new = getattr(one.before, group), getattr(one.after, group)
            pairs += [
                (old and getattr(old, part), new and getattr(new, part))
                for part in ("score", "magnitude")
            ]
        pairs.append((one.before.efficacy.accuracy, one.after.efficacy.accuracy))
        pairs += [(getattr(one.before, k), getattr(one.after, k)) for k in ("names_new", "fluency")]
        pairs.append((one.before.score, one.after.score))
        rows.append((one.change.name, one.fact.target_new, *(_arrow(*pair) for pair in pairs)))
    old, new = summarize([one.before for one in done]), summarize([one.after for one in done])
    means = [f"{group}_{part}" for group, _, _ in _GROUPS for part in ("score", "magnitude")]
    means += ["efficacy_accuracy", "names_new", "fluency"]
    shown = [_arrow(*((m and m.value) for m in (getattr(s, k) for s in (old, new)))) for k in means]
    rows.append((f"mean of {new.n}", "", *shown, _arrow(old.score, new.score)))
    note = (
        "Before → after each edit: scores, each with by how much probability the wanted object is "
        "the likelier; strict accuracy of the prompt; share of free texts that name the new "
        "object; fluency in bits; and S, the harmonic mean of the scores."
    )
    return Table(title, columns, tuple(rows), note)


def _arrow(before: float | None, after: float | None) -> str | None:
    if before is None or after is None:
        return None
    return f"{before:.2f} → {after:.2f}"


def _what(entry: "Entry") -> str:
    """What an entry asks for, or which one it takes back."""
    from unfrozen.workspace.ledger import short_text

    if entry.reverts:
        return f"takes back {entry.reverts[:8]}"
    return short_text(entry.request) or entry.kind


def log_table(entries: "Sequence[Entry]", title: str) -> Table:
    """The log, oldest first."""
    rows = tuple(
        (
            entry.number,
            entry.id[:8],
            entry.at[:16].replace("T", " "),
            entry.name,
            _what(entry),
            entry.state,
        )
        for entry in entries
    )
    return Table(title, ("entry", "id", "written (UTC)", "name", "what", "state"), rows)


def _number(value: float | None) -> float | None:
    """Three decimals are what a table can bear."""
    return None if value is None else round(float(value), 3)
