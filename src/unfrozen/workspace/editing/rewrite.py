"""Batches that are written again without some of their facts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorkspaceError
from unfrozen.language.covariance import second_moments
from unfrozen.language.editing.batch import (
    Memit,
    MemitSettings,
    described_settings,
    subject_keys,
)
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.workspace.change import Change
from unfrozen.workspace.editing.guard import written_share
from unfrozen.workspace.editing.methods import Progress
from unfrozen.workspace.fold import Fold, base_state
from unfrozen.workspace.kinds import EDITS, FACTS
from unfrozen.workspace.ledger import (
    Conflict,
    Held,
    facts_of,
    find_held,
    forgetting,
    held_facts,
    name_from,
    request_of,
    taken_names,
    unused_name,
)
from unfrozen.workspace.log import Entry
from unfrozen.workspace.workspace import Ref, Workspace


@dataclass(frozen=True)
class Rewritten:
    """A batch that was written again without some of its facts.

    Attributes:
        removed: the facts that were taken out.
        entry: the batch that is there now; None if nothing was left of it.
        kept: share of the facts that stayed which hold now; None if none has a true object.
    """

    removed: tuple[Fact, ...]
    entry: Entry | None
    kept: float | None


def revert_fact(
    workspace: Workspace, lm: LanguageModel, ref: str, progress: Progress | None = None
) -> Rewritten:
    """Take one fact out of a batch: it is written again, as it would have been without the fact.

    Args:
        workspace: whose log it is in.
        lm: its base model; left in the workspace's state.
        ref: ``entry/fact``, the fact by number, id or subject.
        progress: called with what is being done.

    Raises:
        WorkspaceError: no such active entry or fact, or the entry is no batch.
    """
    held = find_held(workspace, ref)
    if held.entry.kind == FACTS:
        raise WorkspaceError(f"entry {held.entry.number} remembers: `unfrozen forget {ref}`")
    if held.entry.kind != "batch-edit":
        raise WorkspaceError(
            f"entry {held.entry.number} ({held.entry.name}) holds one fact: revert the entry"
        )
    workspace.apply(lm.model)
    try:
        change = rewrite_without(workspace, lm, held.entry, [held.place], progress)
        ids = workspace.supersede([held.entry.id], [] if change is None else [change])
    finally:
        workspace.apply(lm.model)
    entry = None if change is None else workspace.show(ids[-1])
    share = None if change is None else written_share(lm, facts_of(change.request))
    return Rewritten((held.fact,), entry, share)


def rewrite_without(
    workspace: Workspace,
    lm: LanguageModel,
    entry: Entry,
    places: Sequence[int],
    progress: Progress | None = None,
) -> Change | None:
    """The change of a batch as it would have been without some facts; None if it had no other.

    What is written of each fact is what was found then; how it is written is solved anew, over the
    state that the entries before have left.
    """
    change = workspace.change(entry.id)
    facts = facts_of(change.request)
    kept = [i for i in range(len(facts)) if i not in set(places)]
    if not kept:
        return None
    before = [e for e in workspace.log() if e.active and not e.reverts and e.number < entry.number]
    fold = Fold.of(lm.model)
    fold.set([workspace.change(e.id) for e in before])
    settings = described_settings(change.settings)
    editor = make_editor(lm, settings, change.settings.get("tokens"), facts, progress)
    earlier = [h.fact for h in held_facts(before)]
    targets = change.payload["targets"][torch.tensor(kept)].to(lm.device)
    chosen = [facts[i] for i in kept]
    edit = editor.write(chosen, targets, previous_keys(lm, editor, earlier), progress)
    without = [facts[i].subject for i in places]
    stem = entry.name.split(" without ")[0]
    name = name_from(stem, *(("without", *without) if len(without) == 1 else (str(len(kept)),)))
    return Change(
        kind="batch-edit",
        name=unused_name(name, taken_names(workspace)),
        base=workspace.base_hash,
        payload={"updates": edit.updates, "targets": edit.targets},
        request=request_of(chosen),
        settings=change.settings,
        effect={"rewritten": {"entry": entry.id, "without": without}, "edit": edit.diagnostics},
    )


def make_editor(
    lm: LanguageModel,
    settings: MemitSettings,
    tokens: int | None,
    facts: Sequence[Fact],
    progress: Progress | None = None,
    workers: int = 1,
    address: str | None = None,
) -> Memit:
    """The editor of a batch; second moments, prefixes and norms are those of the base.

    Moments and values are computed by ``workers``: see `unfrozen.language.scale.share`.
    """
    with base_state(lm):
        moments = None
        if tokens is not None:
            report = progress and partial(progress, "Reading keys of the model's text")
            moments = second_moments(
                lm,
                settings.layers_for(lm),
                tokens,
                progress=report,
                workers=workers,
                address=address,
            )
        editor = Memit(lm, settings, moments, workers=workers, address=address)
        editor.reference = editor.reference_norm(facts) if settings.anchor else None
        return editor


def previous_keys(
    lm: LanguageModel, editor: Memit, facts: Sequence[Fact]
) -> Mapping[int, Float[Tensor, "fact key"]] | None:
    """The keys of facts that were written earlier, of the model as it is.

    None where the editor's solver does not spare them, or there are none.
    """
    if not editor.settings.solver.sequential or not facts:
        return None
    return subject_keys(lm, facts, editor.prefixes, editor.layers)


@dataclass(frozen=True)
class Cleared:
    """The workspace without the facts that are in the way.

    Attributes:
        state: the changes that are left.
        held: the facts that are left.
        reverted: entries to be taken back.
        added: changes in their stead: batches written again, and what is forgotten.
    """

    state: list[Change]
    held: list[Held]
    reverted: list[Ref]
    added: list[Change]


def clear(
    workspace: Workspace,
    lm: LanguageModel,
    conflicts: Sequence[Conflict],
    progress: Progress | None = None,
) -> Cleared:
    """What a workspace would be without the facts that conflicts name; nothing is committed."""
    places: dict[str, set[int]] = defaultdict(set)
    for conflict in conflicts:
        places[conflict.held.entry.id].add(conflict.held.place)
    log = workspace.log()
    entries = {e.id: e for e in log if e.active and not e.reverts}
    recalled = [c.held for c in conflicts if c.held.entry.kind == FACTS]
    added: list[Change] = []
    if recalled:
        what = [(held.entry, held.place) for held in recalled]
        added.append(forgetting(workspace, what, [held.fact.subject for held in recalled]))
    reverted = [i for i in places if entries[i].kind in EDITS]
    for entry_id in reverted:
        entry = entries[entry_id]
        if entry.kind == "batch-edit":
            inside = sorted(places[entry_id])
            change = rewrite_without(workspace, lm, entry, inside, progress)
            added += [] if change is None else [change]
    kept = [workspace.change(i) for i in entries if i not in reverted]
    held = [h for h in held_facts(log) if h.place not in places.get(h.entry.id, set())]
    return Cleared([*kept, *added], held, list(reverted), added)
