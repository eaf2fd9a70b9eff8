"""Run a model from the middle: only the layers and positions that a change can reach.

Restoring one state at (position t, layer l) leaves every position before t and every layer up to l
as they were.  So a replay skips the blocks below, reads the keys and values of the positions before
t from a run that was kept, and lets each row *join* the batch at the block where it first differs:
the batch grows as the pass goes deeper, and no block computes a row that has not changed yet.

The model's own code runs, with its own blocks; only what enters a block is replaced.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers.cache_utils import Cache, DynamicLayer

from unfrozen.errors import ModelError
from unfrozen.language.architecture.probe import first_tensor, hooked, with_first_tensor
from unfrozen.language.architecture.sites import BlockSites, Sites

Patch = Callable[[Tensor], Tensor]
"""Given the output [row, time, width] of a writer, what to put in its place."""


@dataclass(frozen=True)
class KeyValues:
    """Keys and values of every layer of a finished run: what a suffix attends to.

    Attributes:
        keys: a tensor a layer, [sample, head, time, features].
        values: likewise.
    """

    keys: tuple[Float[Tensor, "sample head time feature"], ...]
    values: tuple[Float[Tensor, "sample head time value_feature"], ...]

    @classmethod
    def of(cls, cache: object) -> "KeyValues":
        """Take them out of a Hugging Face cache.

        Raises:
            ModelError: the cache does not hold keys and values (a recurrent model).
        """
        layers = getattr(cache, "layers", None)
        keys = tuple(x for y in layers or () if isinstance(x := getattr(y, "keys", None), Tensor))
        values = tuple(
            x for y in layers or () if isinstance(x := getattr(y, "values", None), Tensor)
        )
        if not keys or not len(keys) == len(values) == len(layers or ()):
            raise ModelError(
                "the model keeps no attention keys and values, so it cannot be resumed"
            )
        return cls(keys, values)

    @classmethod
    def none(cls, n_layers: int, like: Tensor) -> "KeyValues":
        """Of no positions at all: for a replay of whole rows."""
        empty = like.new_zeros(1, 1, 0, 1)
        return cls((empty,) * n_layers, (empty,) * n_layers)

    def before(self, position: int) -> "KeyValues":
        """Those of the positions before one."""
        return KeyValues(
            tuple(k[:, :, :position] for k in self.keys),
            tuple(v[:, :, :position] for v in self.values),
        )

    @staticmethod
    def concatenate(parts: "Sequence[KeyValues]", time: int) -> "KeyValues":
        """The samples of several, aligned on the right: the last ``time`` positions of each.

        Those with fewer are filled up on the left, with what an attention mask has to hide.
        """

        def joined(kept: tuple[Tensor, ...]) -> Tensor:
            # A negative padding cuts.
            return torch.cat([pad(x, (0, 0, time - x.shape[2], 0)) for x in kept])

        keys = map(joined, zip(*(part.keys for part in parts), strict=True))
        values = map(joined, zip(*(part.values for part in parts), strict=True))
        return KeyValues(tuple(keys), tuple(values))


class _PrefixLayer(DynamicLayer):
    """A cache layer that reads a kept prefix and keeps nothing, so that it serves every pass."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()
        self.keys, self.values = keys, values
        self.prefix = (keys, values)
        self.dtype, self.device = keys.dtype, keys.device
        self.is_initialized = True
        self.rows: Tensor | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        keys, values = self.prefix
        if keys.shape[-2] == 0:
            return key_states, value_states
        if self.rows is not None:
            keys, values = keys[self.rows], values[self.rows]
        # A prefix that is tuned stays in full where the rest is read in bfloat16.
        keys, values = keys.to(key_states.dtype), values.to(value_states.dtype)
        return torch.cat([keys, key_states], dim=-2), torch.cat([values, value_states], dim=-2)


@dataclass(frozen=True)
class Joining:
    """Rows that enter a replay before one block.

    Attributes:
        states: their residual stream there, for the positions replayed.
        samples: which sample of the kept prefix each row continues.
    """

    states: Float[Tensor, "row time width"]
    samples: Int[Tensor, " row"]


