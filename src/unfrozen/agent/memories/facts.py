"""What the agent knows by word or by sight: who is where, who sells what.

A fact is one slot of a Hopfield memory: the key is what is asked (a subject and a relation), the
value what is answered, each a vector drawn from its name. Told and seen facts lie side by side;
the latest wins, and what turned out wrong speaks against itself.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.agent.memories.timed import TimedMemory

_WIDTH = 64


class Answer(NamedTuple):
    """What a question brought back.

    Attributes:
        name: the answer; None where nothing is known.
        confidence: 0 to 1.
        sources: ids of the slots that it rests on, with their shares, the largest first.
    """

    name: str | None
    confidence: float
    sources: tuple[tuple[int, float], ...] = ()


class Told(NamedTuple):
    """A slot in words.

    Attributes:
        slot: its id.
        subject: whom it is about.
        relation: what is said of them.
        answer: the answer.
        holds: whether it is said to be so, or not.
        time: when.
    """

    slot: int
    subject: str
    relation: str
    answer: str
    holds: bool
    time: int


RELATIONS = ("is at", "is sold by")


@lru_cache(maxsize=4096)
def vector(name: str) -> Float[Tensor, " d"]:
    """The vector of a name, of length one: drawn from its letters, the same everywhere."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") >> 1
    drawn = torch.randn(_WIDTH, generator=torch.Generator().manual_seed(seed))
    return drawn / drawn.norm()


class FactMemory:
    """Facts as slots of subject, relation and object.

    Example:
        >>> facts = FactMemory()
        >>> _ = facts.hold("baker", "is at", "mill", time=0)
        >>> _ = facts.hold("baker", "is at", "harbour", time=500)
        >>> facts.ask("baker", "is at", ("mill", "harbour", "inn")).name
        'harbour'
    """

    def __init__(self) -> None:
        self.slots = TimedMemory(2 * _WIDTH, _WIDTH)

    @property
    def bytes(self) -> int:
        """Of all slots."""
        return self.slots.bytes

    def hold(self, subject: str, relation: str, answer: str, *, time: int) -> int:
        """Store a fact; returns its slot's id."""
        return self._write(subject, relation, answer, time, 1.0)

    def deny(self, subject: str, relation: str, answer: str, *, time: int) -> int:
        """Store that a fact is not true any more; returns the slot's id."""
        return self._write(subject, relation, answer, time, -1.0)

    def ask(self, subject: str, relation: str, answers: Sequence[str]) -> Answer:
        """The likeliest of some answers.

        Args:
            subject: whom it is about.
            relation: what is asked.
            answers: that come into question.
        """
        found = self.slots.recall(_key(subject, relation)[None])
        confidence = float(found.confidence[0])
        if confidence < 0.5 or not answers:
            return Answer(None, confidence)
        of = torch.stack([vector(name) for name in answers]).double()
        scores = of @ found.value[0]
        best = int(scores.argmax())
        # An answer weighs more than a chance likeness of vectors, and none that was denied does.
        held = (self.slots.memory.values[:, :-2] @ of[best]) > 0.5
        shares = found.weights[0] * self.slots.strengths * held
        if float(shares.sum()) <= 1e-6:
            return Answer(None, confidence)
        order = shares.argsort(descending=True, stable=True)[:4].tolist()
        sources = tuple((found.ids[i], float(shares[i])) for i in order if float(shares[i]) > 0.01)
        return Answer(answers[best], confidence * min(1.0, float(shares.sum())), sources)

    def knows(self, subject: str, relation: str, answer: str, answers: Sequence[str]) -> bool:
        """Whether the slots hold an answer, of some, already.

        Args:
            subject: whom it is about.
            relation: what is said of them.
            answer: what is said.
            answers: that come into question.
        """
        return FactMemory.ask(self, subject, relation, answers).name == answer

    def told(self, names: Sequence[str]) -> list[Told]:
        """All slots in words, the oldest first.

        Args:
            names: of whom and what they may tell; each vector is read as the nearest of these.
        """
        memory = self.slots.memory
        if not len(self.slots):
            return []
        of = torch.stack([vector(name) for name in names]).double()
        relations = torch.stack([vector(name) for name in RELATIONS]).double()
        subjects = (memory.keys[:, :_WIDTH] @ of.T).argmax(1).tolist()
        said = (memory.keys[:, _WIDTH:] @ relations.T).argmax(1).tolist()
        found = (memory.values[:, :-2] @ of.T).argmax(1).tolist()
        rows = zip(
            memory.written_ids.tolist(), subjects, said, found,
            (self.slots.strengths > 0).tolist(), self.slots.times.tolist(), strict=True,
        )  # fmt: skip
        return [
            Told(slot, names[int(s)], RELATIONS[r], names[int(a)], holds, int(time))
            for slot, s, r, a, holds, time in rows
        ]

    def _write(self, subject: str, relation: str, answer: str, time: int, strength: float) -> int:
        key = _key(subject, relation)
        return self.slots.write(key, vector(answer), time=time, strength=strength)


def _key(subject: str, relation: str) -> Float[Tensor, " k"]:
    return torch.cat([vector(subject), vector(relation)])
