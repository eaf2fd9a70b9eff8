"""Forward-Forward on a stream: goodness of images with right labels, and with others met before."""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.continual.learners.base import (
    Batch,
    Classes,
    Inputs,
    check_positive,
    nbytes,
    unknown,
)
from unfrozen.learning.forward_forward import dense
from unfrozen.learning.forward_forward.labels import one_hot, wrong


class ForwardForwardLearner:
    """Layers that learn by themselves which classes go with which images.

    Labels stand before the pixels, with room for more classes than there are.  What is new is told
    from what was met; nothing protects what was learnt.

    Args:
        inputs: what images are like.
        seed: of the weights and of wrong labels.
        hidden: units of each layer.
        rate: of Adam.
        most: classes that there is room for.

    Raises:
        LearningError: a setting makes no sense.

    Source: Hinton 2022, section 3.3.
    """

    def __init__(
        self,
        inputs: Inputs,
        seed: int = 0,
        *,
        hidden: tuple[int, ...] = (100, 100),
        rate: float = 3e-3,
        most: int = 32,
    ) -> None:
        check_positive(rate=rate)
        if not hidden or min(hidden) < 1 or most < 2:
            raise LearningError("give the width of one layer at least, and room for two classes")
        self.inputs, self.classes, self.most = inputs, Classes(), most
        self.generator = torch.Generator().manual_seed(seed)
        self.network = dense(
            [most + inputs.pixels, *hidden], classes=most, negatives="wrong",
            generator=self.generator,
        )  # fmt: skip
        self.optimizer = torch.optim.Adam(self.network.layers.parameters(), rate)

    @property
    def bytes(self) -> int:
        """Of the layers and of Adam's moments."""
        moments = [t for state in self.optimizer.state.values() for t in state.values()]
        layers = (*self.network.layers.parameters(), *self.network.layers.buffers())
        return nbytes(*layers, *moments) + self.classes.bytes

    def learn(self, batches: Iterable[Batch]) -> None:
        """Take a step on each batch; of a single class alone nothing can be told apart.

        Raises:
            LearningError: there are more classes than there is room for.
        """
        for images, classes in batches:
            self.classes.meet(classes)
            met = len(self.classes)
            if met > self.most:
                raise LearningError(f"there is room for {self.most} classes, and {met} were met")
            if met < 2:
                continue
            pixels, columns = self.inputs.rows(images), self.classes.columns(classes)
            others = wrong(columns, met, self.generator)
            self.optimizer.zero_grad(set_to_none=True)
            self.network.contrast(self._labelled(pixels, columns), self._labelled(pixels, others))
            self.optimizer.step()

    @torch.no_grad()
    def predict(self, images: UInt8[Tensor, "b height width"]) -> Int64[Tensor, " b"]:
        """The class whose label has most goodness, of those that were met."""
        if not len(self.classes):
            return unknown(images)
        pixels = self.inputs.rows(images)
        found = [
            self.network.goodness_of_layers(
                self._labelled(pixels, torch.full((len(pixels),), column))
            ).sum(0)
            for column in range(len(self.classes))
        ]
        return self.classes.of(torch.stack(found, 1).argmax(1))

    def _labelled(
        self, pixels: Float[Tensor, "b pixel"], columns: Int64[Tensor, " b"]
    ) -> Float[Tensor, "b written"]:
        return torch.cat([one_hot(columns, self.most, pixels), pixels], 1)
