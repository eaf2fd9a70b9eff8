"""A run as a log of scalars: with the base's weights, all that is needed to have it again.

A step moved the weights along noise that follows from the run's seed, by projected gradients and
step sizes.  Those are some numbers a step; replaying them does the same sums in the same order, and
so gives the same weights, to the bit on a processor of the same kind.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order.moves import Adaptive, Along, Move, Moved, Shrink, move
from unfrozen.learning.zeroth_order.noise import SCHEME, Draw, Noise, check

# Steps that are replayed in one pass over the weights.
_TOGETHER = 32
# Of a gradient of so small a weight momentum takes no notice.
_FORGOTTEN = 0.01


@dataclass(frozen=True)
class Method:
    """How a run moves, apart from what it finds on the way.

    Attributes:
        seed: of all noise.
        noise: kind of it.
        rank: of noise of low rank.
        samples: of the gradient, a step.
        sides: 2 compares the loss on both sides of the weights, 1 on one side and at them.
        momentum: by which the last direction counts in the next.
        betas: decays of both moments of Adam; None for none.
        window: steps that moments look back; as long as momentum tells by default, or 50.
        adam_eps: that keeps Adam's quotient finite.
        scheme: version of the noise.
    """

    seed: int = 0
    noise: Noise = "gaussian"
    rank: int = 1
    samples: int = 1
    sides: int = 2
    momentum: float = 0.0
    betas: tuple[float, float] | None = None
    window: int | None = None
    adam_eps: float = 1e-8
    scheme: int = SCHEME

    def __post_init__(self) -> None:
        check(self.noise)
        if self.sides not in (1, 2) or min(self.samples, self.rank, self.window or 1) < 1:
            raise LearningError("samples, rank and window are positive, and sides 1 or 2")
        if not 0 <= self.momentum < 1:
            raise LearningError(f"momentum is at least 0 and below 1, not {self.momentum}")
        if self.betas is not None:
            if not all(0 <= beta < 1 for beta in self.betas):
                raise LearningError(f"betas are at least 0 and below 1, not {self.betas}")
            if self.momentum or self.samples > 1 or self.noise == "low-rank":
                raise LearningError(
                    "second moments a weight go without momentum, with one sample a step and with "
                    "noise a weight"
                )
        if self.scheme != SCHEME:
            raise LearningError(
                f"its noise is of version {self.scheme}, this unfrozen draws {SCHEME}: replay it "
                "with the release that made it"
            )

    @property
    def reach(self) -> int:
        """How many steps count in a direction."""
        if self.betas is not None:
            return self.window or 50
        if not self.momentum:
            return 1
        return self.window or math.ceil(math.log(_FORGOTTEN) / math.log(self.momentum))

    def draws(self, step: int) -> list[Draw]:
        """The noise of a step."""
        return [Draw(self.seed, step, sample) for sample in range(self.samples)]

    def perturb(self, step: int, sample: int, eps: float) -> list[Move]:
        """From the weights to where the loss is asked first."""
        return self.forward(step, sample, eps)

    def forward(self, step: int, sample: int, eps: float) -> list[Move]:
        """So far along the noise."""
        return [Along(Draw(self.seed, step, sample), eps)]

    def across(self, step: int, sample: int, eps: float) -> list[Move]:
        """To the other side."""
        return [Along(Draw(self.seed, step, sample), -2 * eps)]

    def back(self, step: int, sample: int, eps: float) -> list[Move]:
        """To the weights, from where the loss was asked last."""
        return [Along(Draw(self.seed, step, sample), eps if self.sides == 2 else -eps)]

    def between(self, step: int, sample: int, eps: float) -> list[Move]:
        """From where the loss was asked last to where the next sample asks it first."""
        return [*self.back(step, sample, eps), *self.perturb(step, sample + 1, eps)]

    def stretched(
        self, moves: Sequence[Move], lengths: Sequence[Sequence[float]] | None
    ) -> list[Move]:
        """Moves along noise that is brought to the length that it has on average.

        Args:
            moves: along noise as it is drawn.
            lengths: root mean squares of the noise of steps and samples, if it is to be so.
        """
        if lengths is None:
            return list(moves)
        return [_stretched(one, lengths) for one in moves]

    def update(
        self, step: int, looked: Float[Tensor, "reach samples"], rate: float, decay: float
    ) -> list[Move]:
        """Along the direction of a step.

        Args:
            step: its number.
            looked: projected gradients of the last steps, this one's included.
            rate: step size.
            decay: that weights are multiplied by before.
        """
        moves: list[Move] = [] if decay == 1 else [Shrink(decay)]
        found: list[list[float]] = looked[-self.reach :].tolist()
        first = step + 1 - len(found)
        if self.betas is not None:
            return [*moves, self._adaptive(first, [one[0] for one in found], rate)]
        # The step's own noise first: it was drawn last, on the way back.
        for k in range(step, first - 1, -1):
            share = rate * self.momentum ** (step - k) / self.samples
            order = range(self.samples - 1, -1, -1)
            moves += [Along(Draw(self.seed, k, i), -share * found[k - first][i]) for i in order]
        return moves

    def _adaptive(self, first: int, gradients: list[float], rate: float) -> Adaptive:
        assert self.betas is not None
        ages = range(len(gradients) - 1, -1, -1)
        weights = [[beta**age for age in ages] for beta in self.betas]
        a, b = ([w / sum(each) for w in each] for each in weights)
        terms = tuple(
            (Draw(self.seed, first + k), a[k] * g, b[k] * g * g) for k, g in enumerate(gradients)
        )
        return Adaptive(terms, rate, self.adam_eps)


@dataclass(frozen=True)
class Group:
    """Parameters that are moved alike.

    Attributes:
        names: of them.
        shapes: of them.
        eps: how far the loss is asked from the weights.
        device: kind of device on which their noise was drawn; others draw other numbers.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    eps: float
    device: str = "cpu"


