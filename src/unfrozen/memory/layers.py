"""Hopfield networks as layers: associate two sets, pool over a learned query, look patterns up.

Z = softmax(beta R W_Q (Y W_K)^T) Y W_V.  With one step and beta = 1/sqrt(d) this is the attention
of a transformer; with more steps the states R W_Q fall further towards the patterns Y W_K before
the values are read.  The three layers differ in what is learned: nothing but the maps, the states,
or the patterns (Ramsauer et al. 2021, section 3).
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from unfrozen.errors import MemoryShapeError
from unfrozen.memory.separation import SOFTMAX, entmax

MAX_STEPS = 100


def associate(
    states: Float[Tensor, "*batch state feature"],
    patterns: Float[Tensor, "*batch pattern feature"],
    values: Float[Tensor, "*batch pattern value"],
    beta: float | Tensor,
    *,
    steps: int | None = 1,
    tolerance: float = 0.0,
    alpha: float = SOFTMAX,
    mask: Float[Tensor, "*#batch #state pattern"] | None = None,
) -> tuple[Float[Tensor, "*batch state value"], Float[Tensor, "*batch state pattern"]]:
    """Let states fall towards patterns, and read values where they are.

    Args:
        states: xi, one a row.
        patterns: X, one a row.
        values: what is read in their place in the last step.
        beta: inverse temperature: a number, or a tensor that broadcasts over [batch, state, 1].
        steps: updates, the last of which reads; None to go on until every state rests.
        tolerance: a state that an update moves by less than this rests.
        alpha: 1 for softmax, 2 for sparsemax: see `unfrozen.memory.separation`.
        mask: added to the scores; minus infinity forbids.

    Returns:
        What is read, and by which weights.  A state that may see no pattern reads zero.

    Raises:
        MemoryShapeError: steps are not positive, or the tolerance is negative.

    Source: Ramsauer et al. 2021, equations 3 and 10.
    """
    if (steps is not None and steps < 1) or tolerance < 0:
        raise MemoryShapeError("a layer takes at least one step and no negative tolerance")
    blind = None if mask is None else (mask == -math.inf).all(-1, keepdim=True)
    # A row of nothing but minus infinity has no softmax: let it see, and unsee what it saw.
    seen = mask if mask is None or blind is None else mask.masked_fill(blind, 0.0)

    def weigh(x: Tensor) -> Tensor:
        scores = beta * x @ patterns.transpose(-2, -1)
        return entmax(scores if seen is None else scores + seen, alpha)

    moving = torch.ones_like(states[..., :1], dtype=torch.bool)
    for _ in range((MAX_STEPS if steps is None else steps) - 1):
        moved = weigh(states) @ patterns
        still = (moved - states).detach().norm(dim=-1, keepdim=True) > tolerance
        states = torch.where(moving, moved, states)
        moving = moving & still
        # Asking for values breaks a compiled graph, so a fixed number of steps does not ask.
        if steps is None and not bool(moving.any()):
            break
    weights = weigh(states)
    if blind is not None:
        weights = weights.masked_fill(blind, 0.0)
    return weights @ values, weights


class Hopfield(nn.Module):
    """Associates a set of states with a set of stored patterns.

    Args:
        state_width: features of a state.
        stored_width: features of a stored pattern; those of a state by default.
        output_width: features of what is read; those of a state by default.
        heads: number of networks side by side.
        head_width: features of a head's states and patterns; ``state_width / heads`` by default.
        value_width: features of a head's values; ``head_width`` by default.
        beta: inverse temperature; ``1 / sqrt(head_width)`` by default.
        learn_beta: whether each head learns its own.
        steps: updates; 1 is attention, None goes on until every state rests.
        tolerance: of resting.
        alpha: 1 for softmax, 2 for sparsemax.
        normalise: whether states and stored patterns are put through a LayerNorm first, as in the
            paper's layers.
        bias: whether the maps have one.
        dropout: of the weights, while training.
        device: as for any module.
        dtype: as for any module.

    Raises:
        MemoryShapeError: a width or number is not positive, or heads do not divide the width.

    Source: Ramsauer et al. 2021, section 3 and equation 10.

    Example:
        >>> layer = Hopfield(8, stored_width=5, heads=2)
        >>> layer(torch.zeros(3, 7, 5), torch.zeros(3, 2, 8)).shape
        torch.Size([3, 2, 8])
    """

    def __init__(
        self,
        state_width: int,
        stored_width: int | None = None,
        output_width: int | None = None,
        *,
        heads: int = 1,
        head_width: int | None = None,
        value_width: int | None = None,
        beta: float | None = None,
        learn_beta: bool = False,
        steps: int | None = 1,
        tolerance: float = 0.0,
        alpha: float = SOFTMAX,
        normalise: bool = False,
        bias: bool = True,
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        stored_width = state_width if stored_width is None else stored_width
        output_width = state_width if output_width is None else output_width
        if head_width is None and heads > 0 and state_width % heads:
            raise MemoryShapeError(
                f"{heads} heads do not divide {state_width} features: give head_width"
            )
        head_width = state_width // max(heads, 1) if head_width is None else head_width
        value_width = head_width if value_width is None else value_width
        sizes = (state_width, stored_width, output_width, heads, head_width, value_width)
        if min(sizes) < 1 or (steps is not None and steps < 1) or not 0 <= dropout < 1:
            raise MemoryShapeError(
                "a layer takes positive widths, heads and steps, and a dropout in [0, 1)"
            )
        beta = 1 / math.sqrt(head_width) if beta is None else beta
        if not 0 < beta < math.inf or not 1 <= alpha < math.inf:
            raise MemoryShapeError(
                f"beta must be positive and alpha from 1 up, not {beta}, {alpha}"
            )
        self.heads, self.head_width, self.value_width = heads, head_width, value_width
        self.steps, self.tolerance, self.alpha, self.dropout = steps, tolerance, alpha, dropout
        where = {"device": device, "dtype": dtype}
        self.state_norm = nn.LayerNorm(state_width, **where) if normalise else nn.Identity()
        self.stored_norm = nn.LayerNorm(stored_width, **where) if normalise else nn.Identity()
        self.state_map = nn.Linear(state_width, heads * head_width, bias, **where)
        self.stored_map = nn.Linear(stored_width, heads * head_width, bias, **where)
        self.value_map = nn.Linear(stored_width, heads * value_width, bias, **where)
        self.output_map = nn.Linear(heads * value_width, output_width, bias, **where)
        log_beta = torch.full((heads,), math.log(beta), **where)
        if learn_beta:
            self.log_beta = nn.Parameter(log_beta)
        else:
            self.register_buffer("log_beta", log_beta)
        for linear in (self.state_map, self.stored_map, self.value_map):
            nn.init.xavier_uniform_(linear.weight)
        for linear in (self.state_map, self.stored_map, self.value_map, self.output_map):
            if bias:
                nn.init.zeros_(linear.bias)

    @property
    def beta(self) -> Float[Tensor, " head"]:
        """Inverse temperature of each head."""
        return self.log_beta.exp()

    def forward(
        self,
        stored: Float[Tensor, "b pattern stored"],
        states: Float[Tensor, "b state feature"],
        values: Float[Tensor, "b pattern stored"] | None = None,
        *,
        padding_mask: Bool[Tensor, "b pattern"] | None = None,
        mask: Bool[Tensor, "#b state pattern"] | None = None,
    ) -> Float[Tensor, "b state output"]:
        """What the states read.

        Args:
            stored: patterns.
            states: where to start.
            values: read in the place of the patterns; the patterns themselves by default.
            padding_mask: true at patterns that are not there, as in `nn.MultiheadAttention`.
            mask: true where a state may not see a pattern.

        Raises:
            MemoryShapeError: shapes do not fit.
        """
        heads = self._split(stored, states, values)
        added = _additive(padding_mask, mask, stored, states)
        if self.alpha == SOFTMAX and self.steps == 1 and added is None:
            # Kept in blocks: no [state, pattern] matrix is made.
            query, key, value = heads
            query = query * self.beta[:, None, None].to(query)
            dropped = self.dropout if self.training else 0.0
            read = F.scaled_dot_product_attention(query, key, value, None, dropped, scale=1.0)
        else:
            read, weights = self._associate(*heads, added)
            if self.training and self.dropout:
                read = F.dropout(weights, self.dropout) @ heads[2]
        return self.output_map(read.transpose(1, 2).flatten(2))

    def associations(
        self,
        stored: Float[Tensor, "b pattern stored"],
        states: Float[Tensor, "b state feature"],
        *,
        padding_mask: Bool[Tensor, "b pattern"] | None = None,
        mask: Bool[Tensor, "#b state pattern"] | None = None,
    ) -> Float[Tensor, "b head state pattern"]:
        """The weights by which states read patterns, in their last step.

        Raises:
            MemoryShapeError: shapes do not fit.
        """
        heads = self._split(stored, states, None)
        return self._associate(*heads, _additive(padding_mask, mask, stored, states))[1]

    def _split(
        self, stored: Tensor, states: Tensor, values: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        widths = (self.stored_map.in_features, self.state_map.in_features)
        if stored.ndim != 3 or states.ndim != 3 or len(stored) != len(states):
            raise MemoryShapeError("stored patterns and states are [batch, number, features]")
        if (stored.shape[-1], states.shape[-1]) != widths:
            raise MemoryShapeError(
                f"this layer stores {widths[0]} features and takes states of {widths[1]}, not "
                f"{stored.shape[-1]} and {states.shape[-1]}"
            )
        if values is not None and values.shape != stored.shape:
            raise MemoryShapeError("there is a value of the same width for every stored pattern")
        stored, states = self.stored_norm(stored), self.state_norm(states)
        values = stored if values is None else values
        mapped = (self.state_map(states), self.stored_map(stored), self.value_map(values))
        query, key, value = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in mapped)
        return query, key, value

    def _associate(
        self, query: Tensor, key: Tensor, value: Tensor, added: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        return associate(
            query,
            key,
            value,
            self.beta[:, None, None].to(query),
            steps=self.steps,
            tolerance=self.tolerance,
            alpha=self.alpha,
            mask=added,
        )


class HopfieldPooling(nn.Module):
    """Reads a set by queries that are learned: a pooling that finds what it was taught to.

    Args:
        stored_width: features of the set's members.
        quantity: number of queries, each of which gives one output.
        output_width: features of an output; those of a member by default.
        state_width: features of a query; those of a member by default.
        options: of `Hopfield`.

    Raises:
        MemoryShapeError: as for `Hopfield`, or there are no queries.

    Source: Ramsauer et al. 2021, section 3, layer type (2).

    Example:
        >>> HopfieldPooling(5)(torch.zeros(3, 7, 5)).shape
        torch.Size([3, 1, 5])
    """

    def __init__(
        self,
        stored_width: int,
        quantity: int = 1,
        output_width: int | None = None,
        state_width: int | None = None,
        **options: object,
    ) -> None:
        super().__init__()
        if quantity < 1:
            raise MemoryShapeError(f"a pooling takes one query or more, not {quantity}")
        state_width = stored_width if state_width is None else state_width
        output_width = stored_width if output_width is None else output_width
        self.hopfield = Hopfield(state_width, stored_width, output_width, **options)  # pyright: ignore[reportArgumentType]
        like = self.hopfield.state_map.weight
        self.queries = nn.Parameter(like.new_empty(quantity, state_width))
        nn.init.normal_(self.queries, std=0.02)

    def forward(
        self,
        stored: Float[Tensor, "b pattern stored"],
        *,
        padding_mask: Bool[Tensor, "b pattern"] | None = None,
    ) -> Float[Tensor, "b quantity output"]:
        """An output a query.

        Args:
            stored: the sets.
            padding_mask: true at members that are not there.
        """
        states = self.queries.expand(len(stored), -1, -1)
        return self.hopfield(stored, states, padding_mask=padding_mask)


class HopfieldLayer(nn.Module):
    """Looks its input up among patterns that are learned, or put there: prototypes, a training set.

    Args:
        state_width: features of the input.
        quantity: number of stored patterns.
        output_width: features of what is read; those of the input by default.
        stored_width: features of a stored pattern; those of the input by default.
        separate_values: whether what is read is learned apart from what is compared with.
        options: of `Hopfield`.

    Raises:
        MemoryShapeError: as for `Hopfield`, or there are no patterns.

    Source: Ramsauer et al. 2021, section 3, layer type (3).

    Example:
        >>> HopfieldLayer(5, quantity=9)(torch.zeros(3, 7, 5)).shape
        torch.Size([3, 7, 5])
    """

    def __init__(
        self,
        state_width: int,
        quantity: int,
        output_width: int | None = None,
        stored_width: int | None = None,
        *,
        separate_values: bool = False,
        **options: object,
    ) -> None:
        super().__init__()
        if quantity < 1:
            raise MemoryShapeError(f"a lookup takes one pattern or more, not {quantity}")
        stored_width = state_width if stored_width is None else stored_width
        self.hopfield = Hopfield(state_width, stored_width, output_width, **options)  # pyright: ignore[reportArgumentType]
        like = self.hopfield.state_map.weight
        self.patterns = nn.Parameter(like.new_empty(quantity, stored_width))
        nn.init.normal_(self.patterns, std=1.0)
        self.values = nn.Parameter(torch.zeros_like(self.patterns)) if separate_values else None
        if self.values is not None:
            nn.init.normal_(self.values, std=1.0)

    def forward(
        self,
        states: Float[Tensor, "b state feature"],
        *,
        mask: Bool[Tensor, "#b state pattern"] | None = None,
    ) -> Float[Tensor, "b state output"]:
        """What the states read.

        Args:
            states: the input.
            mask: true where a state may not see a pattern.
        """
        stored = self.patterns.expand(len(states), -1, -1)
        values = None if self.values is None else self.values.expand(len(states), -1, -1)
        return self.hopfield(stored, states, values, mask=mask)


def _additive(
    padding_mask: Tensor | None, mask: Tensor | None, stored: Tensor, states: Tensor
) -> Float[Tensor, "b 1 #state pattern"] | None:
    """Both masks as one that is added to the scores; None if there is none.

    Raises:
        MemoryShapeError: a mask has another shape.
    """
    b, patterns, rows = len(stored), stored.shape[1], states.shape[1]
    if padding_mask is not None and padding_mask.shape != (b, patterns):
        raise MemoryShapeError(
            f"the padding mask is [{b}, {patterns}], one a stored pattern, not "
            f"{list(padding_mask.shape)}"
        )
    if mask is not None and mask.shape not in ((b, rows, patterns), (1, rows, patterns)):
        raise MemoryShapeError(
            f"the mask is [{b} or 1, {rows}, {patterns}], by state and pattern, not "
            f"{list(mask.shape)}"
        )
    forbidden = None if padding_mask is None else padding_mask[:, None, None, :]
    if mask is not None:
        forbidden = mask[:, None] if forbidden is None else forbidden | mask[:, None]
    if forbidden is None:
        return None
    zero = torch.zeros((), dtype=states.dtype, device=states.device)
    return torch.where(forbidden, -math.inf, zero)
