"""What a memory keeps of facts and of documents: tensors that can be stored, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import DataError
from unfrozen.language.facts import Fact

STORED = torch.float16
"""Type of stored states: cosines are then right to 1e-3, far finer than any threshold."""


@dataclass(frozen=True)
class EncodedFacts:
    """Facts as keys and values.

    Attributes:
        facts: what was remembered.
        subjects: directions that say who: two a fact, all first ones before all second ones.
        beginnings: directions at the first token of each of these.
        lengths: tokens of each.
        relations: directions that say what is asked: one for each token of a fact's target.
        counts: tokens of each fact's target.
        tokens: the tokens of all targets.
        words: the distinct tokens.
        values: for each of these, a state after which the model says it.
    """

    facts: tuple[Fact, ...]
    subjects: Float[Tensor, "two_facts width"]
    beginnings: Float[Tensor, "two_facts width"]
    lengths: Int[Tensor, " two_facts"]
    relations: Float[Tensor, "token width"]
    counts: Int[Tensor, " fact"]
    tokens: Int[Tensor, " token"]
    words: Int[Tensor, " word"]
    values: Float[Tensor, "word width"]

    def tensors(self) -> dict[str, Tensor]:
        """By name."""
        return {name: getattr(self, name) for name in _FACTS}

    @classmethod
    def of(cls, facts: Sequence[Fact], tensors: Mapping[str, Tensor]) -> "EncodedFacts":
        """Back from its tensors.

        Raises:
            DataError: they are not of these facts.
        """
        check(tensors, _FACTS)
        n, m = len(facts), int(tensors["counts"].sum())
        rows = {"counts": n, "relations": m, "tokens": m}
        rows |= dict.fromkeys(("subjects", "beginnings", "lengths"), 2 * n)
        fits = all(len(tensors[name]) == number for name, number in rows.items())
        known = torch.isin(tensors["tokens"], tensors["words"]).all()
        if not fits or not known or len(tensors["words"]) != len(tensors["values"]):
            raise DataError("the states of a memory of facts do not fit its facts")
        return cls(facts=tuple(facts), **{name: tensors[name] for name in _FACTS})

    def without(self, places: Sequence[int]) -> "EncodedFacts":
        """The same without some of the facts, as if they had never been encoded."""
        n = len(self.facts)
        kept = torch.ones(n, dtype=torch.bool, device=self.counts.device)
        kept[torch.tensor(list(places), dtype=torch.long)] = False
        inside = kept.repeat_interleave(self.counts)
        tokens = self.tokens[inside]
        used = torch.isin(self.words, tokens)
        return EncodedFacts(
            facts=tuple(f for f, keep in zip(self.facts, kept.tolist(), strict=True) if keep),
            subjects=self.subjects[torch.cat([kept, kept])],
            beginnings=self.beginnings[torch.cat([kept, kept])],
            lengths=self.lengths[torch.cat([kept, kept])],
            relations=self.relations[inside],
            counts=self.counts[kept],
            tokens=tokens,
            words=self.words[used],
            values=self.values[used],
        )


@dataclass(frozen=True)
class EncodedDocument:
    """A document as keys and values.

    Attributes:
        name: what it is called.
        keys: direction of the state at each of its tokens but the first and the last.
        tokens: the token that came next.
    """

    name: str
    keys: Float[Tensor, "token width"]
    tokens: Int[Tensor, " token"]

    def tensors(self) -> dict[str, Tensor]:
        """By name."""
        return {"keys": self.keys, "tokens": self.tokens}

    @classmethod
    def of(cls, name: str, tensors: Mapping[str, Tensor]) -> "EncodedDocument":
        """Back from its tensors.

        Raises:
            DataError: they are none.
        """
        check(tensors, ("keys", "tokens"))
        if len(tensors["keys"]) != len(tensors["tokens"]):
            raise DataError(f"the states of the document {name!r} do not fit its tokens")
        return cls(name, tensors["keys"], tensors["tokens"])


_FACTS = ("subjects", "beginnings", "lengths", "relations", "counts", "tokens", "words", "values")


def check(tensors: Mapping[str, Tensor], names: Sequence[str]) -> None:
    """Whether stored tensors are those of a memory.

    Raises:
        DataError: one is missing, strange, or not finite.
    """
    if set(tensors) != set(names):
        raise DataError(f"a memory holds {', '.join(names)}, not {', '.join(sorted(tensors))}")
    for name in names:
        states = name in ("subjects", "beginnings", "relations", "values", "keys")
        tensor = tensors[name]
        if states != tensor.is_floating_point() or tensor.ndim != (2 if states else 1):
            raise DataError(f"{name} of a memory are {tensor.dtype} of {tensor.ndim} dimensions")
        if states and not tensor.isfinite().all():
            raise DataError(f"{name} of a memory hold NaN or infinity")
