"""Zeroth-order learning of a linear head: steps along noise, by losses alone."""

from collections.abc import Iterable

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor, nn

from unfrozen.errors import LearningError
from unfrozen.learning.continual.learners.base import (
    Batch,
    Classes,
    Inputs,
    check_positive,
    nbytes,
    unknown,
)
from unfrozen.learning.continual.learners.local.features import RandomFeatures
from unfrozen.learning.zeroth_order import MeZO


class ZerothOrder:
    """A softmax head on fixed features, trained by `MeZO`.

    It learns what comes as fine-tuning does and protects nothing: it shows what the estimate of the
    gradient alone changes.

    Args:
        inputs: what images are like.
        seed: of the features and of the noise.
        features: how many random ones; 0 for the pixels themselves.
        rate: step size.
        eps: how far from the weights losses are asked.
        updates: steps on each batch.

    Raises:
        LearningError: a setting makes no sense.

    Source: Malladi et al. 2023, algorithm 1.
    """

    def __init__(
        self,
        inputs: Inputs,
        seed: int = 0,
        *,
        features: int = 0,
        rate: float = 1e-2,
        eps: float = 1e-3,
        updates: int = 1,
    ) -> None:
        check_positive(rate=rate, eps=eps)
        if updates < 1:
            raise LearningError(f"a batch is learnt in one step at least, not {updates}")
        self.inputs, self.classes, self.seed = inputs, Classes(), seed
        self.rate, self.eps, self.updates = rate, eps, updates
        generator = torch.Generator().manual_seed(seed)
        self.features = RandomFeatures(inputs.pixels, features, generator)
        self.weight = torch.zeros(0, self.features.width)
        self._runs = 0

    @property
    def bytes(self) -> int:
        """Of the signs of the features and the head."""
        return self.features.bytes + nbytes(self.weight) + self.classes.bytes

    @torch.no_grad()
    def learn(self, batches: Iterable[Batch]) -> None:
        """Take steps on each batch."""
        optimizer = None
        for images, classes in batches:
            new = self.classes.meet(classes)
            if new or optimizer is None:
                # A run moves the same weights from its first step on, so a longer head begins one.
                more = self.weight.new_zeros(new, self.features.width)
                self.weight = torch.cat([self.weight, more])
                optimizer = self._run()
            keys = self.features(self.inputs.rows(images))
            columns = self.classes.columns(classes)
            for _ in range(self.updates):
                optimizer.step(lambda k=keys, c=columns: nn.functional.cross_entropy(
                    k @ self.weight.T, c
                ))  # fmt: skip

    @torch.no_grad()
    def predict(self, images: UInt8[Tensor, "b height width"]) -> Int64[Tensor, " b"]:
        """The class with the largest logit."""
        if not len(self.classes):
            return unknown(images)
        keys = self.features(self.inputs.rows(images))
        return self.classes.of((keys @ self.weight.T).argmax(1))

    def _run(self) -> MeZO:
        self._runs += 1
        # Other noise for each run, and for each learner.
        seed = self.seed * 10_007 + self._runs
        return MeZO([("head", self.weight)], self.rate, eps=self.eps, seed=seed)
