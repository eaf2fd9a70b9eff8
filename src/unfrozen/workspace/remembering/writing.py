"""Remember and forget: entries of the log that alter no weight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unfrozen.errors import WorkspaceError
from unfrozen.language.facts import Fact
from unfrozen.language.facts.fact import plain
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall.states import Progress
from unfrozen.workspace.change import Change, check_name
from unfrozen.workspace.kinds import DOCUMENTS, FACTS, FORGETTING
from unfrozen.workspace.ledger import (
    check_consistent,
    find_conflicts,
    forgetting,
    forgotten,
    name_from,
    refuse,
    remembered_facts,
    request_of,
    taken_names,
    told_facts,
    unused_name,
)
from unfrozen.workspace.log import Entry
from unfrozen.workspace.remembering.recalling import document_memory, fact_memory
from unfrozen.workspace.workspace import Workspace

_SHOWN = 5


@dataclass(frozen=True)
class Forgotten:
    """What was forgotten.

    Attributes:
        names: of facts their subjects and objects, of documents their names.
        entry: the entry that forgets them; reverting it brings them back.
    """

    names: tuple[str, ...]
    entry: Entry


def remember_facts(
    workspace: Workspace,
    lm: LanguageModel,
    facts: Sequence[Fact],
    *,
    name: str | None = None,
    supersede: bool = False,
    progress: Progress | None = None,
) -> Entry:
    """Keep facts beside a workspace's model, as one entry.

    Args:
        workspace: where the entry is committed.
        lm: its base model; left in the workspace's state.
        facts: with new targets.
        name: of the entry; made of the number of facts by default.
        supersede: whether remembered facts that conflict are forgotten; by default conflicts are
            reported and nothing is done.  What was edited is never undone: it is recalled over.
        progress: called as facts are read.

    Returns:
        The entry of the memory.

    Raises:
        FactError: a fact says nothing, or two contradict each other.
        WorkspaceError: conflicts, another base, or a write was refused.
    """
    facts = list(facts)
    check_consistent(facts)
    if name is not None:
        check_name(name)
    log = workspace.log()
    held = remembered_facts(log) if supersede else told_facts(log)
    conflicts = find_conflicts(held, facts)
    if not supersede:
        refuse(conflicts)
    workspace.apply(lm.model)
    encoded = fact_memory(lm).encode(facts, progress)
    change = Change(
        kind=FACTS,
        name=unused_name(name or f"remember-{len(facts)}-facts", taken_names(workspace)),
        base=workspace.base_hash,
        payload=encoded.tensors(),
        request=request_of(facts),
    )
    before = []
    if conflicts:
        what = [(c.held.entry, c.held.place) for c in conflicts]
        before = [forgetting(workspace, what, [c.held.fact.subject for c in conflicts])]
    return workspace.show(workspace.supersede([], [*before, change])[-1])


def remember_documents(
    workspace: Workspace,
    lm: LanguageModel,
    documents: Mapping[str, str],
    *,
    name: str | None = None,
    progress: Progress | None = None,
) -> Entry:
    """Keep documents beside a workspace's model, as one entry.

    Args:
        workspace: where the entry is committed.
        lm: its base model; left in the workspace's state.
        documents: name -> text, of any length.
        name: of the entry; the first document's by default.
        progress: called as documents are read.

    Raises:
        FactError: there is none, or one has fewer than three tokens.
        WorkspaceError: a document of the name is remembered, another base, or a refused write.
    """
    if name is not None:
        check_name(name)
    there = {one[2] for one in _documents(workspace)}
    known = [one for one in documents if one in there]
    if known:
        raise WorkspaceError(f"a document {known[0]!r} is remembered already: forget it first")
    workspace.apply(lm.model)
    encoded = document_memory(lm).encode(dict(documents), progress)
    stem = name or name_from("remember", encoded[0].name)
    change = Change(
        kind=DOCUMENTS,
        name=unused_name(stem, taken_names(workspace)),
        base=workspace.base_hash,
        payload={
            f"{place}.{what}": tensor
            for place, one in enumerate(encoded)
            for what, tensor in one.tensors().items()
        },
        request={
            "documents": [
                {"name": one.name, "tokens": len(one.tokens) + 2, "characters": len(text)}
                for one, text in zip(encoded, documents.values(), strict=True)
            ]
        },
    )
    return workspace.show(workspace.commit(change))


def forget(workspace: Workspace, ref: str) -> Forgotten:
    """Forget what is remembered: one fact or document, or all of an entry.

    Args:
        workspace: whose memory.
        ref: an entry of a memory, ``entry/place`` of one fact or document in it from 1, a fact's
            subject, or a document's name.

    Raises:
        WorkspaceError: nothing of the kind is remembered.
    """
    facts = [
        (h.entry, h.place, h.fact.subject, f"{h.fact.text} {h.fact.target_new}")
        for h in remembered_facts(workspace.log())
    ]
    everything = [*facts, *((e, p, name, name) for e, p, name in _documents(workspace))]
    if not everything:
        raise WorkspaceError("nothing is remembered here: `unfrozen remember` does")
    chosen = [one for one in everything if plain(one[2]) == plain(ref)]
    if not chosen:
        entry_ref, _, place = ref.partition("/")
        entry = workspace.show(entry_ref)
        if entry.kind == FORGETTING:
            raise WorkspaceError(f"entry {entry.number} forgets: revert it to remember again")
        chosen = [one for one in everything if one[0].id == entry.id]
        if place:
            chosen = [one for one in chosen if place == str(one[1] + 1)]
        if not chosen:
            raise WorkspaceError(
                f"nothing is remembered as {ref!r}: name a subject, a document, or an entry of "
                f"`unfrozen remember` ({_list(everything)})"
            )
    names = [one[3] for one in chosen]
    change = forgetting(workspace, [(one[0], one[1]) for one in chosen], names)
    return Forgotten(tuple(names), workspace.show(workspace.commit(change)))


def _documents(workspace: Workspace) -> list[tuple[Entry, int, str]]:
    """Documents that are remembered: their entry, their place in it, their name."""
    log = workspace.log()
    gone = forgotten(e for e in log if e.active)
    return [
        (entry, place, str(one["name"]))
        for entry in log
        if entry.active and entry.kind == DOCUMENTS
        for place, one in enumerate(entry.request["documents"])
        if place not in gone.get(entry.id, ())
    ]


def _list(everything: Sequence[tuple[Entry, int, str, str]]) -> str:
    shown = "; ".join(f"{e.number}/{p + 1} {name}" for e, p, name, _ in everything[:_SHOWN])
    return shown + ("; …" if len(everything) > _SHOWN else "")
