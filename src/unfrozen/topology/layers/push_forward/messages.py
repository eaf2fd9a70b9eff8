"""Messages: what neighbours send is any function, and what arrives is summed, averaged or sifted.

Source: Hajij et al. 2022, definition of push-forward, k_y = AGG over x of alpha(h_x), and of
higher-order message passing, m_xy = alpha(h_x, h_y).
"""

from collections.abc import Callable, Mapping
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, Neighbourhood, Relation, identity
from unfrozen.topology.layers.combining import Function, width_after
from unfrozen.topology.layers.layer import PushForward, check_choice

Aggregate = Literal["sum", "mean", "max", "min"]
Message = Callable[[Tensor], Tensor]
PairMessage = Callable[[Tensor, Tensor], Tensor]


class Messages(PushForward):
    """What cells send to those that hear of them, and these put together.

    Args:
        relation: who hears of whom.
        message: alpha(h_source), a function or module of [cell, feature]; by default features are
            sent as they are.
        aggregate: "sum", "mean", "max" or "min" of what arrives, feature by feature; 0 where
            nothing does.  Values of a signed relation multiply messages.
        width: features that are read; any by default.

    Raises:
        TopologyError: the message does not take so many features, or messages are not put together
            in this way.

    Example:
        >>> import torch
        >>> from unfrozen.topology.complex import Complex, incidence
        >>> path = Complex({1: [[0, 1], [1, 2]]})
        >>> Messages(incidence(0, 1).T, aggregate="max")({0: torch.eye(3)}, path)[1]
        tensor([[1., 1., 0.],
                [0., 1., 1.]])
    """

    def __init__(
        self,
        relation: Relation,
        message: Message | None = None,
        *,
        aggregate: Aggregate = "sum",
        width: int | None = None,
    ) -> None:
        after = width if message is None else width_after(message, width, relation.source)
        super().__init__(relation, {relation.source: width}, after)
        check_choice("how messages are put together", aggregate, Aggregate)
        self.aggregate: Aggregate = aggregate
        self.message = _module(message)

    @property
    def note(self) -> str:
        """How messages are put together."""
        return "as it is" if self.relation.kind == "identity" else f"{self.aggregate} of messages"

    def forward(
        self, cochains: Mapping[int, Float[Tensor, "_ _"]], complex_: Complex
    ) -> dict[int, Float[Tensor, "_ _"]]:
        """See `Layer.forward`."""
        x = self.read(cochains, self.relation.source)
        sent = x if self.message is None else self.message(x)
        if self.relation.kind == "identity":
            return {self.relation.target: sent}
        near = complex_.neighbourhood(self.relation)
        return {self.relation.target: _aggregated(near, sent, self.aggregate)}


class PairMessages(PushForward):
    """Messages that depend on who sends and on who hears: m_xy = alpha(h_x, h_y).

    They are made for each entry of the neighbourhood, so that memory grows with entries times
    features; `Messages` and `Attention` do without.

    Args:
        relation: who hears of whom.
        message: alpha(h_target, h_source), a function or module of two [entry, feature].
        widths: features that are read, of the target and of the source; any by default.
        width_out: features of a message, where it is known.
        aggregate: see `Messages`.
    """

    def __init__(
        self,
        relation: Relation,
        message: PairMessage,
        *,
        widths: tuple[int, int] | None = None,
        width_out: int | None = None,
        aggregate: Aggregate = "sum",
    ) -> None:
        of_target, of_source = widths or (None, None)
        if relation.source == relation.target and of_target != of_source:
            raise TopologyError(f"{relation} stays in its rank, whose features are {of_source}")
        reads = {relation.target: of_target, relation.source: of_source}
        super().__init__(relation, reads, width_out)
        check_choice("how messages are put together", aggregate, Aggregate)
        self.aggregate: Aggregate = aggregate
        self.message = _module(message)

    @property
    def note(self) -> str:
        """How messages are put together."""
        return f"{self.aggregate} of messages between pairs"

    def forward(
        self, cochains: Mapping[int, Float[Tensor, "_ _"]], complex_: Complex
    ) -> dict[int, Float[Tensor, "_ _"]]:
        """See `Layer.forward`."""
        near = complex_.neighbourhood(self.relation)
        x = self.read(cochains, self.relation.source)
        y = self.read(cochains, self.relation.target)
        assert self.message is not None
        sent = self.message(near.spread(y), near.spread(x, by="column"))
        if sent.ndim != 2 or len(sent) != len(near):
            raise TopologyError(
                f"messages along {self.relation} are {list(sent.shape)}, and [entry, feature] of "
                f"{len(near)} entries are asked for"
            )
        if self.writes[self.relation.target] not in (None, sent.shape[1]):
            raise TopologyError(
                f"messages along {self.relation} have {sent.shape[1]} features, not "
                f"{self.writes[self.relation.target]}"
            )
        own = near.weights(sent.dtype)
        sent = sent if own is None else sent * own[:, None]
        return {self.relation.target: _aggregated(near.entries, sent, self.aggregate)}


def skip(rank: int, width: int | None = None) -> Messages:
    """A cochain as it is, to be merged with others.

    Args:
        rank: of the cochain.
        width: its features; any by default.
    """
    return Messages(identity(rank), width=width)


def _module(message: Callable[..., Tensor] | None) -> nn.Module | None:
    if message is None or isinstance(message, nn.Module):
        return message
    return Function(message)


def _aggregated(
    near: Neighbourhood, sent: Float[Tensor, "source feature"], how: Aggregate
) -> Float[Tensor, "target feature"]:
    """What arrives at each row."""
    ways = {"sum": near.sum, "mean": near.mean, "max": near.max, "min": near.min}
    return ways[how](sent)