@dataclass
class Record:
    """What a run did.

    Attributes:
        method: how it moves.
        groups: of parameters.
        gradients: projected, as they were used.
        rates: step sizes of groups.
        decays: that weights of groups were multiplied by.
        lengths: root mean squares of noise, if it was brought to one length.
        rests: steps after which the weights leant forward and were taken back.
    """

    method: Method
    groups: tuple[Group, ...]
    gradients: Float[Tensor, "steps samples"]
    rates: Float[Tensor, "steps groups"]
    decays: Float[Tensor, "steps groups"]
    lengths: Float[Tensor, "noises samples"] | None = None
    rests: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        steps = len(self.gradients)
        shapes = [(steps, self.method.samples), *[(steps, len(self.groups))] * 2]
        found = [tuple(t.shape) for t in (self.gradients, self.rates, self.decays)]
        if shapes != found:
            raise LearningError(f"a record of {steps} steps holds {shapes}, not {found}")
        if any(len(group.names) != len(group.shapes) for group in self.groups):
            raise LearningError("a record has a shape for every name")
        measured = 0 if self.lengths is None else len(self.lengths)
        if self.method.noise == "sphere" and measured < steps:
            raise LearningError(f"a record of {steps} steps on a sphere holds as many lengths")

    @property
    def steps(self) -> int:
        """How many."""
        return len(self.gradients)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of all parameters that were moved, by name."""
        return {n: s for g in self.groups for n, s in zip(g.names, g.shapes, strict=True)}

    def tensors(self) -> dict[str, Tensor]:
        """The scalars as they are stored: constant decays once."""
        constant = bool((self.decays == self.decays[:1]).all())
        decays = self.decays[:1] if constant else self.decays
        found = {"gradients": self.gradients, "rates": self.rates, "decays": decays.clone()}
        return found if self.lengths is None else {**found, "lengths": self.lengths}

    def told(self) -> dict[str, Any]:
        """The rest, as JSON."""
        return {
            "method": asdict(self.method),
            "groups": [asdict(group) for group in self.groups],
            "rests": list(self.rests),
        }

    @classmethod
    def of(cls, told: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "Record":
        """The record back.

        Raises:
            LearningError: something is missing or malformed.
        """
        try:
            method = dict(told["method"])
            unknown = set(method) - {field.name for field in fields(Method)}
            if unknown:
                raise LearningError(f"a newer unfrozen made this record: {', '.join(unknown)}")
            if method.get("betas") is not None:
                method["betas"] = tuple(method["betas"])
            groups = tuple(
                Group(
                    tuple(g["names"]),
                    tuple(map(tuple, g["shapes"])),
                    float(g["eps"]),
                    g.get("device", "cpu"),
                )
                for g in told["groups"]
            )
            gradients, rates = tensors["gradients"], tensors["rates"]
            decays = tensors["decays"].expand(len(gradients), -1).clone()
            rests = tuple(int(step) for step in told["rests"])
            return cls(
                Method(**method), groups, gradients, rates, decays, tensors.get("lengths"), rests
            )
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise LearningError(f"a record is malformed: {error}") from error

    def moves(self, group: int, start: int, end: int) -> list[Move]:
        """All that steps did to a parameter of a group.

        Args:
            group: its number.
            start: the first step.
            end: the step after the last.
        """
        method, eps, found = self.method, self.groups[group].eps, list[Move]()
        for step in range(start, end):
            rate, decay = float(self.rates[step, group]), float(self.decays[step, group])
            for sample in range(method.samples):
                found += method.perturb(step, sample, eps)
                if method.sides == 2:
                    found += method.across(step, sample, eps)
                found += method.back(step, sample, eps)
            looked = self.gradients[max(0, step + 1 - method.reach) : step + 1]
            found += method.update(step, looked, rate, decay)
            if step in self.rests:
                found += [*method.forward(step + 1, 0, eps), *method.forward(step + 1, 0, -eps)]
        lengths = None if self.lengths is None else self.lengths.tolist()
        return method.stretched(found, lengths)

    def replay(self, parameters: Mapping[str, Tensor], start: int = 0) -> Iterator[int]:
        """Move parameters in place as the run did, some steps after the other.

        Args:
            parameters: by name, as they were before step `start`; those that are not given are
                left out.
            start: the first step.

        Yields:
            How many steps have been done.

        Raises:
            LearningError: a parameter is none of the run's, of another shape, or on a kind of
                device that draws other noise.
        """
        known = {name: number for number, g in enumerate(self.groups) for name in g.names}
        shapes = self.shapes
        for name, tensor in parameters.items():
            if name not in known:
                raise LearningError(f"{name} was not moved by this run")
            if tuple(tensor.shape) != shapes[name]:
                raise LearningError(
                    f"{name} was {list(shapes[name])} in this run, not {list(tensor.shape)}"
                )
            drawn = self.groups[known[name]].device
            if tensor.device.type not in (drawn, "meta"):
                raise LearningError(
                    f"this run drew its noise on {drawn}, and {tensor.device.type} draws another: "
                    f"move {name} to {drawn} to replay it"
                )
        for at in range(start, self.steps, _TOGETHER):
            until = min(at + _TOGETHER, self.steps)
            done = [self.moves(g, at, until) for g in range(len(self.groups))]
            move(
                [Moved(name, tensor, done[known[name]]) for name, tensor in parameters.items()],
                self.method.noise, self.method.rank,
            )  # fmt: skip
            yield until - start


def _stretched(one: Move, lengths: Sequence[Sequence[float]]) -> Move:
    def share(draw: Draw) -> float:
        return 1 / lengths[draw.step][draw.sample]

    if isinstance(one, Along):
        return one._replace(by=one.by * share(one.draw))
    if isinstance(one, Adaptive):
        return one._replace(
            terms=tuple((d, a * share(d), b * share(d) ** 2) for d, a, b in one.terms)
        )
    return one
