"""Tables and pictures of what learners knew, when."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from unfrozen.learning.continual import (
    average_accuracy,
    average_forgetting,
    backward_transfer,
    forward_transfer,
    plasticity_lost,
)
from unfrozen.papers.claim import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

# Safe for the colour-blind (Okabe and Ito 2008).
_COLOURS = (
    "#0072b2", "#009e73", "#56b4e9", "#cc79a7", "#d55e00", "#e69f00", "#f0e442", "#000000", "0.6",
)  # fmt: skip
_PLASTIC = ("#d55e00", "#0072b2", "#009e73")
_METRICS: dict[str, Callable[[Any], float]] = {
    "average accuracy": lambda run: 100 * average_accuracy(matrix(run)),
    "forgetting": lambda run: 100 * average_forgetting(matrix(run)),
    "backward transfer": lambda run: 100 * backward_transfer(matrix(run)),
    "forward transfer": lambda run: 100 * forward_transfer(
        matrix(run), torch.tensor(run["before"])
    ),
}  # fmt: skip


def matrix(run: Mapping[str, Any]) -> Tensor:
    """The accuracy matrix of a run."""
    return torch.tensor(run["matrix"])


def scores(runs: Sequence[Mapping[str, Any]], metric: str) -> list[float]:
    """One metric of each seed, in points; none of a stream of one task but its accuracy."""
    if metric != "average accuracy" and len(runs[0]["matrix"]) == 1:
        return []
    return [_METRICS[metric](run) for run in runs]


def spread(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean and standard deviation; None where there are too few."""
    mean = statistics.fmean(values) if values else None
    return mean, statistics.stdev(values) if len(values) > 1 else None


def table(title: str, found: Mapping[str, Sequence[Mapping[str, Any]]], note: str) -> Table:
    """A line a learner."""
    columns = ["learner"]
    for metric in _METRICS:
        columns += [f"{metric} (points)", f"{metric} ± sd"]
    rows = []
    for label, runs in found.items():
        cells = [cell for metric in _METRICS for cell in spread(scores(runs, metric))]
        seconds = statistics.fmean(run["seconds"] for run in runs)
        rows.append((label, *cells, max(run["bytes"] for run in runs), seconds))
    return Table(title, (*columns, "bytes", "processor seconds"), tuple(rows), note)


def window(tasks: int) -> int:
    """A tenth of the tasks: over so many, accuracy is averaged."""
    return max(tasks // 10, 1)


def lost(run: Mapping[str, Any]) -> float:
    """Points from the best tenth of a stream to its last."""
    online = torch.tensor(run["accuracy"])
    return 100 * plasticity_lost(online, window(len(online)))


def last(run: Mapping[str, Any]) -> float:
    """Accuracy of the last tenth, in points."""
    online = run["accuracy"]
    return 100 * statistics.fmean(online[-window(len(online)) :])


def plasticity_table(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    """A line a learner."""
    rows = []
    for label, runs in found.items():
        first = [100 * statistics.fmean(r["accuracy"][: window(len(r["accuracy"]))]) for r in runs]
        cells = [
            cell
            for values in (first, [last(r) for r in runs], [lost(r) for r in runs])
            for cell in spread(values)
        ]
        seconds = statistics.fmean(run["seconds"] for run in runs)
        rows.append((label, *cells, max(run["bytes"] for run in runs), seconds))
    return Table(
        "Plasticity over hundreds of tasks",
        ("learner", "first tenth (points)", "first ± sd", "last tenth (points)", "last ± sd",
         "lost from the best tenth (points)", "lost ± sd", "bytes", "processor seconds"),
        tuple(rows),
        "Accuracy on images that are yet to be learnt, by tenths of the stream.",
    )  # fmt: skip


def accuracy_picture(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> "Picture":
    """Accuracy on all tasks so far, after each."""
    figure, axes = _figure(6.4, 4.0)
    for (label, runs), colour in zip(found.items(), _COLOURS, strict=False):
        if len(runs[0]["matrix"]) == 1:
            continue
        curves = torch.stack(
            [torch.stack([row[: i + 1].mean() for i, row in enumerate(matrix(r))]) for r in runs]
        )
        x = range(1, curves.shape[1] + 1)
        axes.plot(x, 100 * curves.mean(0), "o-", ms=3, color=colour, label=label)
        if len(runs) > 1:
            low, high = (100 * (curves.mean(0) + s * curves.std(0)) for s in (-1, 1))
            axes.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
    axes.set_xlabel("tasks learnt")
    axes.set_ylabel("accuracy on all of them (points)")
    axes.set_ylim(0, 101)
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def plasticity_picture(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> "Picture":
    """Accuracy while tasks are learnt, as running means."""
    figure, axes = _figure(6.0, 3.4)
    for (label, runs), colour in zip(found.items(), _PLASTIC, strict=False):
        curves = torch.tensor([run["accuracy"] for run in runs])
        width = max(curves.shape[1] // 20, 1)
        smooth = 100 * curves.unfold(1, width, 1).mean(2)
        x = range(width, curves.shape[1] + 1)
        axes.plot(x, smooth.mean(0), color=colour, label=label)
        if len(runs) > 1:
            low, high = (smooth.mean(0) + s * smooth.std(0) for s in (-1, 1))
            axes.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
    axes.set_xlabel("task")
    axes.set_ylabel("accuracy before learning (points)")
    axes.legend(fontsize=8, frameon=False)
    return figure


def matrix_picture(
    found: Mapping[str, Sequence[Mapping[str, Any]]], labels: Sequence[str]
) -> "Picture":
    """Accuracy matrices, means over seeds."""
    from matplotlib.figure import Figure as Picture

    figure = Picture(figsize=(2.6 * len(labels) + 0.6, 2.9), layout="constrained")
    axes = figure.subplots(1, len(labels), squeeze=False)[0]
    image = None
    for ax, label in zip(axes, labels, strict=True):
        mean = 100 * torch.stack([matrix(run) for run in found[label]]).mean(0)
        image = ax.imshow(mean.numpy(), vmin=0, vmax=100, cmap="cividis")
        ax.set_title(label, fontsize=9)
        ax.set_xlabel("asked about task")
    axes[0].set_ylabel("after task")
    if image is not None:
        figure.colorbar(image, ax=list(axes), label="accuracy (points)")
    return figure


def _figure(width: float, height: float) -> tuple["Picture", Any]:
    from matplotlib.figure import Figure as Picture

    figure = Picture(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()
