"""MeZO on digits: a small network that learns by forward passes, and the record of its run."""

from collections.abc import Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unfrozen.learning.zeroth_order.files import pack, unpack
from unfrozen.learning.zeroth_order.mezo import MeZO
from unfrozen.workbench.pages.learning.digits import CLASSES, FEATURES, accuracy, digits
from unfrozen.workbench.pages.learning.schemas import MezoIn, MezoOut, MezoPoint

POINTS = 150
"""Points of a curve at most."""


class MezoRun:
    """A run that can be left and gone on with.

    Args:
        number: by which it is known.
        asked: how it learns.
    """

    kind, told = "mezo", "steps"

    def __init__(self, number: int, asked: MezoIn) -> None:
        self.asked, self.every = asked, max(1, asked.steps // POINTS)
        self.network = _network(asked)
        self.base = {name: p.clone() for name, p in self.network.named_parameters()}
        self.optimizer = MeZO(
            self.network.named_parameters(), lr=asked.rate, eps=asked.eps, noise=asked.noise,
            samples=asked.samples, seed=asked.seed,
        )  # fmt: skip
        parameters = sum(p.numel() for p in self.network.parameters())
        self.out = MezoOut(
            number=number,
            total=asked.steps,
            parameters=parameters,
            weights=4 * parameters,
            points=[],
        )
        self._going = self._steps()

    @property
    def done(self) -> int:
        """Steps that were made."""
        return self.optimizer.steps

    def advance(self) -> bool:
        """Go on to the next point; returns whether there was one."""
        return next(self._going, None) is not None

    def _steps(self) -> Iterator[MezoPoint]:
        seen, asked = digits(), self.asked
        generator = torch.Generator().manual_seed(asked.seed)
        while self.done < asked.steps:
            losses = list[float]()
            for _ in range(min(self.every, asked.steps - self.done)):
                rows = torch.randint(len(seen.train), (asked.batch,), generator=generator)
                batch, classes = seen.train[rows], seen.classes[rows]

                def closure(batch: Tensor = batch, classes: Tensor = classes) -> Tensor:
                    return F.cross_entropy(self.network(batch), classes)

                losses.append(self.optimizer.step(closure))
            with torch.no_grad():
                right = accuracy(self.network(seen.test).argmax(1), seen.test_classes)
            point = MezoPoint(
                step=self.done,
                loss=round(sum(losses) / len(losses), 4),
                accuracy=round(right, 4),
                bytes=len(pack(self.optimizer.record)),
            )
            self.out.points.append(point)
            if self.done == asked.steps:
                self.out.replayed = self.replayed()
            yield point

    def replayed(self) -> bool:
        """Whether the first weights and the record, read back, give these ones to the bit."""
        weights = {name: p.clone() for name, p in self.base.items()}
        for _ in unpack(pack(self.optimizer.record)).replay(weights):
            pass
        now = dict(self.network.named_parameters())
        return all(torch.equal(weights[name], now[name]) for name in now)


def _network(asked: MezoIn) -> nn.Sequential:
    """Linear layers with a ReLU between, drawn by the seed alone."""
    generator = torch.Generator().manual_seed(asked.seed)
    widths = [FEATURES, *([asked.hidden] if asked.hidden else []), CLASSES]
    layers: list[nn.Module] = []
    for below, width in pairwise(widths):
        # Without weights at first: PyTorch would draw them from the global generator.
        linear = nn.Linear(below, width, device="meta").to_empty(device="cpu")
        nn.init.normal_(linear.weight, std=below**-0.5, generator=generator)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1]).requires_grad_(False)
