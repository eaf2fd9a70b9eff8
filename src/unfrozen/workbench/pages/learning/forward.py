"""Forward-Forward on digits: layers that learn by their own goodness, each seen by itself."""

from collections.abc import Iterator

import torch

from unfrozen.learning.forward_forward import FitSettings, dense, epochs
from unfrozen.learning.forward_forward.labels import embed, one_hot, wrong
from unfrozen.workbench.pages.learning.digits import CLASSES, FEATURES, accuracy, digits
from unfrozen.workbench.pages.learning.schemas import ForwardIn, ForwardOut, ForwardPoint


class ForwardRun:
    """A run that can be left and gone on with.

    Args:
        number: by which it is known.
        asked: how it learns.
    """

    kind, told = "forward", "epochs"

    def __init__(self, number: int, asked: ForwardIn) -> None:
        self.asked = asked
        widths = [FEATURES, *[asked.width] * asked.layers]
        self.network = dense(
            widths, CLASSES, loss=asked.loss, negatives=asked.negatives,
            generator=torch.Generator().manual_seed(asked.seed),
        )  # fmt: skip
        parameters = sum(p.numel() for p in self.network.parameters())
        self.out = ForwardOut(
            number=number, total=asked.epochs, parameters=parameters, points=[]
        )  # fmt: skip
        self._going = self._epochs()

    @property
    def done(self) -> int:
        """Epochs that were made."""
        return len(self.out.points)

    def advance(self) -> bool:
        """Go on to the next point; returns whether there was one."""
        return next(self._going, None) is not None

    def _epochs(self) -> Iterator[ForwardPoint]:
        seen, asked, network = digits(), self.asked, self.network
        other = wrong(seen.test_classes, CLASSES, torch.Generator().manual_seed(asked.seed))
        real, false = (
            embed(seen.test, one_hot(classes, CLASSES, seen.test))
            for classes in (seen.test_classes, other)
        )
        settings = FitSettings(epochs=asked.epochs, rate=asked.rate, seed=asked.seed)
        for epoch in epochs(network, seen.train, seen.classes, settings):
            good, bad = (
                network.goodness_of_layers(one).mean(1) / asked.width for one in (real, false)
            )
            point = ForwardPoint(
                epoch=epoch.number,
                losses=[round(loss, 4) for loss in epoch.losses[:-1]],
                real=[round(x, 4) for x in good.tolist()],
                false=[round(x, 4) for x in bad.tolist()],
                by_goodness=round(accuracy(network.predict(seen.test), seen.test_classes), 4),
                by_classifier=round(
                    accuracy(network.predict(seen.test, "classifier"), seen.test_classes), 4
                ),
            )
            self.out.points.append(point)
            yield point
