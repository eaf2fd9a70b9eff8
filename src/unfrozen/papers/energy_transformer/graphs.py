"""Whole graphs classified: the Energy Transformer beside a graph convolution, on the same folds."""

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unfrozen.data.graphs import Graphs, graphs
from unfrozen.energy.graphs import GraphEnergyTransformer
from unfrozen.energy.tasks import GraphClassifier, laplacian_positions
from unfrozen.papers.classification import stratified_folds
from unfrozen.papers.energy_transformer.anomaly import averaged
from unfrozen.papers.running.context import RunContext

WIDTH, HEADS, STEPS, POSITIONS = 64, 4, 4, 8
_EPOCHS, _BATCH, _RATE, _DECAY, _FOLDS = 60, 32, 1e-3, 0.05, 10


class Convolution(nn.Module):
    """Rounds of averaging over neighbours, and the mean over a graph's nodes.

    Source: Kipf and Welling 2017, equation 9.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        widths = (features, WIDTH, WIDTH, WIDTH)
        pairs = itertools.pairwise(widths)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairs)
        self.classify = nn.Linear(WIDTH, classes)

    def forward(self, nodes: Tensor, places: Tensor, edges: Tensor, graph: Tensor) -> Tensor:
        """A row of logits a graph."""
        h = nodes
        for layer in self.layers:
            h = averaged(layer(h), edges).relu()
        count = int(graph.max()) + 1
        sums = torch.zeros(count, WIDTH).index_add(0, graph, h)
        return self.classify(sums / torch.bincount(graph)[:, None])


def energy(features: int, classes: int) -> GraphClassifier:
    """The Energy Transformer's classifier."""
    block = GraphEnergyTransformer(WIDTH, HEADS, WIDTH // HEADS, steps=STEPS, noise=0.02)
    return GraphClassifier(features, classes, block, WIDTH, positions=POSITIONS)


MODELS: dict[str, Callable[[int, int], nn.Module]] = {
    "energy": energy,
    "convolution": Convolution,
}


@dataclass(frozen=True)
class Classified:
    """Mean ten-fold accuracy of each model on one set, one a seed."""

    name: str
    accuracy: dict[str, list[float]]


def compare(context: RunContext, names: tuple[str, ...], seeds: int, seed: int) -> list[Classified]:
    """Ten-fold cross-validation of every model, repeated with other folds and weights.

    The number of epochs is fixed beforehand, so that no fold is chosen by.

    Args:
        context: keeps what is done.
        names: of sets.
        seeds: how many.
        seed: the first.
    """

    def compute(item: tuple[str, str, int]) -> float:
        name, kind, number = item
        data = graphs(name)
        folds = stratified_folds(data.classes, _FOLDS, number)
        right = sum(
            _right(MODELS[kind], data, folds == fold, number * _FOLDS + fold)
            for fold in range(_FOLDS)
        )
        return right / len(data.classes)

    settings = {"width": WIDTH, "steps": STEPS, "epochs": _EPOCHS, "rate": _RATE}
    items = {
        f"{name}, {kind}, seed {s}": (name, kind, s)
        for name in names
        for kind in MODELS
        for s in range(seed, seed + seeds)
    }
    found = context.checkpoint("graphs", settings, items, compute)
    return [
        Classified(
            name,
            {
                k: [found[f"{name}, {k}, seed {s}"] for s in range(seed, seed + seeds)]
                for k in MODELS
            },
        )
        for name in names
    ]


def _right(make: Callable[[int, int], nn.Module], data: Graphs, test: Tensor, seed: int) -> int:
    """Test graphs that a model gets right after training on the others."""
    places = _places(data.name)
    generator = torch.Generator().manual_seed(seed)
    train = torch.nonzero(~test)[:, 0]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = make(data.nodes[0].shape[1], int(data.classes.max()) + 1)
        optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=_DECAY)
        steps = _EPOCHS * -(-len(train) // _BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
        for _ in range(_EPOCHS):
            for some in train[torch.randperm(len(train), generator=generator)].split(_BATCH):
                logits = model(*_together(data, places, some.tolist()))
                loss = nn.functional.cross_entropy(logits, data.classes[some], label_smoothing=0.05)
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
                schedule.step()
    model.eval()
    asked = torch.nonzero(test)[:, 0]
    with torch.no_grad():
        logits = model(*_together(data, places, asked.tolist()))
    return int((logits.argmax(1) == data.classes[asked]).sum())


@functools.lru_cache(maxsize=2)
def _places(name: str) -> list[Tensor]:
    data = graphs(name)
    pairs = zip(data.nodes, data.edges, strict=True)
    return [laplacian_positions(edges, len(nodes), POSITIONS) for nodes, edges in pairs]


def _together(
    data: Graphs, places: Sequence[Tensor], some: Sequence[int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Graphs side by side: nodes, their places, edges, and whose each node is."""
    sizes = torch.tensor([len(data.nodes[i]) for i in some])
    starts = sizes.cumsum(0) - sizes
    edges = [data.edges[i] + start for i, start in zip(some, starts.tolist(), strict=True)]
    return (
        torch.cat([data.nodes[i] for i in some]),
        torch.cat([places[i] for i in some]),
        torch.cat(edges, 1),
        torch.repeat_interleave(torch.arange(len(some)), sizes),
    )
