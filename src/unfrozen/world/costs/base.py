"""A cost is a sum of named terms, and each says which stored things it came from.

    F(s, a) = sum_i w_i sum_t C_i(s_t, a_t)

The total is one number a sample, so `unfrozen.energy.descend` follows it; the terms stay apart, so
that a decision can be explained: which of them, how much, and from which slot, edge or fact.
"""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import WorldError


class Source(NamedTuple):
    """A stored thing that a cost came from.

    Attributes:
        kind: what it is, such as "memory", "edge", "fact", "goal".
        id: which one of its kind; "others" stands for all that are not told singly.
        share: of the cost, in the cost's own unit.
    """

    kind: str
    id: int | str
    share: float


class Shares(NamedTuple):
    """The stored things of one kind that a term came from, for many rows at once.

    Attributes:
        kind: what they are.
        ids: which.
        amounts: of the term's sum over time; over all sources they add up to it.
    """

    kind: str
    ids: Sequence[int | str]
    amounts: Float[Tensor, "b source"]


class Attribution(NamedTuple):
    """A term of a plan's cost, and where it came from.

    Attributes:
        term: its name.
        amount: weighted and summed over time.
        sources: the largest first; their shares add up to the amount.
    """

    term: str
    amount: float
    sources: tuple[Source, ...]


class Scored(NamedTuple):
    """What futures cost.

    Attributes:
        total: the weighted sum of all terms over time.
        parts: each term, weighted, at each time.
    """

    total: Float[Tensor, " b"]
    parts: dict[str, Float[Tensor, "b t"]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Term(ABC):
    """One energy term of a cost.

    Where a term holds something for each of B starts (a goal [B, d]), it may be asked about any
    multiple of B rows: the first b/B rows belong to the first start, and so on, which is how the
    planners lay out their candidates.

    Attributes:
        name: by which it is told from others in a sum.
        weight: what the sum multiplies it by.
    """

    name: str
    weight: float = 1.0
    immutable: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.name:
            raise WorldError("a term of a cost has a name: give it one")
        if not math.isfinite(self.weight):
            raise WorldError(f"the weight of {self.name!r} is finite, not {self.weight}")

    @abstractmethod
    def __call__(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> Float[Tensor, "b t"]:
        """The term before it is weighted, at each time."""

    def shares(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> tuple[Shares, ...]:
        """Where the term's sum over time came from, before it is weighted.

        A term that rests on stored things overrides this; the default names the term itself.
        """
        return (Shares("term", (self.name,), self(states, actions).sum(1, keepdim=True)),)


@dataclass(frozen=True, eq=False)
class TotalCost:
    """A weighted sum of terms.

    Attributes:
        terms: of different names.

    Raises:
        WorldError: there is no term, or two have one name.

    Example:
        >>> from unfrozen.world.costs import Effort, Goal
        >>> cost = TotalCost((Goal(torch.zeros(1)), Effort(weight=0.5)))
        >>> cost(torch.tensor([[[3.0], [1.0]]]), torch.tensor([[[2.0], [0.0]]])).item()
        12.0
    """

    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        names = [term.name for term in self.terms]
        if not names:
            raise WorldError("a cost has at least one term")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise WorldError(f"two terms of a cost are called {twice[0]!r}: give each its own name")

    @property
    def weights(self) -> dict[str, float]:
        """The terms' weights by name."""
        return {term.name: term.weight for term in self.terms}

    def __call__(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> Float[Tensor, " b"]:
        """The total, one number a row."""
        total = None
        for term in self.terms:
            # What has no weight need not be known.
            if term.weight:
                part = term.weight * self._value(term, states, actions).sum(1)
                total = part if total is None else total + part
        return states.new_zeros(len(states)) if total is None else total

    def score(
        self, states: Float[Tensor, "b t d"], actions: Float[Tensor, "b t a"]
    ) -> Scored:  # fmt: skip
        """The total and its parts by name.

        Raises:
            WorldError: a term is not one number a row and time.
        """
        parts = {t.name: t.weight * self._value(t, states, actions) for t in self.terms}
        return Scored(torch.stack([part.sum(1) for part in parts.values()]).sum(0), parts)

    def reweighted(self, weights: Mapping[str, float]) -> "TotalCost":
        """The same terms, some of them weighted anew.

        Raises:
            WorldError: there is no such term, or it is immutable.
        """
        mine = {term.name: term for term in self.terms}
        for name in weights:
            if name not in mine:
                raise WorldError(f"this cost has no term {name!r}, only {', '.join(mine)}")
            if mine[name].immutable and weights[name] != mine[name].weight:
                raise WorldError(f"{name!r} is an intrinsic cost: its weight cannot be changed")
        return TotalCost(
            tuple(
                dataclasses.replace(term, weight=weights.get(term.name, term.weight))
                for term in self.terms
            )
        )

    @torch.no_grad()
    def attribute(
        self,
        states: Float[Tensor, "b t d"],
        actions: Float[Tensor, "b t a"],
        most: int = 8,
    ) -> list[tuple[Attribution, ...]]:
        """For each row, which term cost how much, and from which stored things.

        Args:
            states: of the chosen plans.
            actions: theirs.
            most: so many sources of a kind are told singly, the rest as "others".

        Returns:
            A tuple a row, the terms in their order; amounts add up to the total and shares to
            their amounts, up to rounding.
        """
        rows: list[list[Attribution]] = [[] for _ in states]
        for term in self.terms:
            told = [
                shares._replace(amounts=term.weight * shares.amounts)
                for shares in term.shares(states, actions)
            ]
            for row, list_of in enumerate(rows):
                sources = [s for shares in told for s in _largest(shares, row, most)]
                sources.sort(key=lambda s: -abs(s.share))
                amount = sum(float(shares.amounts[row].sum()) for shares in told)
                list_of.append(Attribution(term.name, amount, tuple(sources)))
        return [tuple(row) for row in rows]

    @staticmethod
    def _value(term: Term, states: Tensor, actions: Tensor) -> Tensor:
        found = term(states, actions)
        if found.shape != states.shape[:2]:
            raise WorldError(
                f"the term {term.name!r} is one number a row and time, {list(states.shape[:2])}, "
                f"not a tensor of shape {list(found.shape)}"
            )
        return found


def per_start(
    value: Float[Tensor, "*starts d"], states: Float[Tensor, "b t d"], what: str
) -> Float[Tensor, "#b #t d"]:
    """What is held for all starts or for each, laid beside rows of candidates; see `Term`.

    Raises:
        WorldError: it does not fit the rows or has another width.
    """
    b, _, d = states.shape
    if value.ndim not in (1, 2) or value.shape[-1] != d:
        raise WorldError(
            f"{what} has the width {d} of the states, [d] or [starts, d]: {list(value.shape)}"
        )
    if value.ndim == 1:
        return value[None, None]
    if len(value) == 0 or b % len(value):
        raise WorldError(f"{what} is there for {len(value)} starts, which do not share {b} rows")
    return value.repeat_interleave(b // len(value), 0)[:, None]


def _largest(shares: Shares, row: int, most: int) -> list[Source]:
    amounts = shares.amounts[row]
    order = amounts.abs().argsort(descending=True, stable=True)[:most].tolist()
    told = [Source(shares.kind, shares.ids[i], float(amounts[i])) for i in order if amounts[i] != 0]
    rest = float(amounts.sum()) - sum(source.share for source in told)
    if len(amounts) > most and rest:
        told.append(Source(shares.kind, "others", rest))
    return told
