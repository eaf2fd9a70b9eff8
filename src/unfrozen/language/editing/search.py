"""The values that make a model say new objects, found by gradient for many facts at once.

ROME adds a value to an MLP's output (Meng et al. 2022, eq. 4), MEMIT to the output of the last
block that it edits (Meng et al. 2023, eq. 16); the search is the same.  Facts do not meet: each has
its own loss, its own bound and its own end, so a batch finds what each fact alone would find.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.errors import ModelError
from unfrozen.language.editing.contexts import Contexts
from unfrozen.language.model import LanguageModel

# Contexts are copied when facts leave, so not for every one that does.
_LEFT = 0.9
# What lets a processor multiply bfloat16 at twice the speed of float32 and more.
_FAST = ("amx_tile", "avx512_bf16")


@runtime_checkable
class SearchSettings(Protocol):
    """What a search needs to be told; see `RomeSettings`."""

    @property
    def steps(self) -> int:
        """Most steps."""
        ...

    @property
    def learning_rate(self) -> float:
        """Of Adam."""
        ...

    @property
    def weight_decay(self) -> float:
        """Weight of ``|delta| / |v|^2``."""
        ...

    @property
    def kl(self) -> float:
        """Weight of the divergence at the essence prompt."""
        ...

    @property
    def clamp(self) -> float:
        """Largest ``|delta|`` in units of ``|v|``."""
        ...

    @property
    def confidence(self) -> float:
        """Probability of the target, mean over contexts, at which a fact is done."""
        ...


@dataclass(frozen=True)
class Values:
    """What was found for some facts.

    Attributes:
        delta: what to add to the site's output.
        start: the site's output under the plain prompt.
        probability: of the target, mean over contexts, at the end.
        before: the same before.
        divergence: from the base at the essence prompt, in nats.
        steps: gradient steps taken.
    """

    delta: Float[Tensor, "fact value"]
    start: Float[Tensor, "fact value"]
    probability: Float[Tensor, " fact"]
    before: Float[Tensor, " fact"]
    divergence: Float[Tensor, " fact"]
    steps: Int[Tensor, " fact"]

    @property
    def target(self) -> Float[Tensor, "fact value"]:
        """What the site shall put out: z in MEMIT."""
        return self.start + self.delta

    @staticmethod
    def concatenate(parts: "list[Values]") -> "Values":
        """Of several batches, one after another."""
        names = ("delta", "start", "probability", "before", "divergence", "steps")
        return Values(**{n: torch.cat([getattr(p, n) for p in parts]) for n in names})

    def at(self, facts: Int[Tensor, " chosen"]) -> "Values":
        """Those of some facts, in their order."""
        names = ("delta", "start", "probability", "before", "divergence", "steps")
        return Values(**{n: getattr(self, n)[facts] for n in names})


def search_values(
    lm: LanguageModel,
    contexts: Contexts,
    settings: SearchSettings,
    progress: Callable[[int], None] | None = None,
) -> Values:
    """Find what to add at each subject's last token so that the model says the new object.

    The loss of a fact is the mean negative log-probability of its target over contexts, plus
    ``kl`` times the divergence of the model from itself before at the essence prompt, plus
    ``weight_decay |delta| / |v|^2``; Adam's steps are followed by a projection to
    ``|delta| <= clamp |v|``.  A fact whose target is likely enough leaves the batch.

    Args:
        lm: the model.
        contexts: the facts' prompts, run.
        settings: how.
        progress: called with the number of facts that are done, whenever one is.

    Returns:
        A value a fact.

    Raises:
        ModelError: a loss is not finite.

    Source: Meng et al. 2022, equation 4; Meng et al. 2023, equation 16.
    """
    start = contexts.plain_values.float()
    n, norm = len(start), start.norm(dim=1)
    delta = torch.zeros_like(start)
    first, second = torch.zeros_like(start), torch.zeros_like(start)
    probability, before, divergence = (torch.zeros(n, device=start.device) for _ in range(3))
    steps = torch.zeros(n, dtype=torch.long, device=start.device)
    essence: Tensor | None = None
    active = torch.arange(n, device=start.device)  # the facts searched for
    inside = active  # those that the contexts hold
    for step in range(settings.steps + 1):
        here = torch.isin(inside, active)
        moving = delta[inside].requires_grad_()
        with torch.set_grad_enabled(step < settings.steps):
            said, now = contexts.log_probabilities(lm, moving)
            essence = now.detach() if essence is None else essence
            # Of the edited model's distribution from the base's, as in the papers' equations.
            kl = (now.exp() * (now - essence)).sum(1)
            each = said.reshape(-1, contexts.each, said.shape[1])
            count = contexts.counted.reshape(each.shape)[:, 0].sum(1)
            loss = -(each.sum(2) / count[:, None]).mean(1) + settings.kl * kl
            loss = loss + settings.weight_decay * _norm(moving) / norm[inside] ** 2
        likely = each.detach().sum(2).exp().mean(1)
        if not bool(torch.isfinite(loss.detach()[here]).all()):
            raise ModelError(f"{lm.name}: the loss is not finite at layer {contexts.layer}")
        if step == 0:
            before = likely
        probability[inside[here]] = likely[here]
        divergence[inside[here]] = kl.detach()[here]
        steps[inside[here]] = step
        active = inside[here & (likely < settings.confidence)]
        if progress is not None:
            progress(n - len(active))
        if step == settings.steps or len(active) == 0:
            break
        (gradient,) = torch.autograd.grad(loss.sum(), moving)
        ours = torch.isin(inside, active)
        # Adam (Kingma and Ba 2015), with the usual constants.
        g = gradient[ours]
        first[active] = 0.9 * first[active] + 0.1 * g
        second[active] = 0.999 * second[active] + 0.001 * g**2
        mean = first[active] / (1 - 0.9 ** (step + 1))
        spread = (second[active] / (1 - 0.999 ** (step + 1))).sqrt()
        moved = delta[active] - settings.learning_rate * mean / (spread + 1e-8)
        scale = settings.clamp * norm[active] / moved.norm(dim=1).clamp(min=1e-30)
        delta[active] = moved * scale.clamp(max=1)[:, None]
        if len(active) < _LEFT * len(inside):
            places = torch.nonzero(ours)[:, 0]
            contexts, essence, inside = contexts.of(places), essence[places], active
    if progress is not None:
        progress(n)
    return Values(delta, start, probability, before, divergence, steps)


def search_precision(lm: LanguageModel) -> torch.dtype:
    """The precision to search in: the model's, or bfloat16 where the processor multiplies it fast.

    A gradient in bfloat16 points where the one in float32 does (their cosine is above 0.999), and
    Adam's steps have the size of the learning rate whatever the gradient's.
    """
    if lm.dtype != torch.float32:
        return lm.dtype
    if lm.device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else lm.dtype
    if lm.device.type != "cpu":
        return lm.dtype
    asked = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in _FAST)
    return torch.bfloat16 if any(ask is not None and ask() for ask in asked) else lm.dtype


def in_precision(lm: LanguageModel, dtype: torch.dtype) -> LanguageModel:
    """A copy of a model in another precision."""
    model = copy.deepcopy(lm.model)
    torch.nn.Module.to(model, dtype=dtype)
    return LanguageModel(model, lm.tokenizer, lm.name, check=False)


def _norm(x: Float[Tensor, "fact value"]) -> Float[Tensor, " fact"]:
    """Norms whose gradient at zero is zero."""
    return torch.linalg.vector_norm(x, dim=1)
