"""Evaluate facts: what is there, or along the number of edits; one line a fact, resumed at will.

```
lm = LanguageModel.from_pretrained()
done = evaluate_facts(lm, generated_cases(100, seed=0), "evaluation", Plan(method="memit"))
done.points[-1].figures["S"]
```
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import Timeout
from torch import Tensor

from unfrozen.data.cache import lock, write_json
from unfrozen.data.lines import append_line, read_lines, write_lines
from unfrozen.data.models import weights_hash
from unfrozen.errors import FactError, WorkspaceError
from unfrozen.language.editing.batch import MemitSettings
from unfrozen.language.evaluation import (
    NOT_COMPARABLE,
    STATE_METRICS,
    Case,
    Estimate,
    References,
    estimate_facts,
    estimate_state,
)
from unfrozen.language.facts.fact import plain
from unfrozen.language.model import LanguageModel
from unfrozen.language.scale import share
from unfrozen.workspace.change import Change
from unfrozen.workspace.editing.methods import Progress, Settings
from unfrozen.workspace.editing.single import check_fact, own_answer
from unfrozen.workspace.evaluation.measuring import BASE, Piece, States, measure_piece
from unfrozen.workspace.evaluation.plan import (
    FACTS_FILE,
    KEPT_FOLDER,
    STATES_FILE,
    SUMMARY_FILE,
    Plan,
    claim_folder,
    describe,
)
from unfrozen.workspace.evaluation.writing import edited_values, settings_of, write_along
from unfrozen.workspace.fold import Fold, base_state
from unfrozen.workspace.kinds import MEMORIES
from unfrozen.workspace.ledger import told_facts
from unfrozen.workspace.workspace import Workspace

NOW = "workspace"
"""Label of a workspace's state; states along the number of edits are called by it."""


@dataclass(frozen=True)
class Point:
    """What was found in one state of the model.

    Attributes:
        label: ``base``, ``workspace``, or the number of facts written.
        edits: how many facts were written.
        facts: how many of them were measured.
        figures: name -> figure.
    """

    label: str
    edits: int
    facts: int
    figures: dict[str, Estimate]

    def to_json(self) -> dict[str, Any]:
        """As plain numbers."""
        figures = {name: one.to_json() for name, one in self.figures.items()}
        return {
            "state": self.label, "edits": self.edits, "facts": self.facts, "figures": figures,
        }  # fmt: skip


