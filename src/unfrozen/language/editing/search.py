"""The values that make a model say new objects, found by gradient for many facts at once.

ROME adds a value to an MLP's output (Meng et al. 2022, eq. 4), MEMIT to the output of the last
block that it edits (Meng et al. 2023, eq. 16); the search is the same.  Facts do not meet: each has
its own loss, its own bound and its own end, so a batch finds what each fact alone would find.
"""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unfrozen.errors import ModelError
from unfrozen.language.architecture.grouped import use_grouped
from unfrozen.language.editing.contexts import Contexts
from unfrozen.language.model import LanguageModel
from unfrozen.language.scale.trimming import give_back

# Below this share of the facts inside, those that are done are left behind.
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
    contexts: Contexts | Iterable[Contexts],
    settings: SearchSettings,
    progress: Callable[[int], None] | None = None,
    tokens: int | None = None,
) -> Values:
    """Find what to add at each subject's last token so that the model says the new object.

    The loss of a fact is the mean negative log-probability of its target over contexts, plus
    ``kl`` times the divergence of the model from itself before at the essence prompt, plus
    ``weight_decay |delta| / |v|^2``; Adam's steps are followed by a projection to
    ``|delta| <= clamp |v|``.  A fact whose target is likely enough leaves the batch, and others
    take its place.

    Args:
        lm: the model.
        contexts: the facts' prompts, run; of many facts in parts, each made when there is room.
        settings: how.
        progress: called with the number of facts that are done, at every pass.
        tokens: how many a pass replays at most; None for those of all facts at once.

    Returns:
        A value a fact, in their order.

    Raises:
        ModelError: a loss is not finite.

    Source: Meng et al. 2022, equation 4; Meng et al. 2023, equation 16.
    """
    waiting = _Waiting([contexts] if isinstance(contexts, Contexts) else contexts, tokens)
    inside: _Inside | None = waiting.fill(None)
    left: list[tuple[Tensor, Values]] = []
    while inside is not None:
        if progress is not None:
            progress(sum(len(numbers) for numbers, _ in left))
        done = inside.step(lm, settings)
        if not bool(done.any()):
            continue
        left.append((inside.number[done], inside.result(done)))
        inside.live &= ~done
        # Contexts are copied when facts leave, so not for every one that does.
        if int(inside.live.sum()) < _LEFT * len(inside.live):
            inside = waiting.fill(inside.of(inside.live.nonzero()[:, 0]))
            give_back()
    order = torch.cat([numbers for numbers, _ in left]).argsort()
    if progress is not None:
        progress(len(order))
    return Values.concatenate([values for _, values in left]).at(order)


class _Waiting:
    """Facts whose search has not begun."""

    def __init__(self, parts: Iterable[Contexts], tokens: int | None) -> None:
        self.parts, self.tokens = iter(parts), tokens
        self.part: Contexts | None = None
        self.taken = self.begun = 0

    def fill(self, inside: "_Inside | None") -> "_Inside | None":
        """Let in as many as there is room for; None when there is nothing left to do."""
        if inside is not None and len(inside.live) == 0:
            inside = None
        while (part := self._next()) is not None:
            n = part.n_facts - self.taken
            if self.tokens is not None:
                size = max(part.tokens, 0 if inside is None else inside.contexts.tokens)
                room = self.tokens // size - (0 if inside is None else len(inside.live))
                n = min(n, max(room, 1 if inside is None else 0))
            if n == 0:
                break
            places = torch.arange(self.taken, self.taken + n, device=part.target.device)
            numbers = places + (self.begun - self.taken)
            new = _Inside.of_contexts(part if n == part.n_facts else part.of(places), numbers)
            inside = new if inside is None else inside.joined(new)
            self.taken, self.begun = self.taken + n, self.begun + n
        return inside

    def _next(self) -> Contexts | None:
        if self.part is None or self.taken == self.part.n_facts:
            self.part, self.taken = next(self.parts, None), 0
        return self.part


