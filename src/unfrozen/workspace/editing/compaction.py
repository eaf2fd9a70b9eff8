"""All live edits of a workspace solved again as one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from unfrozen.errors import WorkspaceError
from unfrozen.language.covariance import DEFAULT_TOKENS
from unfrozen.language.editing.batch import MemitSettings
from unfrozen.language.evaluation import perplexity
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.scale import cluster
from unfrozen.workspace.change import Change
from unfrozen.workspace.editing.guard import Guard, Reading, check, written_share
from unfrozen.workspace.editing.methods import Progress, choose_batch_settings
from unfrozen.workspace.editing.rewrite import make_editor
from unfrozen.workspace.fold import Fold, base_state
from unfrozen.workspace.kinds import MEMORIES
from unfrozen.workspace.ledger import (
    check_consistent,
    held_facts,
    request_of,
    taken_names,
    unused_name,
)
from unfrozen.workspace.log import Entry
from unfrozen.workspace.workspace import Workspace


@dataclass(frozen=True)
class Compacted:
    """Many entries made one.

    Attributes:
        facts: all that were live.
        entries: how many entries they were in.
        entry: the one that holds them now.
        before: share of facts that held before; None if none has a true object.
        after: share that holds now.
        bytes_before: size of the entries.
        bytes_after: size of the one.
        reading: what the guard saw; None without one.
    """

    facts: tuple[Fact, ...]
    entries: int
    entry: Entry
    before: float | None
    after: float | None
    bytes_before: int
    bytes_after: int
    reading: Reading | None


def compact(
    workspace: Workspace,
    lm: LanguageModel,
    method: str = "memit",
    settings: MemitSettings | None = None,
    *,
    tokens: int | None = DEFAULT_TOKENS,
    guard: Guard | None = Guard(),
    workers: int = 1,
    address: str | None = None,
    progress: Progress | None = None,
) -> Compacted:
    """Take back every edit and write all their facts into the base, at once.

    What one batch after another cannot avoid, that each is solved against the ones before it, is
    undone by solving them together.  States that were searched for batches of the same last layer
    are kept; those of other facts are searched over the base.

    Args:
        workspace: whose log; the old entries stay in it, reverted.
        lm: its base model; left in the workspace's state.
        method: a name in `BATCH_METHODS`.
        settings: of the method; those of `choose_batch_settings` by default.
        tokens: as for `edit_batch`.
        guard: what may not happen; None for no guard.
        workers: as for `edit_batch`.
        address: as for `edit_batch`.
        progress: called with what is being done.

    Raises:
        ScaleError: the work cannot be shared among workers.
        WorkspaceError: there is nothing to compact, or an entry holds no facts.
        FactError: two live facts answer one question.
        BatchRejectedError: the guard would not have it; nothing is changed.
    """
    settings = choose_batch_settings(lm, method).settings if settings is None else settings
    live = [e for e in workspace.log() if e.active and not e.reverts and e.kind not in MEMORIES]
    held = held_facts(live)
    empty = [e for e in live if e.id not in {h.entry.id for h in held}]
    if empty:
        raise WorkspaceError(
            f"entry {empty[0].number} ({empty[0].name}) holds no facts to write again: revert it"
        )
    if not held:
        raise WorkspaceError("there are no live edits to compact")
    facts = [h.fact for h in held]
    check_consistent(facts)
    workspace.apply(lm.model)
    fold = Fold.of(lm.model)
    committed = list(fold.changes)
    edits = [change for change in committed if change.kind not in MEMORIES]
    before = written_share(lm, facts)
    prose = guard.texts() if guard is not None else ()
    try:
        with base_state(lm):
            base = perplexity(lm, prose) if guard is not None else 0.0
        fold.set([])
        with cluster(workers, address):
            editor = make_editor(lm, settings, tokens, facts, progress, workers, address)
            known = _targets(edits, editor.layers[-1], lm)
            missing = [i for i, target in enumerate(known) if target is None]
            if missing:
                searched = editor.values([facts[i] for i in missing], progress).target
                for place, number in enumerate(missing):
                    known[number] = searched[place]
        targets = torch.stack([t for t in known if t is not None])
        edit = editor.write(facts, targets, None, progress)
        change = Change(
            kind="batch-edit",
            name=unused_name(f"compact-{len(facts)}-facts", taken_names(workspace)),
            base=workspace.base_hash,
            payload={"updates": edit.updates, "targets": edit.targets},
            request=request_of(facts),
            settings={"method": method, **edit.settings, "tokens": tokens},
            effect={"compacted": [e.id for e in live], "edit": edit.diagnostics},
        )
        fold.set([change])
        after = written_share(lm, facts)
        reading = None
        if guard is not None:
            reading = Reading(perplexity(lm, prose), base, after, None)
            check(guard, reading)
        ids = workspace.supersede([e.id for e in live], [change])
        committed_now = [*(c for c in committed if c.kind in MEMORIES), change]
    except BaseException:
        fold.set(committed)
        raise
    fold.set(committed_now)
    return Compacted(
        facts=tuple(facts),
        entries=len(live),
        entry=workspace.show(ids[-1]),
        before=before,
        after=after,
        bytes_before=sum(c.bytes for c in edits),
        bytes_after=change.bytes,
        reading=reading,
    )


def _targets(changes: Sequence[Change], last: int, lm: LanguageModel) -> list[torch.Tensor | None]:
    """The state of each fact, where one was searched for this last layer; in log order."""
    found: list[torch.Tensor | None] = []
    for change in changes:
        if change.kind == "batch-edit" and change.settings["layers"][-1] == last:
            found += list(change.payload["targets"].to(lm.device))
        else:
            found += [None] * len(change.request.get("facts", [change.request]))
    return found
