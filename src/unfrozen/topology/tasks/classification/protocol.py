"""Ten folds, and the same search for every family of networks.

How figures on the sets of TU Dortmund come about decides what they say.  Here each of ten folds is
asked once; what a network is like (layer, width, depth, learning rate, lift) and when training ends
is chosen, for each fold anew, by a validation part of the other nine, never by the fold itself
(Errica et al. 2020).  Graph baselines get as many trials as networks on cells do.

Many papers instead report, after one choice for all folds, the epoch whose mean over the folds
asked is highest (Xu et al. 2019).  That looks at the answers, and gives higher figures: `peak`
computes it, for comparison with such papers only.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn

from unfrozen.errors import TopologyError
from unfrozen.topology.tasks.classification.training import (
    Fitted,
    TrainSettings,
    fit,
    mean_and_deviation,
)
from unfrozen.topology.tasks.labelled import Examples, Parts

Value = str | int | float
Choice = dict[str, Value]
Space = Mapping[str, Sequence[Value]]


@dataclass(frozen=True)
class Family:
    """Networks to choose from.

    Attributes:
        name: of the family.
        space: what is chosen -> its values.
        prepare: the examples as a choice has them, such as lifted.
        build: a network for examples and a choice, its weights drawn by a seed.
        settings: of the training, for a choice.
    """

    name: str
    space: Space
    prepare: Callable[[Choice], Examples]
    build: Callable[[Examples, Choice, int], nn.Module]
    settings: Callable[[Choice], TrainSettings]

    def choices(self, trials: int, seed: int) -> tuple[Choice, ...]:
        """Some of all combinations, none twice, by lot; all of them if there are no more.

        Raises:
            TopologyError: there is to be no trial.
        """
        if trials < 1:
            raise TopologyError("a search takes one trial or more")
        every = [
            dict(zip(self.space, v, strict=True)) for v in itertools.product(*self.space.values())
        ]
        order = np.random.default_rng(seed).permutation(len(every))
        return tuple(every[i] for i in order[:trials])


@dataclass(frozen=True)
class Trial:
    """A choice on a fold.

    Attributes:
        choice: what was tried.
        fitted: what came of it.
    """

    choice: Choice
    fitted: Fitted


@dataclass(frozen=True)
class Marks:
    """What a family came to.

    Attributes:
        family: its name.
        folds: trials on each fold, the chosen one first.
    """

    family: str
    folds: tuple[tuple[Trial, ...], ...]

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Of the chosen network on each fold."""
        return tuple(trials[0].fitted.test.accuracy for trials in self.folds)

    @property
    def mean(self) -> float:
        """Over folds."""
        return mean_and_deviation(self.accuracies)[0]

    @property
    def deviation(self) -> float:
        """Over folds."""
        return mean_and_deviation(self.accuracies)[1]


def folds(
    classes: Int64[Tensor, " complex"], n: int = 10, *, validation: float = 0.1, seed: int = 0
) -> tuple[Parts, ...]:
    """Parts in which every complex is asked once, each class in its share.

    Args:
        classes: of all.
        n: folds.
        validation: share of those that are not asked, to choose by.
        seed: of the dealing.

    Raises:
        TopologyError: there are fewer than two folds, or some class has fewer complexes.
    """
    counts = classes.bincount()
    least = int(counts[counts > 0].min())
    if n < 2 or n > least:
        raise TopologyError(f"a class has {least} complexes, which are not {n} folds (two or more)")
    if not 0 < validation < 1:
        raise TopologyError(f"the share to choose by is between 0 and 1, not {validation}")
    draw = np.random.default_rng(seed)
    fold = _dealt(classes.numpy(), n, draw)
    found = []
    for asked in range(n):
        rest = np.flatnonzero(fold != asked)
        # Dealt again, into as many parts as make one of the share.
        part = _dealt(classes.numpy()[rest], max(2, round(1 / validation)), draw)
        rows = rest[part != 0], rest[part == 0], np.flatnonzero(fold == asked)
        found.append(Parts(*(torch.from_numpy(each) for each in rows)))
    return tuple(found)


def cross_validate(
    family: Family,
    parts: Sequence[Parts],
    *,
    trials: int,
    seed: int = 0,
    done: Callable[[int, Trial], None] = lambda _, __: None,
) -> Marks:
    """Choose on the validation part of each fold, and ask each fold once.

    Args:
        family: to choose from.
        parts: folds.
        trials: on each fold, the same for all families.
        seed: of the trials, and of weights and orders of examples.
        done: hears of the fold and of each trial.
    """
    found = []
    for number, part in enumerate(parts):
        tried = []
        for choice in family.choices(trials, seed):
            trial = Trial(choice, _run(family, choice, part, seed))
            tried.append(trial)
            done(number, trial)
        tried.sort(key=lambda one: (-one.fitted.validation.accuracy, one.fitted.validation.loss))
        found.append(tuple(tried))
    return Marks(family.name, tuple(found))


def peak(
    family: Family, parts: Sequence[Parts], choice: Choice, *, seed: int = 0
) -> tuple[float, float]:
    """Mean and deviation over folds at the epoch whose mean is highest: what many papers report.

    It looks at the answers, so that it is no estimate of what a network does on others.

    Source: Xu et al. 2019.
    """
    whole = replace(family, settings=lambda own: replace(family.settings(own), patience=None))
    curves = torch.tensor([_run(whole, choice, part, seed).test_curve for part in parts])
    best = int(curves.mean(0).argmax())
    return mean_and_deviation(curves[:, best].tolist())


def _run(family: Family, choice: Choice, part: Parts, seed: int) -> Fitted:
    examples = family.prepare(choice)
    network = family.build(examples, choice, seed)
    return fit(network, examples, part, family.settings(choice), seed=seed)


def _dealt(
    classes: Int64[np.ndarray, " row"], n: int, draw: np.random.Generator
) -> Int64[np.ndarray, " row"]:
    """A number below n for each, evenly within each class and over all."""
    order = draw.permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]
    dealt = np.empty(len(classes), np.int64)
    dealt[order] = np.arange(len(classes)) % n
    return dealt
