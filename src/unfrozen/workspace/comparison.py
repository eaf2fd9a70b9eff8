"""Two states of a frozen base compared: which facts lie between them, and what became of all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from unfrozen.data.sets import Relation
from unfrozen.errors import WorkspaceError
from unfrozen.language.facts import Fact
from unfrozen.language.facts.fact import plain
from unfrozen.language.graph import Difference, Question, ask_graph, differ, questions_of
from unfrozen.language.graph.completion import LEAST, Progress
from unfrozen.language.model import LanguageModel
from unfrozen.workspace.change import Change
from unfrozen.workspace.fold import Fold
from unfrozen.workspace.ledger import facts_of, forgotten, same_question
from unfrozen.workspace.log import Entry
from unfrozen.workspace.remembering import memories_in
from unfrozen.workspace.workspace import Ref, Workspace


@dataclass(frozen=True)
class State:
    """A state that a workspace is in, or was in.

    Attributes:
        workspace: whose.
        name: in words.
        entries: whose changes are in it, in log order.
    """

    workspace: Workspace
    name: str
    entries: tuple[Entry, ...]

    @property
    def changes(self) -> list[Change]:
        """What is added to the base.

        Raises:
            WorkspaceError: a file is damaged.
        """
        return [self.workspace.change(entry.id) for entry in self.entries]


def state_of(workspace: Workspace, ref: Ref | None = None) -> State:
    """A state of a workspace.

    Args:
        workspace: whose.
        ref: the entry after which it was so, 0 for the base; None for now.

    Raises:
        WorkspaceError: there is no such entry.
    """
    log, name = workspace.log(), str(workspace.path)
    if ref is None:
        return State(workspace, name, _standing(log))
    if str(ref).strip() == "0":
        return State(workspace, f"{workspace.base_name}, the base of {name}", ())
    last = workspace.show(ref)
    return State(
        workspace, f"{name} after entry {last.number}", _standing(log[: log.index(last) + 1])
    )


def states_around(workspace: Workspace, ref: Ref) -> tuple[State, State]:
    """The states before and after an entry of the log.

    Raises:
        WorkspaceError: there is no such entry.
    """
    number = workspace.show(ref).number
    return state_of(workspace, number - 1), state_of(workspace, number)


def parse_state(text: str, here: Workspace | None = None) -> State:
    """The state that a text names: a workspace's folder, or that with ``@`` and an entry.

    Args:
        text: ``PATH``, ``PATH@ENTRY``, or ``@ENTRY`` of the workspace that is here.
        here: the workspace that needs no name.

    Raises:
        WorkspaceError: there is no such workspace or entry.
    """
    if (Path(text) / "workspace.json").exists() or "@" not in text:
        return state_of(Workspace.open(text))
    path, _, ref = text.rpartition("@")
    if not ref:
        raise WorkspaceError(
            f"{text!r} names no entry: write a number after the @, or leave it out"
        )
    if path:
        return state_of(Workspace.open(path), ref)
    if here is None:
        raise WorkspaceError(f"{text!r} names no workspace: write its folder before the @")
    return state_of(here, ref)


@dataclass(frozen=True)
class Between:
    """The facts that lie between two states.

    Attributes:
        written: facts of changes that are in the second only, as the last of them wants it.
        taken_back: facts of changes that are in the first only, and that nothing writes anew.
    """

    written: tuple[Fact, ...]
    taken_back: tuple[Fact, ...]


def facts_between(before: State, after: State) -> Between:
    """Which facts were written, and which taken back, between two states.

    Where a fact is taken back that an older change, still there, has written otherwise, that
    change's object is what is meant to come back.

    Raises:
        WorkspaceError: the states are of different bases.
    """
    check_same_base(before, after)
    told, telling = _told(before), _told(after)
    said_before, said_after = _last(told.values()), _last(telling.values())
    # What was written again, as it was, has not changed: so batches are rewritten and compacted.
    written = [
        fact for key, fact in telling.items() if key not in told and not _in(fact, said_before)
    ]
    gone = [fact for key, fact in told.items() if key not in telling and not _in(fact, said_after)]
    kept = [fact for key, fact in telling.items() if key in told or _in(fact, said_before)]
    said = {question for fact in written for question in same_question(fact)}
    back = []
    for fact in gone:
        if said.intersection(same_question(fact)):
            continue
        asked = set(same_question(fact))
        older = [f.target_new for f in kept if asked.intersection(same_question(f))]
        if older and plain(older[-1] or "") != plain(fact.target_new or ""):
            fact = replace(fact, target_true=older[-1])
        back.append(fact)
    return Between(tuple(written), tuple(back))


def questions_between(
    before: State,
    after: State,
    relations: Sequence[Relation] = (),
    facts: Iterable[Fact] = (),
    *,
    most: int | None = None,
    seed: int = 0,
) -> list[Question]:
    """What to ask two states: relations, facts, and what changes between them were about.

    Args:
        before: the first state.
        after: the second.
        relations: see `questions_of`.
        facts: see `questions_of`.
        most: see `questions_of`.
        seed: of the draw.

    Raises:
        WorkspaceError: the states are of different bases.
    """
    between = facts_between(before, after)
    return questions_of(
        relations,
        facts,
        most=most,
        edited=between.written,
        taken_back=between.taken_back,
        seed=seed,
    )


def compare(
    lm: LanguageModel,
    before: State,
    after: State,
    questions: Sequence[Question],
    *,
    edge: float = 0.5,
    shift: float = 0.1,
    least: float = LEAST,
    progress: Progress | None = None,
) -> Difference:
    """What two states answer otherwise.

    Args:
        lm: their base model; left in the state it is in.
        before: the first state.
        after: the second.
        questions: to ask both.
        edge: see `differ`.
        shift: see `differ`.
        least: see `complete`.
        progress: called as questions are asked.

    Raises:
        WorkspaceError: the states are of different bases, or the model is not their base.
        FactError: there is no question, or one with fewer than two objects.
    """
    check_same_base(before, after)
    fold = Fold.of(lm.model)
    there = fold.changes
    graphs = []
    try:
        before.workspace.apply(lm.model)
        for when, state in (("before", before), ("after", after)):
            changes = state.changes
            fold.set(changes)
            report = None if progress is None else _named(progress, when)
            beside = memories_in(changes, lm)
            with beside.attached():
                graphs.append(
                    ask_graph(
                        lm,
                        questions,
                        model=state.name,
                        least=least,
                        whole=beside.facts is not None,
                        progress=report,
                    )
                )
    finally:
        fold.set(there)
    return differ(*graphs, edge=edge, shift=shift)


def _told(state: State) -> dict[tuple[str, int], Fact]:
    """The facts of a state, without those that are forgotten in it, by entry and place."""
    gone = forgotten(state.entries)
    return {
        (entry.id, place): fact
        for entry in state.entries
        for place, fact in enumerate(facts_of(entry.request))
        if place not in gone.get(entry.id, ())
    }


def _last(facts: Iterable[Fact]) -> dict[tuple[str, str], str]:
    """What is told last of each question."""
    return {key: plain(fact.target_new or "") for fact in facts for key in same_question(fact)}


def _in(fact: Fact, said: Mapping[tuple[str, str], str]) -> bool:
    """Whether a fact is what is told last of its question."""
    return any(said.get(key) == plain(fact.target_new or "") for key in same_question(fact))


def _named(progress: Progress, when: str) -> Progress:
    return lambda what, done, total: progress(f"{what} {when}", done, total)


def check_same_base(before: State, after: State) -> None:
    """Whether two states can be compared.

    Raises:
        WorkspaceError: they are of different bases.
    """
    a, b = before.workspace, after.workspace
    if a.base_hash != b.base_hash:
        raise WorkspaceError(
            f"{a.path} is over {a.base_name} ({a.base_hash[:8]}), {b.path} over {b.base_name} "
            f"({b.base_hash[:8]}): compare those of one base"
        )


def _standing(log: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries that count at the end of a part of the log, whatever was reverted later."""
    reverted: set[str] = set()
    for entry in reversed(log):
        if entry.reverts and entry.id not in reverted:
            reverted.add(entry.reverts)
    return tuple(e for e in log if not e.reverts and e.id not in reverted)
