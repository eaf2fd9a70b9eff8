"""How far what a model says next has moved, on prompts that no edit is about."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unfrozen.errors import FactError
from unfrozen.language.editing.prompts import pad
from unfrozen.language.model import LanguageModel

UNBOUNDED = 1e9
"""What a divergence is that has no bound, or that a broken model leaves undefined."""

_ROWS = 64


class Drift(NamedTuple):
    """How far the next-token distributions of prompts have moved.

    Attributes:
        divergence: KL(base || now) a prompt, in nats.
        same_first: whether the likeliest token is the same, a prompt.
    """

    divergence: Float[Tensor, " prompt"]
    same_first: Bool[Tensor, " prompt"]

    @property
    def mean(self) -> float:
        """Mean divergence."""
        return float(self.divergence.mean())

    @property
    def largest(self) -> float:
        """Largest divergence."""
        return float(self.divergence.max())

    @property
    def agreement(self) -> float:
        """Share of prompts whose likeliest next token is the same."""
        return float(self.same_first.double().mean())


@torch.no_grad()
def next_logs(lm: LanguageModel, prompts: Sequence[str]) -> Float[Tensor, "prompt vocabulary"]:
    """Log-probabilities of the next token after each prompt.

    Of the base model they are computed once, and kept to compare its edited states with.

    Args:
        lm: the model, as it is now.
        prompts: each its own.

    Raises:
        FactError: there are none.
    """
    if not prompts:
        raise FactError("there are no prompts to compare: give one at least")
    rows = [lm.encode(prompt)[0].tolist() for prompt in prompts]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    found: list[Tensor] = [torch.empty(0)] * len(rows)
    for at in range(0, len(order), _ROWS):
        part = [rows[i] for i in order[at : at + _ROWS]]
        last = torch.tensor([[len(row) - 1] for row in part], device=lm.device)
        logits = lm.run(pad(part, lm.device), read=last).logits
        assert logits is not None
        logs = logits[:, 0].float().log_softmax(-1)
        for place, row in zip(order[at : at + _ROWS], logs, strict=True):
            found[place] = row
    return torch.stack(found)


def divergences(
    base: Float[Tensor, "prompt vocabulary"], now: Float[Tensor, "prompt vocabulary"]
) -> Float[Tensor, " prompt"]:
    """KL(base || now) of each prompt, in nats; `UNBOUNDED` where it is not finite.

    Args:
        base: log-probabilities of the base model.
        now: log-probabilities of the model as it is.

    Example:
        >>> half = torch.tensor([[0.5, 0.5]]).log()
        >>> float(divergences(half, torch.tensor([[0.25, 0.75]]).log())[0].round(decimals=4))
        0.1438
    """
    base, now = base.double(), now.double()
    # What the base never says counts for nothing, whatever the model makes of it.
    terms = torch.where(base.exp() > 0, base.exp() * (base - now), 0.0)
    return terms.sum(-1).nan_to_num(UNBOUNDED, UNBOUNDED, UNBOUNDED).clamp(0.0, UNBOUNDED)


def drift(
    base: Float[Tensor, "prompt vocabulary"], now: Float[Tensor, "prompt vocabulary"]
) -> Drift:
    """How far the distributions of prompts have moved from the base's.

    Args:
        base: log-probabilities of the base model, of `next_logs`.
        now: log-probabilities of the model as it is, of the same prompts.
    """
    return Drift(divergences(base, now), base.argmax(-1) == now.argmax(-1))
