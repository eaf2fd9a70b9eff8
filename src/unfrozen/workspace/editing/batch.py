"""Edit many facts into a workspace at once: one entry, guarded, each fact known to it.

```
done = edit_batch(workspace, lm, read_facts("facts.jsonl"), "memit")
done.after.score, done.reading.ratio, done.entry
revert_fact(workspace, lm, "1/17")
```
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from unfrozen.errors import FactError, WorkspaceError
from unfrozen.language.covariance import DEFAULT_TOKENS
from unfrozen.language.editing.batch import BatchEdit, MemitSettings
from unfrozen.language.evaluation import Evaluation, Summary, evaluate, perplexity, summarize
from unfrozen.language.facts import Fact
from unfrozen.language.facts.fact import seeded
from unfrozen.language.model import LanguageModel
from unfrozen.language.scale import cluster
from unfrozen.workspace.change import Change, check_name
from unfrozen.workspace.editing.guard import Guard, Reading, check, written_share
from unfrozen.workspace.editing.methods import (
    BATCH_METHODS,
    Progress,
    choose_batch_settings,
)
from unfrozen.workspace.editing.rewrite import clear, make_editor, previous_keys
from unfrozen.workspace.editing.single import check_fact, own_answer
from unfrozen.workspace.fold import Fold, base_state
from unfrozen.workspace.ledger import (
    Held,
    check_consistent,
    find_conflicts,
    refuse,
    request_of,
    taken_names,
    told_facts,
    unused_name,
)
from unfrozen.workspace.log import Entry
from unfrozen.workspace.workspace import Workspace

MEASURED = 200
"""How many facts of a batch are measured, unless told otherwise: drawn by their own text."""


@dataclass(frozen=True)
class BatchEdited:
    """Facts that were edited together.

    Attributes:
        facts: all of them, with both targets.
        measured: which of them were measured.
        change: what was made, with its measured effect.
        entry: its entry in the log; None when it was only tried.
        before: of the measured facts, in the workspace's state before.
        after: with the change.
        reading: what the guard saw; None without one.
        superseded: facts that were taken out for it.
    """

    facts: tuple[Fact, ...]
    measured: tuple[int, ...]
    change: Change
    entry: Entry | None
    before: Summary
    after: Summary
    reading: Reading | None
    superseded: tuple[Held, ...]

    def to_json(self) -> dict[str, Any]:
        """Without the tensors."""
        return {
            "entry": None if self.entry is None else self.entry.number,
            "id": self.change.id,
            "name": self.change.name,
            "bytes": self.change.bytes,
            "facts": len(self.facts),
            "settings": dict(self.change.settings),
            "effect": dict(self.change.effect),
            "superseded": [held.ref for held in self.superseded],
        }


def edit_batch(
    workspace: Workspace,
    lm: LanguageModel,
    facts: Sequence[Fact],
    method: str = "memit",
    settings: MemitSettings | None = None,
    *,
    tokens: int | None = DEFAULT_TOKENS,
    name: str | None = None,
    guard: Guard | None = Guard(),
    supersede: bool = False,
    measured: int = MEASURED,
    written_tokens: int = 0,
    dry_run: bool = False,
    workers: int = 1,
    address: str | None = None,
    progress: Progress | None = None,
) -> BatchEdited:
    """Edit facts together: everything is checked, then written, measured, guarded and committed.

    The model is always left in the workspace's state.

    Args:
        workspace: where the change is committed.
        lm: its base model.
        facts: with new targets; without a true one the base model's own answer is taken.
        method: a name in `BATCH_METHODS`.
        settings: of the method; those of `choose_batch_settings` by default.
        tokens: over how many tokens at least second moments are taken; None for the identity.
        name: of the change; made of the method and the number of facts by default.
        guard: what may not happen; None for no guard.
        supersede: whether facts that conflict with new ones are taken out; by default the
            conflicts are reported and nothing is done.
        measured: how many of the facts are measured before and after.
        written_tokens: how much text to let the model write when it is measured.
        dry_run: whether to commit nothing.
        workers: how many processes take second moments and search values: see
            `unfrozen.language.scale.share`.
        address: of the Ray cluster they are in.
        progress: called with what is being done, how much is done, and how much there is.

    Raises:
        FactError: a fact cannot be edited as it stands, or two contradict each other.
        ModelError: no such layers.
        BatchRejectedError: the guard rolled the batch back.
        ScaleError: the work cannot be shared among workers.
        WorkspaceError: no such method, conflicts, another base, or a write was refused.
    """
    if method not in BATCH_METHODS:
        raise WorkspaceError(f"no method {method!r} for batches: choose {', '.join(BATCH_METHODS)}")
    facts = list(facts)
    if not facts:
        raise FactError("there are no facts to edit")
    for fact in facts:
        check_fact(lm, fact)
    check_consistent(facts)
    if name is not None:
        check_name(name)
    conflicts = find_conflicts(told_facts(workspace.log()), facts)
    if not supersede:
        refuse(conflicts)
    workspace.apply(lm.model)
    fold = Fold.of(lm.model)
    committed = list(fold.changes)
    settings = choose_batch_settings(lm, method).settings if settings is None else settings
    with base_state(lm):
        facts = [
            f if f.target_true else replace(f, target_true=own_answer(lm, f.text)) for f in facts
        ]
        prose = guard.texts() if guard is not None else ()
        base_perplexity = perplexity(lm, prose) if guard is not None else 0.0
    try:
        cleared = clear(workspace, lm, conflicts, progress)
        fold.set(cleared.state)
        earlier = [h.fact for h in cleared.held]
        chosen = _sample(facts, measured)
        before = _measure(lm, facts, chosen, written_tokens, progress, "Measuring before")
        with cluster(workers, address):
            editor = make_editor(lm, settings, tokens, facts, progress, workers, address)
            edit = editor.edit(facts, previous_keys(lm, editor, earlier), progress)
        change = Change(
            kind="batch-edit",
            name=unused_name(name or f"{method}-{len(facts)}-facts", taken_names(workspace)),
            base=workspace.base_hash,
            payload={"updates": edit.updates, "targets": edit.targets},
            request=request_of(facts),
            settings={"method": method, **edit.settings, "tokens": tokens},
        )
        fold.set([*cleared.state, change])
        reading = None
        if guard is not None:
            asked = [facts[i] for i in _sample(facts, guard.sample)]
            kept = [earlier[i] for i in _sample(earlier, guard.sample)]
            reading = Reading(
                perplexity(lm, prose), base_perplexity, written_share(lm, asked),
                written_share(lm, kept) if kept else None,
            )  # fmt: skip
            check(guard, reading)
        after = _measure(lm, facts, chosen, written_tokens, progress, "Measuring after")
        change = replace(change, effect=_effect(edit, chosen, before, after, reading))
        entry = None
        if not dry_run:
            ids = workspace.supersede(cleared.reverted, [*cleared.added, change])
            entry = workspace.show(ids[-1])
            committed = [*cleared.state, change]
    finally:
        fold.set(committed)
    return BatchEdited(
        facts=tuple(facts),
        measured=tuple(chosen),
        change=change,
        entry=entry,
        before=summarize(before),
        after=summarize(after),
        reading=reading,
        superseded=tuple(c.held for c in conflicts),
    )


def _sample(facts: Sequence[Fact], number: int) -> list[int]:
    """Which facts to ask: drawn by their own text, in order."""
    order = sorted(range(len(facts)), key=lambda i: seeded(0, facts[i].text).random())
    return sorted(order[:number])


def _measure(
    lm: LanguageModel,
    facts: Sequence[Fact],
    chosen: Sequence[int],
    written_tokens: int,
    progress: Progress | None,
    what: str,
) -> list[Evaluation]:
    found = []
    for done, number in enumerate(chosen):
        if progress is not None:
            progress(what, done, len(chosen))
        found.append(evaluate(lm, facts[number], written_tokens=written_tokens))
    if progress is not None:
        progress(what, len(chosen), len(chosen))
    return found


def _effect(
    edit: BatchEdit,
    chosen: Sequence[int],
    before: Sequence[Evaluation],
    after: Sequence[Evaluation],
    reading: Reading | None,
) -> dict[str, Any]:
    """What was measured, of all and of each."""
    each: list[dict[str, Any]] = [{"edit": dict(one)} for one in edit.each]
    for place, number in enumerate(chosen):
        each[number]["before"] = before[place].to_json()
        each[number]["after"] = after[place].to_json()
    return {
        "before": summarize(before).to_json(),
        "after": summarize(after).to_json(),
        "edit": edit.diagnostics,
        "guard": None if reading is None else reading.to_json(),
        "each": each,
    }
