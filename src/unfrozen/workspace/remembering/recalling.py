"""A model that recalls what its workspace remembers."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from torch import Tensor

from unfrozen.language.model import LanguageModel
from unfrozen.language.recall import DocumentMemory, EncodedDocument, EncodedFacts, FactMemory
from unfrozen.workspace.change import Change
from unfrozen.workspace.fold import base_state
from unfrozen.workspace.kinds import DOCUMENTS, FACTS
from unfrozen.workspace.ledger import facts_of, forgotten
from unfrozen.workspace.workspace import Workspace


@dataclass(frozen=True)
class Memories:
    """What stands beside a model.

    Attributes:
        facts: facts; None where there are none.
        documents: documents; None where there are none.
    """

    facts: FactMemory | None = None
    documents: DocumentMemory | None = None

    @property
    def bytes(self) -> int:
        """Of both, as they are stored."""
        return sum(m.bytes for m in (self.facts, self.documents) if m is not None)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Their model recalls them, for the length of a block."""
        with ExitStack() as stack:
            for memory in (self.facts, self.documents):
                if memory is not None:
                    stack.enter_context(memory.attached())
            yield


def fact_memory(lm: LanguageModel) -> FactMemory:
    """An empty memory whose scales are the base's: edits that come and go do not move them."""
    with base_state(lm):
        return FactMemory(lm)


def document_memory(lm: LanguageModel) -> DocumentMemory:
    """An empty memory whose scale is the base's; see `fact_memory`."""
    with base_state(lm):
        return DocumentMemory(lm)


def memories_in(changes: Sequence[Change], lm: LanguageModel) -> Memories:
    """The memories among some changes, without what others of them forget.

    Args:
        changes: those of a state.
        lm: their base model, in that state.

    Raises:
        DataError: the states of a memory do not fit what it remembers.
    """
    gone = forgotten(changes)
    facts: FactMemory | None = None
    documents: DocumentMemory | None = None
    for change in changes:
        left_out = gone.get(change.id, set())
        if change.kind == FACTS:
            encoded = EncodedFacts.of(facts_of(change.request), change.payload)
            encoded = encoded.without(sorted(left_out))
            if encoded.facts:
                facts = fact_memory(lm) if facts is None else facts
                facts.add(encoded)
        elif change.kind == DOCUMENTS:
            kept = [d for i, d in enumerate(documents_of(change)) if i not in left_out]
            if kept:
                documents = document_memory(lm) if documents is None else documents
                documents.add(kept)
    return Memories(facts, documents)


def memories_of(workspace: Workspace, lm: LanguageModel) -> Memories:
    """The memories of a workspace in its present state; see `memories_in`.

    Raises:
        WorkspaceError: a file is damaged.
        DataError: the states of a memory do not fit what it remembers.
    """
    return memories_in(workspace.changes(), lm)


@contextmanager
def recalling(workspace: Workspace | None, lm: LanguageModel) -> Iterator[LanguageModel]:
    """The model with the memories of its workspace, for the length of a block.

    Args:
        workspace: whose; None for none.
        lm: its base model, in its state.
    """
    memories = Memories() if workspace is None else memories_of(workspace, lm)
    with memories.attached():
        yield lm


def documents_of(change: Change) -> list[EncodedDocument]:
    """The documents that a change holds."""
    parts: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in change.payload.items():
        number, _, what = name.partition(".")
        parts[number][what] = tensor
    return [
        EncodedDocument.of(str(one["name"]), parts[str(place)])
        for place, one in enumerate(change.request["documents"])
    ]
