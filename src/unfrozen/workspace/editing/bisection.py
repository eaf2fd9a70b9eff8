"""Which entry broke an answer: a binary search over the log."""

from dataclasses import dataclass

from unfrozen.errors import WorkspaceError
from unfrozen.language.evaluation import Answer, answers
from unfrozen.language.model import LanguageModel
from unfrozen.workspace.editing.methods import Progress
from unfrozen.workspace.fold import Fold
from unfrozen.workspace.log import Entry
from unfrozen.workspace.remembering.recalling import memories_in
from unfrozen.workspace.workspace import Workspace


@dataclass(frozen=True)
class Bisection:
    """The entry after which a model no longer says what it said before.

    Attributes:
        entry: the entry.
        before: the answer in the state right before it.
        after: the answer in the state right after it.
        asked: how many states were asked.
    """

    entry: Entry
    before: Answer
    after: Answer
    asked: int


def bisect(
    workspace: Workspace,
    lm: LanguageModel,
    prompt: str,
    answer: str,
    *,
    good: int = 0,
    progress: Progress | None = None,
) -> Bisection:
    """Find the active entry that broke an answer.

    The states are those of the log's active entries up to each.  Where an answer broke and healed
    more than once, one of the entries that broke it is found.

    Args:
        workspace: whose log.
        lm: its base model; left in the workspace's state.
        prompt: to be answered.
        answer: what the model said, and no longer says first.
        good: number of an entry after which the answer was still right; 0 is the base.
        progress: called as states are asked.

    Raises:
        WorkspaceError: the answer is right now, or was wrong already where the search begins.
        FactError: the answer is empty.
    """
    workspace.apply(lm.model)
    fold = Fold.of(lm.model)
    entries = [e for e in workspace.log() if e.active and not e.reverts]
    changes = list(fold.changes)
    found: dict[int, Answer] = {}
    first = sum(e.number <= good for e in entries)
    total = max(len(entries) - first, 1).bit_length() + 2

    def ask(number: int) -> bool:
        fold.set(changes[:number])
        with memories_in(changes[:number], lm).attached():
            (found[number],) = answers(lm, [(prompt, answer)])
        if progress is not None:
            progress("Asking states", min(len(found), total), total)
        return found[number].first

    try:
        if ask(len(changes)):
            raise WorkspaceError(f"{prompt!r} is answered {answer!r} now: nothing broke it")
        if not ask(first):
            where = f"after entry {good}" if good else "by the base"
            raise WorkspaceError(
                f"{prompt!r} is not answered {answer!r} {where} either: no later entry broke it"
            )
        low, high = first, len(changes)  # right after `low` entries, wrong after `high`
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if ask(middle) else (low, middle)
    finally:
        fold.set(changes)
    return Bisection(entries[high - 1], found[low], found[high], len(found))
