"""MeZO: fine-tuning in the memory that inference takes.

The loss is asked on both sides of the weights along random noise, which gives the gradient's part
along it; the weights then move along the noise.  Nothing is kept but the noise's seed.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.optim import Optimizer

from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order.asking import Asking, Closure
from unfrozen.learning.zeroth_order.moves import Move, Moved, move, squared_norm
from unfrozen.learning.zeroth_order.noise import Noise
from unfrozen.learning.zeroth_order.record import Group, Method, Record
from unfrozen.learning.zeroth_order.safety import Safety, Scale

_OWN = (
    "method", "safety", "exchange", "steps", "skipped", "_gradients", "_rates", "_decays",
    "_lengths", "_rests", "_leans", "_distances",
)  # fmt: skip


@runtime_checkable
class Exchange(Protocol):
    """How workers agree on losses; see `unfrozen.learning.zeroth_order.workers`."""

    def mean(self, losses: Sequence[float]) -> list[float]:
        """Means over all workers, the same on each."""
        ...


class MeZO(Optimizer):
    """Memory-efficient zeroth-order optimizer.

    Weights are moved in place, in blocks; no gradients are needed, and parameters may have
    `requires_grad=False`.  Noise follows from the seed and the parameter's name, so give names
    (``model.named_parameters()``) where the order of parameters may change between runs.

    Args:
        params: parameters, named ones, or groups of them.
        lr: step size.
        eps: how far from the weights the loss is asked.
        weight_decay: decoupled, a step: weights shrink by lr times it.
        noise: "gaussian", "rademacher" (a fraction of the time), "sphere", or "low-rank" of every
            matrix (an even smaller one).
        rank: of noise of low rank.
        samples: of the gradient, a step.
        sides: 2 asks the loss on both sides; 1 on one side of the weights and at them.
        momentum: of the direction, rebuilt from the seeds of earlier steps.
        betas: decays of Adam's moments, rebuilt so too; None for none.
        window: steps that are looked back at for it.
        scale: "none"; "rms" divides by the running root mean square of projected gradients, so
            that lr is how far weights go whatever the loss's scale; "deviation" by the standard
            deviation of a step's losses (several samples, one side).
        clip: projected gradients are cut to so many times the running root mean square; None for
            not at all.
        seed: of all noise.
        exchange: with other workers.

    Raises:
        LearningError: a setting makes no sense.

    Source: Malladi et al. 2023, algorithms 1 and 2; one side, Rademacher noise and the scale by
        deviation from Dang et al. 2025 (FZOO).

    Example:
        >>> model = torch.nn.Linear(4, 1)
        >>> x, y = torch.ones(8, 4), torch.ones(8, 1)
        >>> optimizer = MeZO(model.named_parameters(), lr=1e-2)
        >>> closure = lambda: torch.nn.functional.mse_loss(model(x), y)
        >>> losses = [optimizer.step(closure) for _ in range(200)]
        >>> bool(losses[-1] < losses[0])
        True
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]],
        lr: float = 1e-6,
        *,
        eps: float = 1e-3,
        weight_decay: float = 0.0,
        noise: Noise = "gaussian",
        rank: int = 1,
        samples: int = 1,
        sides: int = 2,
        momentum: float = 0.0,
        betas: tuple[float, float] | None = None,
        window: int | None = None,
        scale: Scale = "none",
        clip: float | None = 3.0,
        seed: int = 0,
        exchange: Exchange | None = None,
    ) -> None:
        self.method = Method(
            seed=seed, noise=noise, rank=rank, samples=samples, sides=sides, momentum=momentum,
            betas=betas, window=window,
        )  # fmt: skip
        self.safety = Safety(scale, clip, samples, sides)
        self.exchange = exchange
        self.steps, self.skipped = 0, 0
        self._gradients: list[list[float]] = []
        self._rates: list[list[float]] = []
        self._decays: list[list[float]] = []
        self._lengths: list[list[float]] = []
        self._rests: list[int] = []
        self._leans = False
        self._distances: list[float] = []
        super().__init__(params, {"lr": lr, "eps": eps, "weight_decay": weight_decay})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, before the first step.

        Raises:
            LearningError: steps have been made, a setting makes no sense, or a name comes twice.
        """
        if self.steps:
            raise LearningError("a run moves the same parameters from its first step on")
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        names = [name for g in range(len(self.param_groups)) for name in self._names(g)]
        told = None
        if not group["lr"] >= 0 or not 0 < group["eps"] < math.inf or group["weight_decay"] < 0:
            told = "lr and weight_decay are not negative, and eps is positive"
        elif len(set(names)) < len(names):
            told = "two parameters have one name: their noise would be the same"
        elif len(_kinds(group)) > 1:
            told = f"a group is on one kind of device, not on {' and '.join(_kinds(group))}"
        if told is not None:
            self.param_groups.pop()
            raise LearningError(told)
        self._distances.append(float(group["eps"]))

    @torch.no_grad()
    def step(  # type: ignore[override]
        self, closure: Closure | Sequence[Closure], more: bool = False
    ) -> float:
        """Ask the loss and move.

        Every closure sees the same state of the global random generators, so that dropout drops
        the same; batches must not change between two calls of it.

        Args:
            closure: the loss; several are averaged, so that a batch may be larger than memory.
            more: whether another step follows at once.  The weights are then left where its first
                loss is asked, which saves a pass over them; `rest` takes them back.

        Returns:
            The loss at the weights before the step: the mean of both sides, or of one side the
            loss itself.

        Raises:
            LearningError: eps was changed, or there is no closure.
            Exception: whatever a closure raises.  The weights are then where they were, but for
                rounding, which a replay of the record does not know of.
        """
        closures = list(closure) if isinstance(closure, Sequence) else [closure]
        if not closures:
            raise LearningError("a step asks at least one loss")
        method, t = self.method, self.steps
        # Of one side, the first loss is asked at the weights themselves.
        more = more and method.sides == 2
        if [float(group["eps"]) for group in self.param_groups] != self._distances:
            raise LearningError("eps stays what it was: a record tells it once")
        random = Asking(p for group in self.param_groups for p in group["params"])
        if not self._leans:
            self._measure(t)
        base = self._loss(random, closures, 0, 0) if method.sides == 1 else math.nan
        if not self._leans:
            self._move(lambda eps: method.perturb(t, 0, eps))
        losses: list[tuple[float, float]] = []
        for sample in range(method.samples):
            ahead, behind = self._loss(random, closures, sample, 1), base
            if method.sides == 2:
                self._move(lambda eps, i=sample: method.across(t, i, eps))
                behind = self._loss(random, closures, sample, -1)
            losses.append((ahead, behind))
            if sample + 1 < method.samples:
                self._move(lambda eps, i=sample: method.between(t, i, eps))
        try:
            agreed = self._agreed(losses)
        except BaseException:
            # A worker is lost; this one is where it was, and can go on with those that are left.
            self._move(lambda eps: method.back(t, method.samples - 1, eps))
            self._leans = False
            raise
        self._follow(agreed, more)
        if method.sides == 1:
            return agreed[0][1]
        return sum(ahead + behind for ahead, behind in agreed) / (2 * len(agreed))

    @torch.no_grad()
    def rest(self) -> None:
        """Take the weights back from where a next step's loss would be asked, but for rounding."""
        if self._leans:
            at = self.steps
            self._move(lambda eps: self.method.forward(at, 0, -eps))
            self._leans = False
            self._rests.append(at - 1)

    @property
    def record(self) -> Record:
        """What has been done so far: with the base's weights, all that gives these ones.

        Raises:
            LearningError: the weights lean towards a next step: call `rest` first.
        """
        if self._leans:
            raise LearningError("the weights are where the next step asks its loss: call rest()")
        groups = self._groups()
        return Record(
            self.method,
            groups,
            torch.tensor(self._gradients, dtype=torch.float32).reshape(
                self.steps, self.method.samples
            ),
            *(
                torch.tensor(each, dtype=torch.float64).reshape(self.steps, -1)
                if self.steps else torch.empty(0, len(groups), dtype=torch.float64)
                for each in (self._rates, self._decays)
            ),
            lengths=torch.tensor(self._lengths, dtype=torch.float64) if self._lengths else None,
            rests=tuple(self._rests),
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """As of any optimizer, with the record: it goes on where it was, with the same weights."""
        leans = self._leans
        self._leans = False
        record = self.record
        self._leans = leans
        kept = {
            "told": record.told(), "tensors": record.tensors(), "leans": leans,
            "safety": self.safety.state(), "skipped": self.skipped,
        }  # fmt: skip
        return {**super().state_dict(), "mezo": kept}

    def __getstate__(self) -> dict[str, Any]:
        # torch copies and pickles no more than defaults, state and groups of an optimizer.
        own = {name: value for name, value in vars(self).items() if name in _OWN}
        return {**super().__getstate__(), **own}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As `state_dict` gave it.

        Raises:
            LearningError: it is none of this optimizer, or of another method or other parameters.
        """
        kept = state_dict.get("mezo")
        if kept is None:
            raise LearningError("this is no state of a MeZO optimizer")
        record = Record.of(kept["told"], kept["tensors"])
        if record.method != self.method or record.groups != self._groups():
            raise LearningError("this state is of another method, or of other parameters")
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "mezo"})
        self.continue_from(record, kept["safety"], kept["skipped"])
        self._leans = kept["leans"]

    def continue_from(self, record: Record, safety: dict[str, Any], skipped: int) -> None:
        """Take a record as what has been done, as a worker does that has replayed it.

        Args:
            record: of the same method and parameters.
            safety: state of what steps are cut and scaled by, after it.
            skipped: samples that moved nothing.
        """
        self.safety.take(safety)
        self.skipped = skipped
        self.steps = record.steps
        self._gradients, self._rates = record.gradients.tolist(), record.rates.tolist()
        self._decays, self._rests = record.decays.tolist(), list(record.rests)
        self._lengths = [] if record.lengths is None else record.lengths.tolist()
        self._leans = False

    def _loss(self, random: "Asking", closures: Sequence[Closure], sample: int, side: int) -> float:
        try:
            return random.ask(closures)
        except BaseException:
            if side:
                self._move(lambda eps: self.method.forward(self.steps, sample, -side * eps))
            self._leans = False
            raise

    def _groups(self) -> tuple[Group, ...]:
        found = []
        for number, eps in enumerate(self._distances):
            named = list(self._named(number))
            shapes = tuple(tuple(tensor.shape) for _, tensor in named)
            found.append(
                Group(
                    tuple(name for name, _ in named),
                    shapes,
                    eps,
                    _kinds(self.param_groups[number])[0],
                )
            )
        return tuple(found)

    def _follow(self, losses: Sequence[tuple[float, float]], more: bool) -> None:
        """Back to the weights and along the noise; on to the next step's first loss."""
        method, t = self.method, self.steps
        slope = self.safety.slope(losses, self._distances[0])
        self.skipped += slope.skipped
        nothing = slope.skipped == method.samples
        # A gradient is told for the first group's distance; other groups' noise stretches as far.
        # Adam's quotient has no scale.
        first = self._distances[0]
        rates = [
            group["lr"] * slope.factor * (1.0 if method.betas else first / eps)
            for group, eps in zip(self.param_groups, self._distances, strict=True)
        ]
        decays = [
            1.0 if nothing else 1 - group["lr"] * group["weight_decay"]
            for group in self.param_groups
        ]
        self._gradients.append(slope.gradients)
        self._rates.append([float(rate) for rate in rates])
        self._decays.append([float(decay) for decay in decays])
        self.steps += 1
        looked = torch.tensor(self._gradients[-method.reach :], dtype=torch.float32)
        if more:
            self._measure(t + 1)
        last = method.samples - 1
        per = []
        for number, eps in enumerate(self._distances):
            moves = method.back(t, last, eps)
            moves += method.update(t, looked, self._rates[-1][number], self._decays[-1][number])
            per.append(moves + (method.perturb(t + 1, 0, eps) if more else []))
        self._pass(per)
        self._leans = more

    def _agreed(self, losses: list[tuple[float, float]]) -> list[tuple[float, float]]:
        if self.exchange is None:
            return losses
        flat = self.exchange.mean([x for pair in losses for x in pair])
        return list(zip(flat[::2], flat[1::2], strict=True))

    def _measure(self, step: int) -> None:
        """How long noise of a step would be, if it is to be of one length."""
        if self.method.noise != "sphere" or len(self._lengths) > step:
            return
        every = [pair for number in range(len(self.param_groups)) for pair in self._named(number)]
        n = sum(tensor.numel() for _, tensor in every if not tensor.is_meta)
        if not n:
            self._lengths.append([1.0] * self.method.samples)
            return
        self._lengths.append(
            [math.sqrt(squared_norm(every, "sphere", d) / n) for d in self.method.draws(step)]
        )

    def _move(self, make: Callable[[float], list[Move]]) -> None:
        self._pass([make(eps) for eps in self._distances])

    def _pass(self, moves: Sequence[Sequence[Move]]) -> None:
        lengths = self._lengths or None
        move(
            [
                Moved(name, tensor, self.method.stretched(moves[number], lengths))
                for number in range(len(self.param_groups))
                for name, tensor in self._named(number)
            ],
            self.method.noise, self.method.rank,
        )  # fmt: skip

    def _named(self, number: int) -> Iterator[tuple[str, Tensor]]:
        return zip(self._names(number), self.param_groups[number]["params"], strict=True)

    def _names(self, number: int) -> list[str]:
        group = self.param_groups[number]
        names = group.get("param_names")
        return list(names) if names else [f"{number}.{i}" for i in range(len(group["params"]))]


def _kinds(group: Mapping[str, Any]) -> list[str]:
    """The kinds of device that a group's parameters are on, one unless it is refused."""
    return sorted({tensor.device.type for tensor in group["params"]}) or ["cpu"]
