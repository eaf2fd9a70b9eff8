"""Which facts a workspace holds: every fact of every active entry, and where they conflict."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from unfrozen.errors import FactError, WorkspaceError
from unfrozen.language.facts import Fact
from unfrozen.language.facts.fact import plain
from unfrozen.workspace.change import Change
from unfrozen.workspace.kinds import EDITS, FACTS, FORGETTING
from unfrozen.workspace.log import Entry
from unfrozen.workspace.workspace import Workspace

_SHOWN = 5
_TOLD = 3
_LONG = 100


class Held(NamedTuple):
    """A fact that an active entry has written.

    Attributes:
        fact: as it was asked for.
        entry: the entry.
        place: its number among the entry's facts, from 0.
    """

    fact: Fact
    entry: Entry
    place: int

    @property
    def ref(self) -> str:
        """What names it: the entry's number, and its own from 1 where the entry has several."""
        return f"{self.entry.number}/{self.place + 1}"


@dataclass(frozen=True)
class Conflict:
    """A new fact about which a workspace holds another.

    Attributes:
        fact: the new one.
        held: the one that is there.
    """

    fact: Fact
    held: Held

    @property
    def text(self) -> str:
        """In a line."""
        new, old = self.fact.target_new, self.held.fact.target_new
        verb = "is" if plain(new or "") == plain(old or "") else "becomes"
        return f"{self.fact.text} {new}: {verb} {old} already by entry {self.held.ref}"


def request_of(facts: Sequence[Fact]) -> dict[str, Any]:
    """The request of a change that writes several facts, as JSON."""
    return {"facts": [fact.to_json() for fact in facts]}


def facts_of(request: Mapping[str, Any]) -> list[Fact]:
    """The facts that a change's request names; none of a change that is no edit."""
    asked = request.get("facts", [request] if "prompt" in request else [])
    try:
        return [Fact.from_json(one) for one in asked]
    except FactError as error:
        raise WorkspaceError(f"a change names a fact that cannot be read: {error}") from error


def held_facts(entries: Iterable[Entry]) -> list[Held]:
    """All facts that active entries have written into weights, in log order."""
    return _facts_in(entries, EDITS)


def remembered_facts(entries: Iterable[Entry]) -> list[Held]:
    """All facts that active entries keep beside the model, without what was forgotten since."""
    entries = list(entries)
    gone = forgotten(e for e in entries if e.active)
    return [h for h in _facts_in(entries, (FACTS,)) if h.place not in gone.get(h.entry.id, ())]


def told_facts(entries: Iterable[Entry]) -> list[Held]:
    """All facts of a workspace, in weights or beside them."""
    entries = list(entries)
    return [*held_facts(entries), *remembered_facts(entries)]


def forgotten(entries: Iterable[Entry | Change]) -> dict[str, set[int]]:
    """Places of each memory's entry that others have forgotten, by the entry's id.

    Args:
        entries: those that count, or their changes.
    """
    found: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        if entry.kind == FORGETTING:
            for one in entry.request["forgets"]:
                found[str(one["entry"])].add(int(one["place"]))
    return found


def forgetting(
    workspace: Workspace, what: Iterable[tuple[Entry, int]], names: Sequence[str]
) -> Change:
    """The change that forgets some of what memories keep; not committed.

    Args:
        workspace: whose memories.
        what: entries of memories, and places in them.
        names: what is forgotten, in words.
    """
    stem = names[0] if len(names) == 1 else f"{len(names)} memories"
    return Change(
        kind=FORGETTING,
        name=unused_name(name_from("forget", stem), taken_names(workspace)),
        base=workspace.base_hash,
        payload={},
        request={
            "forgets": [{"entry": entry.id, "place": place} for entry, place in what],
            "names": list(names),
        },
    )


def taken_names(workspace: Workspace) -> set[str]:
    """The names that are in the log."""
    return {entry.name for entry in workspace.log()}


def name_from(*words: str) -> str:
    """A name for a change out of words that need not be printable, as a subject's may not.

    Example:
        >>> name_from("forget", "Mount\u200b  Etna")
        'forget Mount Etna'
    """
    text = "".join(c if c.isprintable() else " " * c.isspace() for c in " ".join(words))
    return " ".join(text.split())[:150].strip()


def unused_name(stem: str, taken: Collection[str]) -> str:
    """A name that is not taken yet: the stem, or the stem with a number.

    Example:
        >>> unused_name("rome", {"rome", "rome-2"})
        'rome-3'
    """
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name


def _facts_in(entries: Iterable[Entry], kinds: Collection[str]) -> list[Held]:
    return [
        Held(fact, entry, place)
        for entry in entries
        if entry.active and entry.kind in kinds
        for place, fact in enumerate(facts_of(entry.request))
    ]


