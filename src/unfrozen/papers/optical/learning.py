"""What a network of one layer learns from, and how well: light, and images without it."""

import copy
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from unfrozen.data.images import Images, images, white
from unfrozen.learning.forward_forward import FitSettings, ForwardForward, dense, fit
from unfrozen.learning.optics import Fibre, FibreSettings, RandomMedium
from unfrozen.papers.running.context import RunContext
from unfrozen.papers.running.measure import count_flops

# What is known without any optics; the best of them on the test images is what a fibre is held to.
DIGITAL = ("pixels", "pixels, centred", "pooled", "pooled, centred")
RANDOM, LINEAR, KERR = "random medium", "linear fibre", "Kerr fibre"
TRANSFORMS = (*DIGITAL, RANDOM, LINEAR, KERR)
NONE = ("none", "none, centred")
BETWEENS = (*NONE, RANDOM, LINEAR, KERR)
RIDGE = "ridge"
FIBRE = FibreSettings()
# Without the Kerr effect steps are exact at any length.
STRAIGHT = replace(FIBRE.linear(), steps=12)
_CLASSES = 10
_RIDGES = (1.0, 10.0, 100.0, 1000.0)
# Rates, and how much larger a label is than the root mean square of what it is written beside.
CHOICES = {f"{rate}, {label}": (rate, label) for rate in (3e-3, 1e-2) for label in (4.0, 8.0)}


@dataclass(frozen=True)
class Size:
    """How much is trained and asked.

    Attributes:
        samples: images that a seed learns from.
        asked: test images.
        kept: training images that settings are chosen on.
        between: test images of the second layer.
        widths: units of a layer; claims are about the first.
        fit: how long to train.
        seeds: of images and weights.
        between_seeds: likewise, of the second layer.
    """

    samples: int
    asked: int
    kept: int
    between: int
    widths: tuple[int, ...]
    fit: FitSettings
    seeds: int
    between_seeds: int


@functools.cache
def scaled(name: str) -> tuple[Tensor, Tensor]:
    """Images to learn from and to be asked, as rows from 0 to 1."""
    found: Images = images(name)
    train, test = ((part.float() / white(name)).flatten(1) for part in (found.train, found.test))
    return train, test


def medium(name: str, features: int, seed: int) -> Callable[[Tensor], Tensor]:
    """What light goes through, by name."""
    if name == RANDOM:
        return RandomMedium(features, FIBRE, seed=seed)
    return Fibre(FIBRE if name == KERR else STRAIGHT)


