"""What an evaluation is: its plan, and the folder that belongs to one plan only."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unfrozen._version import __version__
from unfrozen.data.cache import write_json
from unfrozen.errors import FactError, WorkspaceError
from unfrozen.language.covariance import DEFAULT_TOKENS
from unfrozen.language.evaluation import METRICS, WRITTEN, Case, check_metrics
from unfrozen.language.facts.fact import seeded
from unfrozen.workspace.editing.methods import BATCH_METHODS, METHODS

FORMAT = 1
"""Version of the files that an evaluation leaves."""

CONFIGURATION = "configuration.json"
FACTS_FILE, STATES_FILE, SUMMARY_FILE = "evaluation.jsonl", "states.jsonl", "summary.json"
KEPT_FOLDER = "states"
"""Names of what an evaluation leaves in its folder."""

# Methods that write fact by fact keep what they have every so many.
_KEPT = 25


@dataclass(frozen=True)
class Plan:
    """How facts are measured, and written before if a method is named.

    Attributes:
        metrics: names of `unfrozen.language.evaluation.METRICS`.
        method: writes the facts over the base, in memory; None to measure what is there.
        batch: how many facts are written at once; methods that write fact by fact take no notice.
        counts: after how many facts to measure; by default powers of ten, and all.
        measured: of the facts written so far, how many are measured, at most.
        written_tokens: of each text that a model writes; 0 for none.
        tokens: over how many tokens at least second moments are taken; None for the identity.
        seed: of every draw.

    Raises:
        FactError: an unknown metric, or a number that is too small.
        WorkspaceError: no such method.
    """

    metrics: tuple[str, ...] = tuple(METRICS)
    method: str | None = None
    batch: int = 100
    counts: tuple[int, ...] = ()
    measured: int = 200
    written_tokens: int = WRITTEN
    tokens: int | None = DEFAULT_TOKENS
    seed: int = 0

    def __post_init__(self) -> None:
        check_metrics(self.metrics)
        if self.method is not None and self.method not in {**METHODS, **BATCH_METHODS}:
            names = ", ".join({**METHODS, **BATCH_METHODS})
            raise WorkspaceError(f"no editing method {self.method!r}: choose from {names}")
        if self.method is None and self.counts:
            raise FactError("numbers of facts to write belong to a method: name one")
        if min((self.batch, self.measured, *self.counts)) < 1:
            raise FactError("batches, numbers of facts to write and to measure are 1 at least")

    def measured_counts(self, facts: int) -> tuple[int, ...]:
        """After how many facts all is measured.

        Raises:
            FactError: there are fewer facts than are to be written.
        """
        if self.counts:
            if max(self.counts) > facts:
                raise FactError(
                    f"there are {facts} facts, and {max(self.counts)} are to be written: give more "
                    "facts or smaller counts"
                )
            return tuple(sorted(set(self.counts)))
        powers = [10**i for i in range(len(str(facts)))]
        return tuple(sorted({*powers, facts}))

    def stops(self, facts: int) -> tuple[int, ...]:
        """After how many facts the state is kept, so that an interrupted run goes on from it.

        For methods that write batches, what lies between two stops is a batch.
        """
        counts = self.measured_counts(facts)
        step = self.batch if self.method in BATCH_METHODS else _KEPT
        return tuple(sorted({*counts, *range(step, counts[-1], step)}))

    def draw(self, cases: Sequence[Case]) -> list[int]:
        """Which of the facts are measured: as many as are to be, drawn by their own text."""
        order = sorted(
            range(len(cases)), key=lambda i: (seeded(self.seed, cases[i].fact.text).random(), i)
        )
        return sorted(order[: self.measured])


def describe(
    plan: Plan,
    cases: Sequence[Case],
    *,
    model: str,
    base: str,
    settings: Mapping[str, Any] | None,
    changes: Sequence[str] | None,
) -> dict[str, Any]:
    """All that the figures depend on, as JSON.

    Args:
        plan: how.
        cases: on which facts.
        model: name of the base model.
        base: hash of its weights.
        settings: of the method.
        changes: ids of a workspace's changes; None without a workspace.
    """
    text = json.dumps([dataclasses.asdict(case) for case in cases], ensure_ascii=False)
    fields = {
        "format": FORMAT,
        "version": __version__,
        "model": model,
        "weights": base,
        "workspace": changes,
        "facts": len(cases),
        "facts hash": hashlib.sha256(text.encode()).hexdigest(),
        **dataclasses.asdict(plan),
        "settings": settings,
    }
    return json.loads(json.dumps(fields, default=str))


def claim_folder(folder: Path, configuration: Mapping[str, Any]) -> None:
    """Make the folder this evaluation's own, or go on in it if it is already.

    Raises:
        WorkspaceError: it holds another evaluation; says what differs.
        DataError: it cannot be written.
    """
    path = folder / CONFIGURATION
    results = [folder / FACTS_FILE, folder / STATES_FILE, *folder.glob(f"{KEPT_FOLDER}/*")]
    if not any(file.exists() and file.stat().st_size for file in results):
        write_json(path, dict(configuration))
        return
    if not path.exists():
        raise WorkspaceError(f"{folder} has results without {CONFIGURATION}: name another folder")
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WorkspaceError(f"cannot read {path} ({error}): name another folder") from error
    if not isinstance(there, dict):
        raise WorkspaceError(f"{path} is no configuration: name another folder")
    differing = [
        f"{name} {_short(there.get(name))}, not {_short(configuration.get(name))}"
        for name in dict.fromkeys([*configuration, *there])
        if there.get(name) != configuration.get(name)
    ]
    if differing:
        raise WorkspaceError(
            f"{folder} holds another evaluation ({'; '.join(differing)}): name another folder, or "
            "remove that one"
        )


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
