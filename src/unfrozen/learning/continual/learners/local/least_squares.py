"""A least-squares head on fixed features: exact for all that was seen, in whatever order."""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from unfrozen.learning.continual.learners.base import (
    Batch,
    Classes,
    Inputs,
    check_positive,
    nbytes,
    unknown,
)
from unfrozen.learning.continual.learners.local.features import RandomFeatures
from unfrozen.memory.linear.second_moment import SecondMomentAccumulator

# Rows are added to the moment so many at a time: a sum of d^2 numbers for each small batch would
# take most of the time.
_BLOCK = 512


class LeastSquares:
    """W = V K^T (K K^T + λ I)^-1 over all images so far, from two sums.

    K K^T and V K^T are sums over images, where a column of K is an image's features and one of V
    has a one for its class.  So the head is the same whatever the order in which images came, and
    tasks cannot disturb one another.

    Args:
        inputs: what images are like.
        seed: of the features.
        features: how many random ones; 0 for the pixels themselves.
        ridge: λ.

    Raises:
        LearningError: a setting makes no sense.

    Source: ridge regression; kept as sums over a stream, as Zhuang et al. 2022 (analytic
        class-incremental learning) do.
    """

    def __init__(
        self, inputs: Inputs, seed: int = 0, *, features: int = 200, ridge: float = 1.0
    ) -> None:
        check_positive(ridge=ridge)
        self.inputs, self.classes, self.ridge = inputs, Classes(), ridge
        generator = torch.Generator().manual_seed(seed)
        self.features = RandomFeatures(inputs.pixels, features, generator)
        width = self.features.width
        self.moment = SecondMomentAccumulator(width)
        self.cross = torch.zeros(width, 0, dtype=torch.float64)
        self._head: Tensor | None = None

    @property
    def bytes(self) -> int:
        """Of the signs of the features and both sums; the head follows from them."""
        return self.features.bytes + nbytes(self.moment.sum, self.cross) + self.classes.bytes

    @torch.no_grad()
    def learn(self, batches: Iterable[Batch]) -> None:
        """Add images to the sums."""
        waiting: list[Batch] = []
        count = 0
        for batch in batches:
            self._head = None
            self._meet(batch.classes)
            waiting.append(batch)
            count += len(batch.classes)
            if count >= _BLOCK:
                self._add(waiting)
                waiting, count = [], 0
        if waiting:
            self._add(waiting)

    @torch.no_grad()
    def predict(self, images: UInt8[Tensor, "b height width"]) -> Int64[Tensor, " b"]:
        """The class with the largest answer."""
        if not len(self.classes):
            return unknown(images)
        keys = self.features(self.inputs.rows(images)).double()
        return self.classes.of((keys @ self.head).argmax(1))

    @property
    def head(self) -> Float[Tensor, "feature classes"]:
        """W^T."""
        if self._head is None:
            system = self.moment.sum.clone()
            system.diagonal().add_(self.ridge)
            self._head = torch.cholesky_solve(self.cross, torch.linalg.cholesky(system))
        return self._head

    def _meet(self, classes: Tensor) -> None:
        new = self.classes.meet(classes)
        if new:
            self.cross = torch.cat([self.cross, self.cross.new_zeros(len(self.cross), new)], 1)

    def _add(self, waiting: list[Batch]) -> None:
        images = torch.cat([batch.images for batch in waiting])
        columns = self.classes.columns(torch.cat([batch.classes for batch in waiting]))
        keys = self.features(self.inputs.rows(images)).double()
        self.moment.update(keys)
        self.cross.index_add_(1, columns, keys.T)