def replay(
    model: nn.Module,
    sites: Sites,
    joins: Mapping[int, Joining],
    prefix: KeyValues,
    *,
    position_ids: Int[Tensor, "row_or_one time"] | None = None,
    attention_mask: Tensor | None = None,
    attention: Mapping[int, Patch] | None = None,
    mlp: Mapping[int, Patch] | None = None,
    read: Int[Tensor, "row read"] | None = None,
) -> Float[Tensor, "row read vocabulary"]:
    """Logits of rows that join a run at the block where they first differ from it.

    Args:
        model: the causal language model.
        sites: its parts.
        joins: the rows that join before block j, for each j; j = number of layers joins after the
            last block.  Rows are numbered in order of joining.
        prefix: keys and values of the positions before those replayed.
        position_ids: positions of the replayed tokens; by default they follow the prefix.
        attention_mask: which places of prefix and replay a row has [row, all_time], only where
            rows differ in prefix length.
        attention: what to put in the place of the attention output of block j.
        mlp: what to put in the place of the down-projection's output of block j.
        read: which replayed positions of each row to read; the last one by default.

    Returns:
        The logits at the positions read, one row a joined row.

    Raises:
        ModelError: nothing joined.
    """
    if not joins:
        raise ModelError("a replay needs rows")
    start, n = min(joins), sites.n_layers
    first = joins[start].states
    time, offset = first.shape[1], prefix.keys[0].shape[-2]
    if position_ids is None:
        position_ids = torch.arange(offset, offset + time, device=first.device)[None]
    layers = [_PrefixLayer(k, v) for k, v in zip(prefix.keys, prefix.values, strict=True)]
    joined = _Joined(dict(joins), layers)
    # Its values are never used: every model starts from embeddings, and the first block that is
    # not skipped has its input replaced.
    blank = first.new_zeros(position_ids.shape[0], time, sites.width)
    with ExitStack() as stack:
        for block in sites.blocks[:start]:
            stack.enter_context(_skipped(block))
        handles = []
        for j in range(start, n):
            block = sites.blocks[j].block
            handles.append(block.register_forward_pre_hook(joined.entering(j), with_kwargs=True))
            for patches, site in (
                (attention, sites.blocks[j].attention),
                (mlp, sites.blocks[j].mlp),
            ):
                if patches and j in patches:
                    handles.append(site.module.register_forward_hook(_patching(patches[j], joined)))
        last = sites.blocks[n - 1].block
        handles.append(last.register_forward_hook(joined.leaving(n)))
        handles.append(sites.head.register_forward_pre_hook(reading(read)))
        stack.enter_context(hooked(handles))
        output = model(
            inputs_embeds=blank,
            past_key_values=Cache(layers=list(layers)),
            position_ids=position_ids,
            attention_mask=attention_mask,
            use_cache=True,
        )
    return output.logits


@torch.no_grad()
def resume(
    model: nn.Module,
    sites: Sites,
    ids: Int[Tensor, "row time"],
    prefix: KeyValues,
    samples: Int[Tensor, " row"],
    read: Int[Tensor, "row read"] | None = None,
) -> Float[Tensor, "row read vocabulary"]:
    """Logits of rows of tokens that go on from samples of a kept run.

    Args:
        model: the causal language model.
        sites: its parts.
        ids: the tokens that follow.
        prefix: keys and values of what they follow, which stays as it is.
        samples: which sample of it each row goes on from.
        read: which of the tokens that follow to read at; the last one by default.
    """
    offset = prefix.keys[0].shape[-2]
    layers = [_PrefixLayer(k, v) for k, v in zip(prefix.keys, prefix.values, strict=True)]
    for layer in layers:
        layer.rows = samples
    with hooked([sites.head.register_forward_pre_hook(reading(read))]):
        output = model(
            input_ids=ids,
            past_key_values=Cache(layers=list(layers)),
            position_ids=torch.arange(offset, offset + ids.shape[1], device=ids.device)[None],
            use_cache=True,
        )
    return output.logits


class _Joined:
    """The rows in the batch so far."""

    def __init__(self, joins: dict[int, Joining], layers: list[_PrefixLayer]) -> None:
        self.joins, self.layers = joins, layers
        self.samples: Tensor | None = None
        self.shape: tuple[int, int] = (0, 0)

    def _join(self, j: int, state: Tensor) -> Tensor:
        joining = self.joins.get(j)
        if joining is not None:
            if self.samples is None:
                state, self.samples = joining.states, joining.samples
            else:
                state = torch.cat([state, joining.states])
                self.samples = torch.cat([self.samples, joining.samples])
        self.shape = (state.shape[0], state.shape[1])
        return state

    def entering(self, j: int) -> Callable[..., object]:
        def hook(module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
            if args:
                state = self._join(j, first_tensor(args[0]))
                args = (state, *args[1:])
            else:
                kwargs = {
                    **kwargs,
                    "hidden_states": self._join(j, first_tensor(kwargs["hidden_states"])),
                }
            self.layers[j].rows = self.samples
            return args, kwargs

        return hook

    def leaving(self, n: int) -> Callable[..., object]:
        def hook(module: nn.Module, args: object, output: object) -> object:
            return with_first_tensor(output, self._join(n, first_tensor(output)))

        return hook


def _patching(patch: Patch, joined: _Joined) -> Callable[..., Tensor]:
    def hook(module: nn.Module, args: object, output: Tensor) -> Tensor:
        # Some models flatten batch and time before their MLP.
        return patch(output.reshape(*joined.shape, -1)).reshape(output.shape)

    return hook


def reading(read: Int[Tensor, "row read"] | None) -> Callable[..., tuple[object, ...]]:
    """A hook before the head: the head is a fifth of a small model, so compute only what is read.

    The copy is not for show: a strided slice makes torch multiply row by row, 20 times slower.
    """

    def hook(module: nn.Module, args: tuple[object, ...]) -> tuple[object, ...]:
        state = first_tensor(args[0])
        if read is None:
            return (state[:, -1:].contiguous(), *args[1:])
        rows = torch.arange(state.shape[0], device=state.device)[:, None]
        return (state[rows, read.to(state.device)], *args[1:])

    return hook


@contextmanager
def _skipped(sites: BlockSites) -> Iterator[None]:
    """Make a block hand on what it is given; an instance's `forward` goes before its class's."""

    def forward(hidden_states: Tensor, *args: object, **kwargs: object) -> object:
        return (hidden_states, None) if sites.returns_tuple else hidden_states

    sites.block.forward = forward
    try:
        yield
    finally:
        del sites.block.forward