def _through(light: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """In parts, since fields are larger than what they are seen as."""
    return torch.cat([light(part) for part in rows.split(1024)])


def _transformed(name: str, samples: Tensor, asked: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """What a network learns from and is asked with, under the name of a transform."""
    if name not in DIGITAL:
        light = medium(name, samples.shape[1], seed)
        samples, asked = _through(light, samples), _through(light, asked)
    elif name.startswith("pooled"):
        samples, asked = _pooled(samples), _pooled(asked)
    if name in ("pixels", "pooled"):
        return samples, asked
    return _standardised(samples, asked)


def _pooled(rows: Tensor) -> Tensor:
    side = math.isqrt(rows.shape[1])
    return F.avg_pool2d(rows.view(-1, 1, side, side), 2).flatten(1)


def _standardised(samples: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
    """By mean and deviation of each feature over the samples; dark corners are not blown up."""
    mean, deviation = samples.mean(0), samples.std(0)
    deviation = deviation.clamp(min=0.1 * float(deviation.mean()))
    return (samples - mean) / deviation, (asked - mean) / deviation


def _network(
    samples: Tensor,
    classes: Tensor,
    width: int,
    settings: FitSettings,
    label: float,
    context: RunContext,
) -> tuple[ForwardForward, Callable[[Tensor], Tensor]]:
    """A trained network of one layer, and what its samples go through before it."""
    scale = label * float(samples.square().mean().sqrt())

    def written(rows: Tensor) -> Tensor:
        # Zeros in front, which labels replace; the network takes every row to one length.
        return F.pad(rows / scale, (_CLASSES, 0))

    network = dense(
        [_CLASSES + samples.shape[1], width],
        _CLASSES,
        generator=torch.Generator().manual_seed(settings.seed),
    )
    _learn(network, written(samples), classes, settings, context)
    return network, written


def _learn(
    network: ForwardForward,
    rows: Tensor,
    classes: Tensor,
    settings: FitSettings,
    context: RunContext,
) -> None:
    """Train in place, and add the operations of all steps, as many as those of one on a copy."""
    other, n = copy.deepcopy(network), settings.batch
    generator = torch.Generator().manual_seed(0)
    counted = count_flops(lambda: other.accumulate(rows[:n], classes[:n], generator))
    context.add_flops(counted.flops * math.ceil(len(rows) / n) * settings.epochs)
    fit(network, rows, classes, settings)


def _accuracy(network: ForwardForward, asked: Tensor, classes: Tensor) -> float:
    said = torch.cat([network.predict(part) for part in asked.split(1000)])
    return 100 * float((said == classes).double().mean())


def _drawn(n: int, seed: int, size: Size) -> tuple[Tensor, Tensor]:
    """Which training images a seed learns from, and those kept apart, the same for all seeds."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    rest, kept = order[: n - size.kept], order[n - size.kept :]
    drawn = torch.randperm(len(rest), generator=torch.Generator().manual_seed(seed))
    return rest[drawn[: size.samples]], kept


def chosen_on(name: str, transform: str, size: Size, context: RunContext) -> dict[str, float]:
    """Accuracy of each choice, on training images that no seed learns from."""
    rows, classes = scaled(name)[0], images(name).train_classes
    at, kept = _drawn(len(rows), 0, size)
    samples, asked = _transformed(transform, rows[at], rows[kept], 0)
    found = {}
    for choice, (rate, label) in CHOICES.items():
        settings = replace(size.fit, rate=rate, seed=0)
        network, written = _network(samples, classes[at], size.widths[0], settings, label, context)
        found[choice] = _accuracy(network, written(asked), classes[kept])
    return found


def measure(
    name: str,
    seed: int,
    chosen: Mapping[str, str],
    size: Size,
    context: RunContext,
    *,
    widths: Sequence[int],
    deep: bool,
) -> dict[str, Any]:
    """Accuracy by transform and width, and with a second layer if `deep`."""
    data, (rows, test) = images(name), scaled(name)
    at, _ = _drawn(len(rows), seed, size)
    classes, asked = data.train_classes[at], test[: size.asked]
    answers = data.test_classes[: size.asked]
    found: dict[str, dict[str, float]] = {}
    between = None
    for transform, choice in chosen.items():
        rate, label = CHOICES[choice]
        samples, questions = _transformed(transform, rows[at], asked, seed)
        found[transform] = {RIDGE: _ridge(samples, classes, questions, answers)}
        settings = replace(size.fit, rate=rate, seed=seed)
        for width in widths:
            network, written = _network(samples, classes, width, settings, label, context)
            found[transform][str(width)] = _accuracy(network, written(questions), answers)
            if deep and transform == DIGITAL[0] and width == size.widths[0]:
                parts = (written(samples), written(questions[: size.between]))
                others = (classes, answers[: size.between], settings, context)
                between = _between(network, *parts, *others)
    return {"set": name, "seed": seed, "accuracy": found, "between": between}


def _between(
    network: ForwardForward,
    samples: Tensor,
    asked: Tensor,
    classes: Tensor,
    answers: Tensor,
    settings: FitSettings,
    context: RunContext,
) -> dict[str, float]:
    """Accuracy of a second layer, by what is between it and the first."""
    learnt, questions = (_activity(network, part) for part in (samples, asked))
    width = learnt.shape[2]
    found = {}
    for name in BETWEENS:
        a, b = (part.flatten(0, 1) for part in (learnt, questions))
        if name not in NONE:
            light = medium(name, width, settings.seed)
            a, b = _through(light, a), _through(light, b)
        if name != NONE[0]:
            a, b = _standardised(a, b)
        above = dense(
            [a.shape[1], width],
            _CLASSES,
            generator=torch.Generator().manual_seed(settings.seed + 50),
        )
        # A sample is its images under every label: a label chooses one of them.
        above.write = lambda rows, labels: torch.einsum("bld,bl->bd", rows, labels)
        _learn(above, a.view(*learnt.shape[:2], -1), classes, settings, context)
        found[name] = _accuracy(above, b.view(*questions.shape[:2], -1), answers)
    return found


@torch.no_grad()
def _activity(network: ForwardForward, rows: Tensor) -> Tensor:
    """Of the first layer under every label, at a root mean square of 1: [b, label, unit]."""
    labels = torch.eye(_CLASSES)
    first = network.layers[0]
    found = [first(network.write(rows, label.expand(len(rows), -1))) for label in labels]
    activity = torch.stack(found, 1)
    return activity / activity.square().mean(2, keepdim=True).sqrt().clamp(min=1e-8)


def _ridge(samples: Tensor, classes: Tensor, asked: Tensor, answers: Tensor) -> float:
    """Accuracy of a linear readout, whose penalty is chosen on the last fifth of the samples."""
    scale = samples.square().mean().sqrt()
    a, b = (F.pad(part.double() / scale, (0, 1), value=1.0) for part in (samples, asked))
    target = 2 * F.one_hot(classes, _CLASSES).double() - 1
    n = len(a) * 4 // 5

    def solved(rows: Tensor, wanted: Tensor) -> Callable[[float], Tensor]:
        square, product = rows.T @ rows, rows.T @ wanted
        eye = torch.eye(len(square), dtype=square.dtype)
        return lambda penalty: torch.linalg.solve(square + penalty * eye, product)

    part, whole = solved(a[:n], target[:n]), solved(a, target)

    def right(penalty: float) -> float:
        return float(((a[n:] @ part(penalty)).argmax(1) == classes[n:]).double().mean())

    said = (b @ whole(max(_RIDGES, key=right))).argmax(1)
    return 100 * float((said == answers).double().mean())
