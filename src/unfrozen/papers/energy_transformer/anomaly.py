"""Anomalous nodes among their neighbours: the Energy Transformer beside a graph convolution.

The paper's graphs of fraud are not in any package.  Here nodes are rows of tables with a rare
class, neighbours the rows most like them, and what is rare is what has to be found.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unfrozen.data.tables import rare
from unfrozen.energy.graphs import GraphEnergyTransformer
from unfrozen.energy.tasks import NodeAnomaly
from unfrozen.papers.classification import auc
from unfrozen.papers.running.context import RunContext

NEIGHBOURS, WIDTH, HEADS, STEPS = 10, 32, 2, 4
_EPOCHS, _RATE, _DECAY = 150, 3e-3, 1e-3
_TRAIN, _CHOSEN = 0.4, 0.2


class GraphConvolution(nn.Module):
    """Two rounds of averaging over neighbours, with their own weights.

    Source: Kipf and Welling 2017, equation 9.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(features, 2 * WIDTH), nn.Linear(2 * WIDTH, 2 * WIDTH)
        self.classify = nn.Linear(2 * WIDTH, 1)

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        """A logit a node."""
        h = averaged(self.first(nodes), edges).relu()
        h = averaged(self.second(h), edges).relu()
        return self.classify(h)[:, 0]


class NoGraph(nn.Module):
    """The same without neighbours, to show what they are worth."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, 2 * WIDTH), nn.ReLU(), nn.Linear(2 * WIDTH, 2 * WIDTH), nn.ReLU(),
            nn.Linear(2 * WIDTH, 1),
        )  # fmt: skip

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        """A logit a node."""
        return self.layers(nodes)[:, 0]


def energy(features: int) -> NodeAnomaly:
    """The Energy Transformer's classifier."""
    block = GraphEnergyTransformer(WIDTH, HEADS, WIDTH // HEADS, steps=STEPS)
    return NodeAnomaly(features, block, WIDTH)


MODELS: dict[str, Callable[[int], nn.Module]] = {
    "energy": energy,
    "convolution": GraphConvolution,
    "no graph": NoGraph,
}


@dataclass(frozen=True)
class Found:
    """Test AUC of each model on one graph, one a seed."""

    name: str
    nodes: int
    anomalies: int
    auc: dict[str, list[float]]


def compare(context: RunContext, names: tuple[str, ...], seeds: int, seed: int) -> list[Found]:
    """Train every model on the same split of each graph, with several seeds.

    Args:
        context: keeps what is done.
        names: of tables.
        seeds: of split and weights.
        seed: the first.
    """

    def compute(item: tuple[str, str, int]) -> float:
        name, kind, number = item
        data = rare(name)
        features = (data.features - data.features.mean(0)) / data.features.std(0).clamp(min=1e-6)
        return _trained(MODELS[kind], features, data.classes.bool(), number)

    settings = {"neighbours": NEIGHBOURS, "width": WIDTH, "epochs": _EPOCHS, "rate": _RATE}
    items = {
        f"{name}, {kind}, seed {s}": (name, kind, s)
        for name in names
        for kind in MODELS
        for s in range(seed, seed + seeds)
    }
    found = context.checkpoint("anomaly", settings, items, compute)
    return [
        Found(
            name=name,
            nodes=len(rare(name).classes),
            anomalies=int(rare(name).classes.sum()),
            auc={
                kind: [found[f"{name}, {kind}, seed {s}"] for s in range(seed, seed + seeds)]
                for kind in MODELS
            },
        )
        for name in names
    ]


def averaged(h: Tensor, edges: Tensor) -> Tensor:
    """Each node's mean over itself and its neighbours, by the roots of both degrees."""
    sees, seen = edges
    degree = 1 + torch.zeros(len(h)).index_add(0, sees, torch.ones(edges.shape[1]))
    scale = degree.rsqrt()
    around = torch.zeros_like(h).index_add(0, sees, h[seen] * (scale[sees] * scale[seen])[:, None])
    return around + h / degree[:, None]


def nearest_neighbours(features: Tensor, k: int) -> Tensor:
    """Edges, both ways, between rows and the k most like them."""
    near = []
    for some in torch.arange(len(features)).split(1024):
        distances = torch.cdist(features[some], features)
        distances[torch.arange(len(some)), some] = torch.inf
        near.append(distances.topk(k, largest=False).indices)
    one = torch.stack([torch.arange(len(features)).repeat_interleave(k), torch.cat(near).flatten()])
    return torch.cat([one, one.flip(0)], 1).unique(dim=1)


def _trained(make: Callable[[int], nn.Module], features: Tensor, odd: Tensor, seed: int) -> float:
    """Test AUC, with the weights of the epoch that was best on the nodes kept for choosing."""
    edges = nearest_neighbours(features, NEIGHBOURS)
    part = _parts(odd, seed)
    weight = (~odd[part == 0]).sum() / odd[part == 0].sum().clamp(min=1)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = make(features.shape[1])
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=_DECAY)
    best, test = -1.0, 0.5
    for _ in range(_EPOCHS):
        model.train()
        logits = model(features, edges)[part == 0]
        loss = nn.functional.binary_cross_entropy_with_logits(
            logits, odd[part == 0].float(), pos_weight=weight
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        model.eval()
        with torch.no_grad():
            scores = model(features, edges)
        found = auc(scores[part == 1], odd[part == 1])
        if found > best:
            best, test = found, auc(scores[part == 2], odd[part == 2])
    return test


def _parts(odd: Tensor, seed: int) -> Tensor:
    """0 to train on, 1 to choose by, 2 to test on; anomalies spread evenly."""
    generator = torch.Generator().manual_seed(seed)
    part = torch.full((len(odd),), 2)
    for kind in (False, True):
        mine = torch.nonzero(odd == kind)[:, 0]
        mine = mine[torch.randperm(len(mine), generator=generator)]
        train, chosen = round(_TRAIN * len(mine)), round(_CHOSEN * len(mine))
        part[mine[:train]], part[mine[train : train + chosen]] = 0, 1
    return part
