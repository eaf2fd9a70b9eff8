"""Continual backpropagation: units of little use are replaced, a few at a time and for ever."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from unfrozen.errors import LearningError
from unfrozen.learning.continual.learners.backprop.fine_tuning import check_updates
from unfrozen.learning.continual.learners.backprop.network import Fit
from unfrozen.learning.continual.learners.base import Batch, Inputs, nbytes


@dataclass
class Usage:
    """What is known of one layer's units.

    Attributes:
        utility: u, running means of what each unit contributes.
        mean: running mean of each unit, to be taken over by the next layer's bias.
        age: steps since each unit was made.
        due: units to be replaced, in fractions that add up over steps.
    """

    utility: Float[Tensor, " unit"]
    mean: Float[Tensor, " unit"]
    age: Float[Tensor, " unit"]
    due: float = 0.0


class ContinualBackprop:
    """Backpropagation, with units of the least utility made anew.

    The utility of unit i is a running mean of its size times that of what leaves it,
    u_i <- η u_i + (1 - η) |h_i| Σ_k |w_ik|.  Of the units that are older than the threshold, a
    share ρ is replaced a step: those of the least utility get new weights into them, weights of
    zero out of them, and a first age and utility.  What the next layer's units received of a
    replaced one on average is put into their biases, and an optimizer forgets what it kept of all
    its weights.

    Args:
        inputs: what images are like.
        seed: of the first weights, and of those that replace them.
        replacement: ρ, a step.
        decay: η.
        maturity: the threshold, in steps.
        hidden: widths of the hidden layers.
        rate: step size.
        optimizer: "sgd" or "adam".
        updates: steps on each batch.

    Raises:
        LearningError: a setting makes no sense.

    Source: Dohare et al. 2024, algorithm 1 and equation 1; biases that take over a unit's mean as
        in the authors' code.
    """

    def __init__(
        self,
        inputs: Inputs,
        seed: int = 0,
        *,
        replacement: float = 1e-4,
        decay: float = 0.99,
        maturity: int = 100,
        hidden: Sequence[int] = (100,),
        rate: float = 0.05,
        optimizer: str = "sgd",
        updates: int = 1,
    ) -> None:
        check_updates(updates)
        if not 0 <= replacement < 1 or not 0 <= decay < 1 or maturity < 0:
            raise LearningError(
                "the share of units replaced and the decay are in [0, 1), and the threshold is not "
                f"negative: not {replacement}, {decay} and {maturity}"
            )
        self.fit = Fit(inputs, seed, hidden, rate, optimizer)
        self.replacement, self.decay = replacement, decay
        self.maturity, self.updates = maturity, updates
        self.usage = [Usage(torch.zeros(w), torch.zeros(w), torch.zeros(w)) for w in hidden]
        self.replaced = 0

    @property
    def bytes(self) -> int:
        """Of the network, its optimizer and what is known of units."""
        return self.fit.bytes + sum(nbytes(u.utility, u.mean, u.age) + 8 for u in self.usage)

    def learn(self, batches: Iterable[Batch]) -> None:
        """Take steps on each batch, and replace units after each step."""
        for images, classes in batches:
            rows, columns = self.fit.inputs.rows(images), self.fit.meet(classes)
            for _ in range(self.updates):
                self.renew(self.fit.update(rows, columns).hidden)

    def predict(self, images: UInt8[Tensor, "b height width"]) -> Int64[Tensor, " b"]:
        """The class with the largest logit."""
        return self.fit.predict(images)

    @torch.no_grad()
    def renew(self, hidden: Sequence[Tensor]) -> None:
        """Take a step's units into account, and replace those that are due.

        Args:
            hidden: the units of each hidden layer, [b, unit], rectified.
        """
        for number, (usage, h) in enumerate(zip(self.usage, hidden, strict=True)):
            outgoing = self.fit.network.every[number + 1].weight.abs().sum(0)
            # Rectified units are not negative, so the mean of their sizes is their mean.
            mean = h.mean(0)
            usage.age += 1
            usage.mean.mul_(self.decay).add_(mean, alpha=1 - self.decay)
            usage.utility.mul_(self.decay).add_(mean * outgoing, alpha=1 - self.decay)
            mature = usage.age > self.maturity
            usage.due += self.replacement * float(mature.sum())
            count = int(usage.due)
            if count:
                usage.due -= count
                candidates = usage.utility.masked_fill(~mature, float("inf"))
                units = candidates.topk(count, largest=False).indices
                self.replace(number, units)

    @torch.no_grad()
    def replace(self, number: int, units: Int64[Tensor, " some"]) -> None:
        """New weights into units, none out of them; the next layer's biases take over their mean.

        Args:
            number: of the hidden layer, from 0 on.
            units: of it.
        """
        usage, (layer, following) = self.usage[number], self.fit.network.every[number : number + 2]
        # A running mean that began at zero is too small by this share.
        seen = 1 - self.decay ** usage.age[units]
        following.bias.add_(following.weight[:, units] @ (usage.mean[units] / seen))
        layer.weight[units] = self.fit.network.drawn(len(units), layer.weight.shape[1])
        layer.bias[units] = 0
        following.weight[:, units] = 0
        for state in (usage.utility, usage.mean, usage.age):
            state[units] = 0
        for parameter, where in (
            (layer.weight, (units,)),
            (layer.bias, (units,)),
            (following.weight, (slice(None), units)),
        ):
            for kept in self.fit.optimizer.state.get(parameter, {}).values():
                if isinstance(kept, Tensor) and kept.shape == parameter.shape:
                    kept[where] = 0
        self.replaced += len(units)