@dataclass
class _Inside:
    """The facts that share a pass."""

    contexts: Contexts
    number: Int[Tensor, " fact"]
    start: Float[Tensor, "fact value"]
    delta: Float[Tensor, "fact value"]
    first: Float[Tensor, "fact value"]
    second: Float[Tensor, "fact value"]
    steps: Int[Tensor, " fact"]
    before: Float[Tensor, " fact"]
    likely: Float[Tensor, " fact"]
    divergence: Float[Tensor, " fact"]
    essence: Float[Tensor, "fact vocabulary"]
    live: Bool[Tensor, " fact"]

    @classmethod
    def of_contexts(cls, contexts: Contexts, number: Int[Tensor, " fact"]) -> "_Inside":
        start = contexts.plain_values.float()
        nothing = start.new_zeros(len(start))
        return cls(
            contexts, number, start, *(torch.zeros_like(start) for _ in range(3)),
            steps=torch.zeros_like(number), before=nothing, likely=nothing, divergence=nothing,
            # Seen in the first pass.
            essence=start.new_zeros(len(start), 1),
            live=torch.ones_like(number, dtype=torch.bool),
        )  # fmt: skip

    def of(self, places: Int[Tensor, " chosen"]) -> "_Inside":
        tensors = {n: getattr(self, n)[places] for n in _STATE}
        return _Inside(self.contexts.of(places), **tensors)

    def joined(self, new: "_Inside") -> "_Inside":
        """These and new ones, whose essence has not been seen yet."""
        new.essence = self.essence.new_zeros(len(new.number), self.essence.shape[1])
        tensors = {n: torch.cat([getattr(self, n), getattr(new, n)]) for n in _STATE}
        return _Inside(self.contexts.joined(new.contexts), **tensors)

    def step(self, lm: LanguageModel, settings: SearchSettings) -> Bool[Tensor, " fact"]:
        """A pass, and a step of the facts that are not done by it; those that are."""
        contexts, norm = self.contexts, self.start.norm(dim=1)
        moving = self.delta.detach().requires_grad_()
        goes_on = self.live & (self.steps < settings.steps)
        with torch.set_grad_enabled(bool(goes_on.any())):
            said, now = contexts.log_probabilities(lm, moving)
            fresh = self.steps == 0
            self.essence = now.detach().where(fresh[:, None], self.essence)
            # Of the edited model's distribution from the base's, as in the papers' equations.
            kl = (now.exp() * (now - self.essence)).sum(1)
            each = said.reshape(-1, contexts.each, said.shape[1])
            count = contexts.counted.reshape(each.shape)[:, 0].sum(1)
            loss = -(each.sum(2) / count[:, None]).mean(1) + settings.kl * kl
            loss = loss + settings.weight_decay * _norm(moving) / norm**2
        if not bool(torch.isfinite(loss.detach()[self.live]).all()):
            raise ModelError(f"{lm.name}: the loss is not finite at layer {contexts.layer}")
        self.likely, self.divergence = each.detach().sum(2).exp().mean(1), kl.detach()
        self.before = self.likely.where(fresh, self.before)
        goes_on &= self.likely < settings.confidence
        if bool(goes_on.any()):
            (gradient,) = torch.autograd.grad(loss.sum(), moving)
            self._move(gradient, goes_on, settings, norm)
        return self.live & ~goes_on

    def _move(
        self,
        gradient: Float[Tensor, "fact value"],
        who: Bool[Tensor, " fact"],
        settings: SearchSettings,
        norm: Float[Tensor, " fact"],
    ) -> None:
        """A step of Adam (Kingma and Ba 2015, with the usual constants), and the projection."""
        self.steps = self.steps + who.long()
        self.first = 0.9 * self.first + 0.1 * gradient
        self.second = 0.999 * self.second + 0.001 * gradient**2
        mean = self.first / (1 - 0.9 ** self.steps[:, None])
        spread = (self.second / (1 - 0.999 ** self.steps[:, None])).sqrt()
        moved = self.delta - settings.learning_rate * mean / (spread + 1e-8)
        scale = settings.clamp * norm / moved.norm(dim=1).clamp(min=1e-30)
        # What is done does not move any more.
        self.delta = (moved * scale.clamp(max=1)[:, None]).where(who[:, None], self.delta)

    def result(self, places: Bool[Tensor, " fact"]) -> Values:
        """What was found of some facts."""
        found = (self.delta, self.start, self.likely, self.before, self.divergence, self.steps)
        return Values(*(x[places] for x in found))


_STATE = tuple(f.name for f in fields(_Inside) if f.name != "contexts")


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


def copy_for_search(lm: LanguageModel, dtype: torch.dtype) -> LanguageModel:
    """A model to be hooked while others are: it shares the weights, or has them in less precision.

    Args:
        lm: the model; it is left as it is.
        dtype: the precision to search in.
    """
    same = dtype == lm.dtype
    tensors = [*lm.model.parameters(), *lm.model.buffers()] if same else []
    model = copy.deepcopy(lm.model, {id(x): x for x in tensors})
    if not same:
        torch.nn.Module.to(model, dtype=dtype)
    if lm.device.type == "cpu":
        use_grouped(model)
    return LanguageModel(model, lm.tokenizer, lm.name, check=False)


def _norm(x: Float[Tensor, "fact value"]) -> Float[Tensor, " fact"]:
    """Norms whose gradient at zero is zero."""
    return torch.linalg.vector_norm(x, dim=1)
