"""How large the features are that linear maps read, so that adapters can be moved evenly.

A few features of a language model are a hundred times larger than the others.  Noise in the columns
of A that read them drowns what all other columns say of the loss, so that a step along noise learns
next to nothing of these.  A column that is divided by the size of what it reads counts as the
others do: the diagonal of the Gauss-Newton matrix by input feature, E[x²], as a preconditioner,
which costs a few forward passes before the first step and none after.  Sizes are rounded to powers
of two: a byte for each feature is all that a run has to keep.

Source: Zhao et al. 2024 (HiZOO), whose diagonal of the Hessian is measured at every step by a third
forward pass; Martens and Grosse 2015, section 3, for the factor of the input.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int8
from torch import Tensor, nn

from unfrozen.errors import WorkspaceError
from unfrozen.language.architecture.probe import hooked
from unfrozen.language.model import LanguageModel
from unfrozen.workspace.tuning.lora import Adapter, linear_modules

_TEXTS = 64
_LARGEST = 12

Exponents = Mapping[str, Int8[Tensor, " columns"]]
"""Name of A -> log2 of the size of each feature that it reads, next to the median one's."""


@torch.no_grad()
def exponents(
    lm: LanguageModel, adapter: Adapter, texts: Sequence[Sequence[int]]
) -> dict[str, Int8[Tensor, " columns"]]:
    """Measure them where adapters shall stand, on some texts.

    The first token of a text is left out: models park numbers there that no later token sees.

    Args:
        lm: as it is before the first step.
        adapter: that shall be beside it.
        texts: tokens; of more than 64 the first 64 are read.

    Raises:
        ModelError: there are no such modules.
        WorkspaceError: no text has two tokens.
    """
    modules = linear_modules(lm.model, adapter.targets, adapter.first)
    sums = {
        name: torch.zeros(module.in_features, device=module.weight.device)
        for name, module in modules.items()
    }
    read = [text for text in texts if len(text) > 1][:_TEXTS]
    if not read:
        raise WorkspaceError("no text has two tokens to measure what adapters read: give longer")
    handles = [
        module.register_forward_pre_hook(_adding(sums[name])) for name, module in modules.items()
    ]
    with hooked(handles):
        for text in read:
            lm.run(torch.tensor([list(text)], device=lm.device), read="last")
    return {f"{name}.weight.A": _rounded(total) for name, total in sums.items()}


def pack(found: Exponents) -> Int8[Tensor, " all_columns"]:
    """All of them in a row, by name."""
    return torch.cat([found[name].cpu() for name in sorted(found)])


def unpack(
    data: Int8[Tensor, " all_columns"], columns: Mapping[str, int]
) -> dict[str, Int8[Tensor, " columns"]]:
    """The same back.

    Args:
        data: from `pack`.
        columns: of each A by name.

    Raises:
        WorkspaceError: there are too few or too many.
    """
    names = sorted(columns)
    if sum(columns.values()) != len(data):
        raise WorkspaceError(
            f"{len(data)} sizes of features are not the {sum(columns.values())} that adapters read"
        )
    parts = data.split([columns[name] for name in names])
    return dict(zip(names, parts, strict=True))


def _adding(total: Float[Tensor, " columns"]):
    def hook(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        total.add_(args[0].detach()[:, 1:].float().square().sum((0, 1)))

    return hook


def _rounded(total: Float[Tensor, " columns"]) -> Int8[Tensor, " columns"]:
    size = total.sqrt()
    middle = size.median()
    if not bool(middle > 0):
        return torch.zeros_like(total, dtype=torch.int8)
    found = (size / middle).clamp(min=2.0**-_LARGEST).log2().round()
    return found.clamp(-_LARGEST, _LARGEST).to(torch.int8)