@dataclass(frozen=True)
class Evaluated:
    """An evaluation that ended.

    Attributes:
        folder: where its files are.
        configuration: all that the figures depend on.
        points: the base, and each state after it.
        ended: why writing ended before all facts were written; None if it did not.
    """

    folder: Path
    configuration: Mapping[str, Any]
    points: tuple[Point, ...]
    ended: str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of the figures."""
        measured = {name for point in self.points for name in point.figures}
        notes = ["Intervals are of 95 % confidence."]
        if "generation_entropy" in measured:
            notes.append("generation_entropy (GE) is in bits: papers tell a hundred times as much.")
        if "reference_score" in measured:
            notes.append(f"reference_score (RS): {NOT_COMPARABLE}.")
        if self.ended is not None:
            notes.append(f"Writing ended {self.ended}.")
        return tuple(notes)

    def to_json(self) -> dict[str, Any]:
        """As it is written to ``summary.json``."""
        return {
            "configuration": dict(self.configuration),
            "points": [point.to_json() for point in self.points],
            "ended": self.ended,
            "notes": list(self.notes),
        }


def evaluate_facts(
    lm: LanguageModel,
    cases: Sequence[Case],
    folder: Path | str,
    plan: Plan = Plan(),
    *,
    workspace: Workspace | None = None,
    settings: MemitSettings | Settings | None = None,
    workers: int = 1,
    address: str | None = None,
    progress: Progress | None = None,
) -> Evaluated:
    """Measure facts in a workspace's state, along a method's edits, or of a bare model.

    The same call goes on where an interrupted one stopped, and ends in the same files.

    Args:
        lm: the base model; it is left in the state of its workspace, if it has one.
        cases: in the order in which they are written.
        folder: for ``evaluation.jsonl`` (a line a fact), ``states.jsonl`` (a line a state of the
            model) and ``summary.json``.
        plan: metrics, and whether and how facts are written.
        workspace: whose state is measured; not with a method.
        settings: of the method; those of `unfrozen.workspace.editing` by default.
        workers: processes that measure.
        address: of a cluster that measures.
        progress: called with what is being done.

    Raises:
        FactError: there are no facts, or one cannot be written or measured.
        WorkspaceError: the folder holds another evaluation or is in use, the workspace is of
            another base, or a workspace and a method are given.
    """
    folder = Path(folder)
    if workspace is not None and plan.method is not None:
        raise WorkspaceError("a method writes over the base: name it, or a workspace, not both")
    if not cases:
        raise FactError("there are no facts to evaluate")
    if plan.method is not None:
        cases = cases[: plan.measured_counts(len(cases))[-1]]
    if not all(case.fact.target_new for case in cases):
        missing = next(case.fact for case in cases if not case.fact.target_new)
        raise FactError(f"{missing.text!r} has no new target to measure")
    held = lock(f"evaluation-{sha256(str(folder.absolute()).encode()).hexdigest()[:16]}")
    try:
        held.acquire(timeout=0)
    except Timeout as error:
        raise WorkspaceError(f"another process evaluates into {folder}: wait for it") from error
    try:
        return _Run(lm, cases, folder, plan, workspace, settings, progress).run(workers, address)
    finally:
        held.release()


@dataclass
class _Run:
    lm: LanguageModel
    cases: Sequence[Case]
    folder: Path
    plan: Plan
    workspace: Workspace | None
    settings: MemitSettings | Settings | None
    progress: Progress | None

    def run(self, workers: int, address: str | None) -> Evaluated:
        lm, plan = self.lm, self.plan
        if self.workspace is not None:
            self.workspace.apply(lm.model)
        with base_state(lm):
            base = Fold.of(lm.model).base_hash(weights_hash)
        settings = self.settings
        if plan.method is not None:
            settings = settings_of(lm, plan.method) if settings is None else settings
            for case in self.cases:
                check_fact(lm, case.fact)
        corpus = self._corpus()
        configuration = describe(
            plan,
            self.cases,
            model=lm.name,
            base=base,
            settings=None if settings is None else asdict(settings),
            changes=None if self.workspace is None else [c.id for c in self.workspace.changes()],
        )
        claim_folder(self.folder, configuration)
        values = self._workspace_values()
        with base_state(lm):
            cases = self._with_true_targets()
            labels, edits, ended = ([NOW] if self.workspace is not None else []), {}, None
            if plan.method is not None:
                assert settings is not None
                facts = [case.fact for case in cases]
                kept = self.folder / KEPT_FOLDER
                written = write_along(lm, facts, plan, settings, kept, self.progress)
                ended = written.ended
                for count, total in written.totals.items():
                    labels.append(str(count))
                    edits[str(count)] = count
                    values[str(count)] = edited_values(lm, total)
            elif self.workspace is not None:
                edits[NOW] = len(told_facts(self.workspace.log()))
            pieces = self._pieces(cases, labels)
            states = States(
                lm.name, lm.dtype, str(lm.device), values, plan, corpus, self._beside(), lm
            )
            found = self._measure(states, cases, pieces, workers, address)
        points = _points(found, pieces, labels, edits)
        done = Evaluated(self.folder, configuration, points, ended)
        write_json(self.folder / SUMMARY_FILE, done.to_json())
        return done

    def _corpus(self) -> tuple[str, ...]:
        """All reference texts, where they are asked for; a scorer of them can be made here."""
        if "references" not in self.plan.metrics or not self.plan.written_tokens:
            return ()
        corpus = tuple(dict.fromkeys(text for case in self.cases for text in case.references))
        if corpus:
            References(corpus)
        return corpus

    def _workspace_values(self) -> dict[str, dict[str, Tensor]]:
        """What the workspace's changes made of the parameters that they touch."""
        if self.workspace is None:
            return {}
        names = {name for change in self.workspace.changes() for name in change.shapes()}
        return {NOW: {n: self.lm.model.get_parameter(n).detach().clone() for n in sorted(names)}}

    def _beside(self) -> dict[str, list[Change]]:
        """What the workspace remembers beside its model."""
        if self.workspace is None:
            return {}
        return {NOW: [c for c in self.workspace.changes() if c.kind in MEMORIES]}

    def _with_true_targets(self) -> list[Case]:
        """Cases whose true target is not known get the base model's own answer, if it has one."""
        completed = []
        for done, case in enumerate(self.cases):
            fact = case.fact
            if fact.target_true is None:
                if self.progress is not None:
                    self.progress("Asking the base", done, len(self.cases))
                try:
                    answer = own_answer(self.lm, fact.text)
                except FactError:  # it says nothing, so there is nothing to compare with
                    answer = fact.target_new or ""
                if plain(answer) != plain(fact.target_new or ""):
                    case = replace(case, fact=replace(fact, target_true=answer))
            completed.append(case)
        return completed

    def _pieces(self, cases: Sequence[Case], labels: Sequence[str]) -> dict[str, Piece]:
        """All that is measured, states first, by what tells it apart for good."""
        pieces: dict[str, Piece] = {}
        if set(self.plan.metrics) & set(STATE_METRICS):
            pieces |= {f"state {label}": Piece((label,)) for label in (BASE, *labels)}
        if set(self.plan.metrics) <= set(STATE_METRICS):
            return pieces
        if self.plan.method is None:
            asked = dict.fromkeys(range(len(cases)), tuple(labels))
        else:
            asked = {}
            for label in labels:
                for number in self.plan.draw(cases[: int(label)]):
                    asked[number] = (*asked.get(number, ()), label)
        for number in sorted(asked):
            pieces[f"fact {number + 1}"] = Piece(asked[number], cases[number])
        return pieces

    def _measure(
        self,
        states: States,
        cases: Sequence[Case],
        pieces: Mapping[str, Piece],
        workers: int,
        address: str | None,
    ) -> dict[str, dict[str, Any]]:
        """Each piece's line, computed or read; both files in their order at the end."""
        paths = {kind: self.folder / name for kind, name in _FILES.items()}
        there = [line for path in paths.values() for line in read_lines(path)]
        found = {line["key"]: line for line in there if line.get("key") in pieces}
        left = {key: piece for key, piece in pieces.items() if key not in found}
        self.folder.mkdir(parents=True, exist_ok=True)
        with paths["fact"].open("ab") as facts, paths["state"].open("ab") as others:
            streams = {"fact": facts, "state": others}
            self._tell(found, pieces)
            done = share(left, states, measure_piece, workers=workers, address=address)
            for key, result in done:
                kind = key.split()[0]
                line = {"key": key, **_about(key, cases), **result}
                append_line(streams[kind], line, paths[kind])
                found[key] = line
                self._tell(found, pieces)
        for kind, path in paths.items():
            # Several processes are done in any order; the file has one order only.
            wanted = [found[key] for key in pieces if key.split()[0] == kind]
            if wanted != read_lines(path):
                write_lines(path, wanted)
        return found

    def _tell(self, found: Mapping[str, Any], pieces: Mapping[str, Any]) -> None:
        if self.progress is not None:
            self.progress("Measuring", len(found), len(pieces))


_FILES = {"fact": FACTS_FILE, "state": STATES_FILE}


def _about(key: str, cases: Sequence[Case]) -> dict[str, Any]:
    """What a line of a fact says of it."""
    kind, number = key.split()
    if kind != "fact":
        return {}
    fact = cases[int(number) - 1].fact
    names = ("id", "subject", "prompt", "target_true", "target_new", "relation")
    return {name: value for name in names if (value := getattr(fact, name))}


def _points(
    found: Mapping[str, Mapping[str, Any]],
    pieces: Mapping[str, Piece],
    labels: Sequence[str],
    edits: Mapping[str, int],
) -> tuple[Point, ...]:
    points = []
    for label in (BASE, *labels):
        measured = [
            found[key]["states"][label]
            for key, piece in pieces.items()
            if piece.case is not None and label in (BASE, *piece.labels)
        ]
        figures = estimate_facts(measured)
        if f"state {label}" in pieces:
            states = [found[f"state {one}"]["state"] for one in (label, BASE)]
            figures |= estimate_state(*states)
        points.append(Point(label, edits.get(label, 0), len(measured), figures))
    return tuple(points)
