"""Energy Transformer (Hoover et al. 2023): descent, completion, anomalies and graphs."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from unfrozen.data.tables import RARE
from unfrozen.papers.claim import Budget, Claim, ClaimSpec, Figure, Outcome, Table
from unfrozen.papers.energy_transformer import anomaly, completion, descent, graphs
from unfrozen.papers.running.context import RunContext

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

DESCENT = ClaimSpec(
    "energy-transformer.descent",
    "The energy falls at every step: the share of steps after which it was higher, over trained "
    "and random weights",
    0.0,
    "of the steps",
)
COMPLETION = ClaimSpec(
    "energy-transformer.completion",
    "Pictures are completed better than by a plain transformer block of equal parameters: by how "
    "much the error of hidden patches is lower",
    None,
    "of the error",
)
ANOMALY = ClaimSpec(
    "energy-transformer.anomaly",
    "Anomalous nodes are found better than by a graph convolution: difference of the mean areas "
    "under the curve",
    None,
    "AUC",
)
GRAPHS = ClaimSpec(
    "energy-transformer.graphs",
    "Graphs are classified better than by a graph convolution: difference of the mean accuracies",
    None,
    "accuracy",
)


@dataclass(frozen=True)
class _Budget:
    epochs: int
    seeds: int
    rare: tuple[str, ...]
    graphs: tuple[str, ...]


_BUDGETS = {
    "full": _Budget(240, 5, RARE, ("MUTAG", "Cuneiform")),
    "quick": _Budget(24, 1, ("ecoli4", "glass5"), ("MUTAG",)),
}


class EnergyTransformerPaper:
    """Descends, completes, finds and classifies."""

    name = "energy-transformer"
    title = "Energy Transformer"
    citation = "Hoover, Liang, Pham, Panda, Strobelt, Chau, Zaki, Krotov. NeurIPS 2023."
    summary = (
        "The energy is followed with trained and random weights.  Digits with hidden patches are "
        "completed, beside plain transformer blocks of equal parameters whose learning rates are "
        "chosen alike.  Rare rows of tables are found among their neighbours, and molecules and "
        "signs classified as graphs, beside graph convolutions on the same splits.  The paper's "
        "graphs of fraud are in no package; accuracies published for small graph sets were "
        "measured on graphs that had been trained on, and are no target here."
    )
    claims = (DESCENT, COMPLETION, ANOMALY, GRAPHS)

    def run(self, budget: Budget, seed: int, context: RunContext) -> Outcome:
        """Measure every claim."""
        size = _BUDGETS[budget]
        completed = completion.compare(context, size.epochs, size.seeds, seed)
        falls = descent.falls(completed.model, completed.pictures, completed.hidden)
        found = anomaly.compare(context, size.rare, size.seeds, seed)
        judged = graphs.compare(context, size.graphs, size.seeds, seed)
        return Outcome(
            claims=(_descent(falls), _completion(completed), _anomaly(found), _graphs(judged)),
            figures=(
                Figure(
                    "Completion",
                    _pictures(completed),
                    "From above: test pictures with hidden patches in blue, what the block makes "
                    "of them, and the whole pictures.",
                ),
                Figure(
                    "Energy",
                    _energies(falls),
                    "One picture's energy from the start to sixty steps, far more than in "
                    "training, by the range it covers.",
                ),
            ),
            tables=(
                _completion_table(completed),
                _falls_table(falls),
                _anomaly_table(found),
                _graphs_table(judged),
            ),
        )


EXPERIMENT = EnergyTransformerPaper()


def _descent(falls: Sequence[descent.Falls]) -> Claim:
    rises, steps = sum(f.rises for f in falls), sum(f.steps for f in falls)
    return DESCENT.measured(
        rises / steps,
        holds=rises == 0,
        note=f"{rises} of {steps} steps, over {', '.join(f.name for f in falls)}; the largest "
        f"rise is {max(f.largest for f in falls):.1e} of the range of the energy",
    )


def _gain(spec: ClaimSpec, gaps: Sequence[float], note: str) -> Claim:
    """A claim that a gain is above its uncertainty, which a single seed does not tell."""
    half, value = _half_width(gaps), statistics.mean(gaps)
    return spec.measured(
        value,
        holds=value - half > 0,
        deviation=half if math.isfinite(half) else None,
        note=f"{note}; {len(gaps)} seed{'s' if len(gaps) > 1 else ''}.  Deviation is half a 95 % "
        "interval over seeds, of which one alone has none.  Holds if the gain is above it",
    )


def _over(columns: Sequence[Sequence[float]]) -> list[float]:
    """The mean over sets, one a seed."""
    return [statistics.mean(column) for column in zip(*columns, strict=True)]


def _completion(found: completion.Completed) -> Claim:
    ours, plain = found.errors["energy"], found.errors["plain"]
    repeated = statistics.mean(found.errors["plain, repeated"])
    return _gain(
        COMPLETION,
        [1 - a / b for a, b in zip(ours, plain, strict=True)],
        f"error {statistics.mean(ours):.4f} of the variance against {statistics.mean(plain):.4f} "
        f"of the block applied once and {repeated:.4f} of the block applied {completion.STEPS} "
        "times; digits of 8 by 8 pixels, half of the patches hidden",
    )


def _anomaly(found: Sequence[anomaly.Found]) -> Claim:
    ours, theirs, alone = (_over([f.auc[kind] for f in found]) for kind in anomaly.MODELS)
    return _gain(
        ANOMALY,
        [a - b for a, b in zip(ours, theirs, strict=True)],
        f"{statistics.mean(ours):.3f} against {statistics.mean(theirs):.3f} of the convolution "
        f"and {statistics.mean(alone):.3f} without a graph, over {len(found)} graphs of "
        f"{anomaly.NEIGHBOURS} neighbours",
    )


def _graphs(found: Sequence[graphs.Classified]) -> Claim:
    ours, theirs = (_over([f.accuracy[kind] for f in found]) for kind in graphs.MODELS)
    return _gain(
        GRAPHS,
        [a - b for a, b in zip(ours, theirs, strict=True)],
        f"{statistics.mean(ours):.3f} against {statistics.mean(theirs):.3f}, ten folds, "
        f"{', '.join(f.name for f in found)}",
    )


def _half_width(values: Sequence[float]) -> float:
    """Half a 95 % confidence interval of the mean; infinite for a single value."""
    quantile = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}
    if len(values) < 2:
        return math.inf
    spread = statistics.stdev(values) / len(values) ** 0.5
    return quantile.get(len(values), 1.96) * spread


def _pictures(found: completion.Completed) -> "Picture":
    from matplotlib.figure import Figure as Picture

    model = found.model
    with torch.no_grad():
        imagined = model(found.pictures, found.hidden)
    patches, hidden = model.patches(found.pictures), found.hidden[..., None]
    rows = {
        "given": patches.masked_fill(hidden, float("nan")),
        "completed": torch.where(hidden, imagined, patches),
        "whole": patches,
    }
    figure = Picture(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots(3, len(found.pictures))
    for line, (name, each) in zip(axes, rows.items(), strict=True):
        for ax, picture in zip(line, model.pictures(each)[:, 0], strict=True):
            ax.imshow(picture, cmap="Greys", vmin=-1, vmax=2.2)
            ax.set_facecolor("#9db7d5")
            ax.set_xticks([])
            ax.set_yticks([])
        line[0].set_ylabel(name)
    return figure


def _energies(falls: Sequence[descent.Falls]) -> "Picture":
    from matplotlib.figure import Figure as Picture

    figure = Picture(figsize=(7, 3.6), layout="constrained")
    ax = figure.subplots()
    colours = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
    for fall, colour in zip(falls, colours, strict=False):
        low, high = min(fall.energies), max(fall.energies)
        shown = [(e - low) / max(high - low, 1e-12) for e in fall.energies]
        ax.plot(shown, color=colour, label=fall.name)
    ax.axvline(completion.STEPS, color="0.5", ls=":", lw=1)
    ax.set_xlabel("step")
    ax.set_ylabel("energy, by its range")
    ax.legend(frameon=False, fontsize=8)
    return figure


def _completion_table(found: completion.Completed) -> Table:
    rows = [
        (kind, found.parameters[kind], found.rates[kind], statistics.mean(e), _half_width(e))
        for kind, e in found.errors.items()
    ]
    columns = ("block", "parameters", "learning rate", "error (of the variance)", "± 95 %")
    return Table("Completion of digits", columns, tuple(rows))


def _falls_table(falls: Sequence[descent.Falls]) -> Table:
    rows = [(f.name, f.steps, f.rises, f.largest) for f in falls]
    return Table(
        "Descent", ("weights", "steps", "rises", "largest rise (of the range)"), tuple(rows)
    )


def _anomaly_table(found: Sequence[anomaly.Found]) -> Table:
    rows = [
        (f.name, f.nodes, f.anomalies, *(statistics.mean(f.auc[k]) for k in anomaly.MODELS))
        for f in found
    ]
    columns = ("graph", "nodes", "anomalies", *anomaly.MODELS)
    return Table("AUC of anomalous nodes", columns, tuple(rows))


def _graphs_table(found: Sequence[graphs.Classified]) -> Table:
    rows = [
        (f.name, k, statistics.mean(values), _half_width(values))
        for f in found
        for k, values in f.accuracy.items()
    ]
    return Table("Accuracy on graphs", ("set", "model", "accuracy", "± 95 %"), tuple(rows))
