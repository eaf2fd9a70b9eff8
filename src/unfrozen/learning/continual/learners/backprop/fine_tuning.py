"""Fine-tuning: learn what comes, and do nothing about what was learnt before."""

from collections.abc import Iterable, Sequence

from jaxtyping import Int64, UInt8
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.continual.learners.backprop.network import Fit
from unfrozen.learning.continual.learners.base import Batch, Inputs


class FineTuning:
    """Backpropagation with a constant step size, the measure of forgetting.

    Args:
        inputs: what images are like.
        seed: of the first weights.
        hidden: widths of the hidden layers.
        rate: step size.
        optimizer: "sgd" or "adam".
        updates: steps on each batch.

    Raises:
        LearningError: a setting makes no sense.
    """

    def __init__(
        self,
        inputs: Inputs,
        seed: int = 0,
        *,
        hidden: Sequence[int] = (100,),
        rate: float = 0.05,
        optimizer: str = "sgd",
        updates: int = 1,
    ) -> None:
        check_updates(updates)
        self.fit, self.updates = Fit(inputs, seed, hidden, rate, optimizer), updates

    @property
    def bytes(self) -> int:
        """Of the network and its optimizer."""
        return self.fit.bytes

    def learn(self, batches: Iterable[Batch]) -> None:
        """Take steps on each batch."""
        for images, classes in batches:
            rows, columns = self.fit.inputs.rows(images), self.fit.meet(classes)
            for _ in range(self.updates):
                self.fit.update(rows, columns)

    def predict(self, images: UInt8[Tensor, "b height width"]) -> Int64[Tensor, " b"]:
        """The class with the largest logit."""
        return self.fit.predict(images)


def check_updates(updates: int) -> None:
    """Whether there is a step to take.

    Raises:
        LearningError: there is none.
    """
    if updates < 1:
        raise LearningError(f"a batch is learnt in one step at least, not {updates}")