def same_question(fact: Fact) -> tuple[tuple[str, str], ...]:
    """What tells questions apart: the subject with its relation, and with its prompt."""
    subject = plain(fact.subject)
    by_prompt = (subject, plain(fact.prompt))
    return ((subject, f"relation {fact.relation}"), by_prompt) if fact.relation else (by_prompt,)


def find_conflicts(held: Sequence[Held], facts: Sequence[Fact]) -> list[Conflict]:
    """New facts whose subject and relation (or prompt) a workspace has a fact about."""
    known: dict[tuple[str, str], list[Held]] = defaultdict(list)
    for one in held:
        for question in same_question(one.fact):
            known[question].append(one)
    found = []
    for fact in facts:
        there = {h.ref: h for q in same_question(fact) for h in known.get(q, ())}
        found += [Conflict(fact, h) for h in there.values()]
    return found


def check_consistent(facts: Sequence[Fact]) -> None:
    """Whether facts to be written together agree.

    Raises:
        FactError: two of them answer one question.
    """
    seen: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        for question in same_question(fact):
            other = seen.setdefault(question, fact)
            if other is not fact:
                raise FactError(
                    f"two facts answer one question: {other.text} {other.target_new}, and "
                    f"{fact.text} {fact.target_new}: keep one of them"
                )


def refuse(conflicts: Sequence[Conflict]) -> None:
    """Say which facts are in the way.

    Raises:
        WorkspaceError: there are conflicts.
    """
    if conflicts:
        shown = "; ".join(c.text for c in conflicts[:_SHOWN])
        more = f"; and {len(conflicts) - _SHOWN} more" if len(conflicts) > _SHOWN else ""
        raise WorkspaceError(
            f"{len(conflicts)} facts conflict with what the workspace holds ({shown}{more}): "
            "leave them out, or supersede what is there with --replace"
        )


def find_held(workspace: Workspace, ref: str) -> Held:
    """The fact that ``entry/fact`` names: the fact by its number in the entry, id or subject.

    Raises:
        WorkspaceError: there is no such active entry or fact, or more than one.
    """
    entry_ref, _, fact_ref = ref.partition("/")
    entry = workspace.show(entry_ref)
    inside = told_facts([e for e in workspace.log() if e.id == entry.id or e.kind == FORGETTING])
    if not inside:
        raise WorkspaceError(f"entry {entry.number} ({entry.name}) holds no active facts")
    if fact_ref.isdecimal() and 1 <= int(fact_ref) <= len(inside):
        return inside[int(fact_ref) - 1]
    named = [h for h in inside if fact_ref == h.fact.id or plain(fact_ref) == plain(h.fact.subject)]
    if len(named) == 1:
        return named[0]
    if named:
        numbers = ", ".join(h.ref for h in named[:_SHOWN])
        raise WorkspaceError(f"{fact_ref!r} names several facts, give one of {numbers}")
    raise WorkspaceError(
        f"entry {entry.number} ({entry.name}) has {len(inside)} facts, and none is {fact_ref!r}: "
        "give a number, an id or a subject"
    )


def request_text(request: Mapping[str, Any]) -> str:
    """What was asked, in a line."""
    if isinstance(request.get("facts"), list):
        return _several(request["facts"])
    if "documents" in request:
        return "; ".join(f"{d['name']}, {d['tokens']} tokens" for d in request["documents"])
    if "examples" in request:
        return f"{request['examples']} examples to learn from"
    if "errand" in request:
        told = f" Told: {request['told']}" if request.get("told") else ""
        return _cut(f"{request['errand']}{told}")
    if "forgets" in request:
        return f"forgets {'; '.join(request['names'][:_TOLD])}"
    prompt, subject = request.get("prompt"), request.get("subject")
    if not (prompt and subject):
        return json.dumps(dict(request), ensure_ascii=False) if request else ""
    text = str(prompt).replace("{}", str(subject))
    old, new = request.get("target_true"), request.get("target_new")
    return f"{text}: {old} → {new}" if old else f"{text}: {new}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"


def _several(facts: Sequence[Mapping[str, Any]]) -> str:
    """The facts of a batch, as far as they fit."""
    shown = "; ".join(short_text(one) for one in facts[:_TOLD])
    return f"{len(facts)} facts: {shown}{'; …' if len(facts) > _TOLD else ''}"


def short_text(request: Mapping[str, Any]) -> str:
    """What was asked, as short as it can be told apart."""
    old, new = request.get("target_true"), request.get("target_new")
    if not (request.get("subject") and new):
        return request_text(request)
    return f"{request['subject']}: {old} → {new}" if old else f"{request['subject']}: {new}"
