"""A probe of a transformer block: what its linear maps do to two rows that differ in one token."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unfrozen.errors import ModelError

# An input "hears" another position above this fraction of its own size: far above rounding, far
# below what one of four attended tokens contributes.
_HEARS = 1e-5
_PROBE_TOKENS = 4


@dataclass(frozen=True)
class LinearCall:
    """A call of a linear map inside the probed block.

    Attributes:
        name: its name in the block.
        transposed: whether its weight is stored [in, out].
        hears: whether its input at the last position depends on an earlier token.
        out_width: number of features it puts out.
    """

    name: str
    transposed: bool
    hears: bool
    out_width: int


@dataclass(frozen=True)
class Probed:
    """What a probe of a block showed.

    Attributes:
        calls: its linear maps, in order of call.
        width: of the residual stream.
        returns_tuple: whether the block returns a tuple with its hidden state first.
    """

    calls: list[LinearCall]
    width: int
    returns_tuple: bool

    @property
    def transposed(self) -> dict[str, bool]:
        """Which weights are stored [in, out], by name."""
        return {c.name: c.transposed for c in self.calls}


def first_tensor(output: object) -> Tensor:
    """The hidden state of what a block returned: a tensor, or the first of a tuple."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        return output[0]
    raise ModelError(f"a block returned {type(output).__name__}, not a hidden state")


def with_first_tensor(output: object, state: Tensor) -> object:
    """What a block returned, with its hidden state replaced."""
    if isinstance(output, Tensor):
        return state
    assert isinstance(output, tuple | list)
    return (state, *output[1:])


@contextmanager
def hooked(handles: list[torch.utils.hooks.RemovableHandle]) -> Iterator[None]:
    """Remove the hooks when the block ends, however it ends."""
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def linear_calls(model: nn.Module, vocabulary: int, block: nn.Module) -> Probed:
    """Find the linear maps of a block by comparing their outputs with ``x W^T + b``.

    Args:
        model: the model the block belongs to.
        vocabulary: how many tokens it knows.
        block: the block.
    """
    calls: list[LinearCall] = []
    widths: list[int] = []
    tuples: list[bool] = []

    def on_linear(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[object, ...], output: object) -> None:
            if not (args and isinstance(args[0], Tensor) and isinstance(output, Tensor)):
                return
            x, y = args[0], output
            transposed = _is_linear(module, x, y)
            if transposed is None:
                return
            # Some models flatten batch and time before their MLP.
            last = x.reshape(2, -1, x.shape[-1])[:, -1].float()
            gap = (last[0] - last[1]).abs().max()
            calls.append(
                LinearCall(name, transposed, bool(gap > _HEARS * last.abs().max()), y.shape[-1])
            )

        return hook

    def on_block(module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        widths.append(first_tensor(args[0] if args else kwargs.get("hidden_states")).shape[-1])

    def after_block(module: nn.Module, args: object, output: object) -> None:
        tuples.append(not isinstance(output, Tensor))

    handles = [
        block.register_forward_pre_hook(on_block, with_kwargs=True),
        block.register_forward_hook(after_block),
    ]
    for name, module in block.named_modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and weight.ndim == 2:
            handles.append(module.register_forward_hook(on_linear(name)))
    with hooked(handles):
        _run(model, vocabulary)
    return Probed(calls, widths[0], tuples[0])


def _is_linear(module: nn.Module, x: Tensor, y: Tensor) -> bool | None:
    """Whether the weight is stored transposed; None when the module is no linear map."""
    weight, bias = module.weight, getattr(module, "bias", None)
    if not isinstance(weight, Tensor):
        return None
    for transposed in (False, True):
        w = weight.T if transposed else weight
        if w.shape != (y.shape[-1], x.shape[-1]):
            continue
        expected = nn.functional.linear(x, w, bias if isinstance(bias, Tensor) else None)
        if torch.allclose(expected, y, rtol=1e-3, atol=1e-3 * float(y.abs().max())):
            return transposed
    return None


def identity_without(
    model: nn.Module, vocabulary: int, writers: Sequence[tuple[nn.Module, Sequence[nn.Module]]]
) -> bool:
    """Whether blocks leave their input unchanged once some of their modules put out zero.

    Args:
        model: the model they belong to.
        vocabulary: how many tokens it knows.
        writers: each block with the modules to silence in it.
    """
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []

    def silence(module: nn.Module, args: object, output: Tensor) -> Tensor:
        return torch.zeros_like(output)

    def enter(module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        inputs.append(first_tensor(args[0] if args else kwargs.get("hidden_states")))

    def leave(module: nn.Module, args: object, output: object) -> None:
        outputs.append(first_tensor(output))

    handles = []
    for block, silenced in writers:
        handles += [module.register_forward_hook(silence) for module in silenced]
        handles.append(block.register_forward_pre_hook(enter, with_kwargs=True))
        handles.append(block.register_forward_hook(leave))
    with hooked(handles):
        _run(model, vocabulary)
    return all(
        torch.allclose(a, b, rtol=1e-4, atol=1e-4 * float(a.abs().max()))
        for a, b in zip(inputs, outputs, strict=True)
    )


def _run(model: nn.Module, vocabulary: int) -> None:
    """Run two rows of tokens that differ in their first token only."""
    parameter = next(model.parameters())
    if parameter.device.type == "meta":
        raise ModelError("a model on the meta device has no values to find its parts by; load it")
    row = (
        torch.arange(1, _PROBE_TOKENS + 1, device=parameter.device) * (vocabulary // 7) % vocabulary
    )
    other = row.clone()
    other[0] = (row[0] + vocabulary // 2) % vocabulary
    model(input_ids=torch.stack([row, other]), use_cache=False)
