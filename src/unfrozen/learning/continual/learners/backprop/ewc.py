"""Elastic weight consolidation: weights that earlier tasks need are held where they were."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.continual.learners.backprop.fine_tuning import check_updates
from unfrozen.learning.continual.learners.backprop.network import Fit, Network
from unfrozen.learning.continual.learners.backprop.replay import Reservoir
from unfrozen.learning.continual.learners.base import Batch, Inputs, check_positive, nbytes


def fisher_diagonal(network: Network, rows: Float[Tensor, "n pixel"]) -> list[Tensor]:
    """F_i = 1/n Σ_x Σ_c p(c|x) (d log p(c|x) / d θ_i)^2: how sharply answers tell each weight.

    The expectation over classes is taken whole, not by drawing them.

    Args:
        network: θ.
        rows: images x.

    Returns:
        One tensor a parameter, in the network's order.

    Source: Kirkpatrick et al. 2017, section 2; Martens 2014 for the expectation under the model.
    """
    inputs = [rows]
    before: list[Tensor] = []
    x = rows
    for layer in network.layers:
        before.append(layer(x))
        x = torch.relu(before[-1])
        inputs.append(x.detach())
    before.append(network.head(x))
    told = before[-1].log_softmax(1)
    share = told.detach().exp()
    found = [torch.zeros_like(p) for p in network.parameters()]
    for c in range(told.shape[1]):
        slopes = torch.autograd.grad(told[:, c].sum(), before, retain_graph=True)
        for layer, (slope, entering) in enumerate(zip(slopes, inputs, strict=True)):
            # The slope of a weight is that of its unit times what enters it, so squares part.
            squared = share[:, c, None] * slope.square()
            found[2 * layer] += squared.T @ entering.square() / len(rows)
            found[2 * layer + 1] += squared.mean(0)
    return found


class Ewc:
    """Backpropagation with a spring to the weights that each earlier task ended with.

    The loss of a task is its own + λ/2 Σ_tasks Σ_i F_i (θ_i - θ*_i)^2.  The sum over tasks is kept
    as two numbers a weight, Σ F and Σ F θ*, which pull exactly as all springs together do.

    Args:
        inputs: what images are like.
        seed: of the first weights, and of the images that F is taken from.
        strength: λ.  Steps go astray where the step size times λ Σ F is above two.
        samples: images of a task that are kept while it is learnt, to take F from at its end.
        hidden: widths of the hidden layers.
        rate: step size.
        optimizer: "sgd" or "adam".
        updates: steps on each batch.

    Raises:
        LearningError: a setting makes no sense.

    Source: Kirkpatrick et al. 2017, equation 3.
    """

    def __init__(
        self,
        inputs: Inputs,
        seed: int = 0,
        *,
        strength: float = 100.0,
        samples: int = 200,
        hidden: Sequence[int] = (100,),
        rate: float = 0.05,
        optimizer: str = "sgd",
        updates: int = 1,
    ) -> None:
        check_updates(updates)
        check_positive(strength=strength)
        if samples < 1:
            raise LearningError(f"F is taken from one image at least, not {samples}")
        self.fit = Fit(inputs, seed, hidden, rate, optimizer)
        self.strength, self.samples, self.updates = strength, samples, updates
        self._generator = torch.Generator().manual_seed(seed + 1)
        self.stiffness: list[Tensor] = []
        self.pulled: list[Tensor] = []

    @property
    def bytes(self) -> int:
        """Of the network, its optimizer, Σ F and Σ F θ*."""
        return self.fit.bytes + nbytes(*self.stiffness, *self.pulled)

    def learn(self, batches: Iterable[Batch]) -> None:
        """Take steps on each batch against the springs; then add the springs of this task."""
        some = Reservoir(self.samples, self._generator)
        for images, classes in batches:
            rows, columns = self.fit.inputs.rows(images), self.fit.meet(classes)
            self._lengthen()
            for _ in range(self.updates):
                self.fit.update(rows, columns, self.penalty if self.stiffness else None)
            some.add(images)
        if some.seen:
            self._consolidate(self.fit.inputs.rows(some.kept[0]))

    def predict(self, images: UInt8[Tensor, "b height width"]) -> Int64[Tensor, " b"]:
        """The class with the largest logit."""
        return self.fit.predict(images)

    def penalty(self) -> Tensor:
        """λ/2 Σ_i (Σ F θ^2 - 2 Σ F θ* θ): that of all springs, but for a constant."""
        parameters = list(self.fit.network.parameters())
        return (
            self.strength
            / 2
            * sum(
                ((stiff * p - 2 * pull) * p).sum()
                for stiff, pull, p in zip(self.stiffness, self.pulled, parameters, strict=True)
            )
        )  # pyright: ignore[reportReturnType]

    def _lengthen(self) -> None:
        """Rows of the head that no earlier task had are free."""
        parameters = list(self.fit.network.parameters())
        for kept in (self.stiffness, self.pulled):
            for i, old in enumerate(kept):
                if old.shape != parameters[i].shape:
                    new = torch.zeros_like(parameters[i])
                    new[: len(old)] = old
                    kept[i] = new

    def _consolidate(self, rows: Tensor) -> None:
        fisher = fisher_diagonal(self.fit.network, rows)
        parameters = [p.detach() for p in self.fit.network.parameters()]
        if not self.stiffness:
            self.stiffness = [torch.zeros_like(p) for p in parameters]
            self.pulled = [torch.zeros_like(p) for p in parameters]
        for i, (f, p) in enumerate(zip(fisher, parameters, strict=True)):
            self.stiffness[i] += f
            self.pulled[i] += f * p
