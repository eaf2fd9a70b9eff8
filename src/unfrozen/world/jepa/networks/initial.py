"""Parameters drawn from a generator, which constructors of torch leave to the global one."""

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from unfrozen.errors import WorldError

M = TypeVar("M", bound=nn.Module)


def drawn(make: Callable[[], M], generator: torch.Generator | None) -> M:
    """A module whose parameters a generator draws, as torch would have drawn them.

    Args:
        make: the module, of linear maps, convolutions, GRU cells, embeddings and norms; a module
            of its own kind says with an attribute `positional` that its parameters are normal,
            and how widely.
        generator: draws; a new one of seed 0 by default.

    Raises:
        WorldError: a part of the module is of a kind that is not known here.

    Example:
        >>> one, same = (drawn(lambda: nn.Linear(2, 2), None) for _ in range(2))
        >>> torch.equal(one.weight, same.weight)
        True
    """
    generator = generator or torch.Generator().manual_seed(0)
    # On this device there is nothing to be drawn, so the global generator stays where it is.
    with torch.device("meta"):
        module = make()
    for part in module.modules():
        # As `to_empty` does, for which torch imports five hundred modules.
        for name, parameter in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(torch.empty(parameter.shape, dtype=parameter.dtype)))
        for name, buffer in part.named_buffers(recurse=False):
            setattr(part, name, torch.empty(buffer.shape, dtype=buffer.dtype))
        _draw(part, generator)
    return module


@torch.no_grad()
def _draw(part: nn.Module, generator: torch.Generator) -> None:
    own = list(part.parameters(recurse=False))
    if isinstance(part, nn.Linear | nn.Conv2d):
        bound = 1 / math.sqrt(part.weight[0].numel())
    elif isinstance(part, nn.GRUCell):
        bound = 1 / math.sqrt(part.hidden_size)
    elif isinstance(part, nn.LayerNorm | nn.BatchNorm1d):
        part.reset_parameters()
        return
    elif isinstance(part, nn.Embedding) or hasattr(part, "positional"):
        spread = float(getattr(part, "positional", 1.0))
        for parameter in own:
            parameter.normal_(std=spread, generator=generator)
        return
    elif own or any(True for _ in part.buffers(recurse=False)):
        raise WorldError(f"how a {type(part).__name__} begins is not known: draw it yourself")
    else:
        return
    for parameter in own:
        parameter.uniform_(-bound, bound, generator=generator)
