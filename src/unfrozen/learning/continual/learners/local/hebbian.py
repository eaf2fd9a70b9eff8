"""A Hebbian head: outer products of classes and features, read as the nearest class mean."""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from unfrozen.learning.continual.learners.base import Batch, Classes, Inputs, nbytes, unknown
from unfrozen.learning.continual.learners.local.features import RandomFeatures
from unfrozen.memory.linear.memory import hebbian_write


class Hebbian:
    """W = Σ v k^T over all images, with the features k of an image and a one in v for its class.

    A row of W over its number of images is the mean of a class.  A query is of the class whose mean
    is nearest, which is a linear answer: k · m_c - |m_c|^2 / 2.

    Args:
        inputs: what images are like.
        seed: of the features.
        features: how many random ones; 0 for the pixels themselves.

    Raises:
        LearningError: the number of features is negative.

    Source: Kohonen 1972, correlation matrix memories; nearest class mean as Mensink et al. 2013.
    """

    def __init__(self, inputs: Inputs, seed: int = 0, *, features: int = 0) -> None:
        self.inputs, self.classes = inputs, Classes()
        generator = torch.Generator().manual_seed(seed)
        self.features = RandomFeatures(inputs.pixels, features, generator)
        self.weight = torch.zeros(0, self.features.width)
        self.counts = torch.zeros(0)

    @property
    def bytes(self) -> int:
        """Of the signs of the features, W and the numbers of images."""
        return self.features.bytes + nbytes(self.weight, self.counts) + self.classes.bytes

    @property
    def means(self) -> Float[Tensor, "classes feature"]:
        """m_c, one a row."""
        return self.weight / self.counts[:, None]

    @torch.no_grad()
    def learn(self, batches: Iterable[Batch]) -> None:
        """Add the outer products of each batch."""
        for images, classes in batches:
            new = self.classes.meet(classes)
            self.weight = torch.cat([self.weight, self.weight.new_zeros(new, self.features.width)])
            self.counts = torch.cat([self.counts, self.counts.new_zeros(new)])
            columns = self.classes.columns(classes)
            values = torch.nn.functional.one_hot(columns, len(self.classes)).float()
            keys = self.features(self.inputs.rows(images))
            hebbian_write(keys, values).apply_(self.weight)
            self.counts += values.sum(0)

    @torch.no_grad()
    def predict(self, images: UInt8[Tensor, "b height width"]) -> Int64[Tensor, " b"]:
        """The class of the nearest mean."""
        if not len(self.classes):
            return unknown(images)
        keys, means = self.features(self.inputs.rows(images)), self.means
        return self.classes.of((keys @ means.T - means.square().sum(1) / 2).argmax(1))
