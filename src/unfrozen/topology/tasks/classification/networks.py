"""Networks that tell classes of complexes or of cells: those on cells, and graph baselines.

All have the same form: features of nodes are mapped to a width, cells of higher ranks begin with
the sum of their nodes', layers follow each other, and what they make is read out.  A baseline on
graphs is the same network on ranks 0 and 1 only, so that a comparison is of what the layers see.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Relation, adjacency, identity, incidence
from unfrozen.topology.complex.batching import Batch
from unfrozen.topology.layers import Attention, Convolution, Layer, Merge, Messages, classical, skip
from unfrozen.topology.pooling import Readout, ReadoutBy


class CellNorm(nn.BatchNorm1d):
    """Batch normalisation over the cells of a rank, however few a batch has.

    One cell has no deviation, and none no mean: up to one is left to the running ones.
    """

    def forward(self, input: Float[Tensor, "cell feature"]) -> Float[Tensor, "cell feature"]:  # noqa: A002
        """The features, normalised."""
        if len(input) > 1 or not self.training:
            return super().forward(input)
        return F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


def linear(width_in: int, width_out: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer whose weights are drawn by the generator, none by the global one."""
    module = nn.Linear(width_in, width_out, device="meta").to_empty(device="cpu")
    nn.init.kaiming_uniform_(module.weight, nonlinearity="relu", generator=generator)
    nn.init.zeros_(module.bias)
    return module


def perceptron(width_in: int, width_out: int, generator: torch.Generator) -> nn.Sequential:
    """Two linear layers, each normalised and rectified, for each cell by itself."""
    return nn.Sequential(
        linear(width_in, width_out, generator), CellNorm(width_out), nn.ReLU(),
        linear(width_out, width_out, generator), CellNorm(width_out), nn.ReLU(),
    )  # fmt: skip


def gin(width: int, *, generator: torch.Generator) -> Merge:
    """H' = MLP(H + A H): GIN-0, which tells apart what 1-WL does.

    Source: Xu et al. 2019, equation 4.1.
    """
    heard = Messages(adjacency(0), width=width)
    return Merge(heard, skip(0, width), beta=perceptron(width, width, generator))


def gcn(width: int, *, generator: torch.Generator) -> Merge:
    """Graph convolution, normalised and rectified."""
    layer = classical.gcn(width, width, generator=generator)
    return Merge(layer, beta=nn.Sequential(CellNorm(width), nn.ReLU()))


def gat(width: int, *, generator: torch.Generator) -> Merge:
    """Graph attention of four heads, normalised and rectified."""
    layer = classical.gat(width, width, heads=4, generator=generator)
    return Merge(layer, beta=nn.Sequential(CellNorm(width), nn.ReLU()))


def cin(width: int, *, top: int = 2, generator: torch.Generator) -> Merge:
    """Cells hear of their boundary, of cells above and of neighbours through these: as GIN does.

    H_r' = MLP_r(H_r W + B_{r-1,r}ᵀ H_{r-1} W' + A_r H_r W'' + B_{r,r+1} H_{r+1} W''').

    Source: Bodnar et al. 2021 (CIN), with messages that are linear in both cells.
    """
    return Merge(
        *(
            Convolution(relation, width, width, generator=generator)
            for relation in cellular_relations(top)
        ),
        beta={rank: _after(width, generator) for rank in range(top + 1)},
    )


def cell_attention(width: int, *, top: int = 2, generator: torch.Generator) -> Merge:
    """The same neighbourhoods by attention of four heads."""
    parts = []
    for relation in cellular_relations(top):
        if relation.kind == "identity":
            parts.append(Convolution(relation, width, width, generator=generator))
        else:
            parts.append(Attention(relation, width, width, heads=4, generator=generator))
    return Merge(*parts, beta={rank: _after(width, generator) for rank in range(top + 1)})


def incidences(width: int, *, ranks: tuple[int, ...] = (0, 2), generator: torch.Generator) -> Merge:
    """Cells of some ranks and those within them hear of each other, as nodes and hyperedges do.

    What a cell makes of its nodes is not linear, so that it tells of them together.
    """
    low, *high = ranks
    relations = [identity(rank) for rank in ranks]
    for rank in high:
        relations += [incidence(low, rank), incidence(low, rank).T]
    return Merge(
        *(Convolution(relation, width, width, generator=generator) for relation in relations),
        beta={rank: _after(width, generator) for rank in ranks},
    )


def cellular_relations(top: int) -> tuple[Relation, ...]:
    """Of each rank up to one: itself, its boundary, its neighbours above and the cells there."""
    found = []
    for rank in range(top + 1):
        found.append(identity(rank))
        if rank:
            found.append(incidence(rank - 1, rank).T)
        if rank < top:
            found += [adjacency(rank), incidence(rank, rank + 1)]
    return tuple(found)


def _after(width: int, generator: torch.Generator) -> nn.Sequential:
    return nn.Sequential(
        CellNorm(width), nn.ReLU(),
        linear(width, width, generator), CellNorm(width), nn.ReLU(),
    )  # fmt: skip


Block = Callable[..., Layer]
BLOCKS: dict[str, tuple[Block, tuple[int, ...]]] = {
    "gin": (gin, (0,)),
    "gcn": (gcn, (0,)),
    "gat": (gat, (0,)),
    "cin": (cin, (0, 1, 2)),
    "cell attention": (cell_attention, (0, 1, 2)),
    "incidences": (incidences, (0, 2)),
}
"""Name -> a layer of a width, and the ranks it is on.  The first three are baselines on graphs."""


@dataclass(frozen=True)
class NetworkSettings:
    """A network of one kind of layers.

    Attributes:
        block: one of `BLOCKS`.
        width: features of each cell between layers.
        layers: how many.
        readout: "sum" or "mean" over the cells of each rank, or "max".

    Raises:
        TopologyError: there is no such layer or readout, or there are no layers.
    """

    block: str = "gin"
    width: int = 32
    layers: int = 3
    readout: ReadoutBy = "sum"

    def __post_init__(self) -> None:
        if self.block not in BLOCKS:
            raise TopologyError(f"no layer {self.block!r}: there are {', '.join(BLOCKS)}")
        if self.readout not in get_args(ReadoutBy):
            raise TopologyError(f"cells are read out by {', '.join(get_args(ReadoutBy))}")
        if self.width < 1 or self.layers < 1:
            raise TopologyError("a network has one layer or more, of one feature or more")


class CellEncoder(nn.Module):
    """Features of cells after some layers.

    Args:
        layers: that follow each other; what they write they read again.
        widths: rank -> features that are given; nodes always have some.
        ranks: that the layers read.
        width: features that they read.
        generator: draws the weights.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        widths: Mapping[int, int],
        ranks: Sequence[int],
        width: int,
        *,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if 0 not in widths:
            raise TopologyError("nodes have features: see with_ones() where there are none")
        parts: list[Layer] = []
        for rank in ranks:
            relation = incidence(0, rank).T if rank else identity(0)
            parts.append(Convolution(relation, widths[0], width, bias=True, generator=generator))
            if rank and rank in widths:
                own = Convolution(identity(rank), widths[rank], width, generator=generator)
                parts.append(own)
        self.embed = Merge(*parts)
        self.layers = nn.ModuleList(layers)
        self.ranks = tuple(ranks)

    def forward(self, cochains: Mapping[int, Tensor], complex_: Batch) -> list[dict[int, Tensor]]:
        """Cochains after the embedding, and after each layer."""
        found = [self.embed(cochains, complex_.complex)]
        for layer in self.layers:
            found.append(layer(found[-1], complex_.complex))
        return found


class ComplexClassifier(nn.Module):
    """Scores of the classes of each complex, from its cells of all ranks and of all layers.

    Args:
        settings: of the layers.
        widths: rank -> features that are given.
        n_classes: to be told.
        generator: draws the weights.

    Source: Xu et al. 2019 for the readout of all layers, here of ranks side by side.
    """

    def __init__(
        self,
        settings: NetworkSettings,
        widths: Mapping[int, int],
        n_classes: int,
        *,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.encoder = _encoder(settings, widths, generator)
        ranks = self.encoder.ranks
        self.readout = Readout(ranks, settings.readout)
        each = len(ranks) * settings.width
        self.heads = nn.ModuleList(_undecided(each, n_classes) for _ in range(settings.layers + 1))

    def forward(self, batch: Batch) -> Float[Tensor, "complex class"]:
        """One row for each complex."""
        levels = self.encoder(batch.complex.features, batch)
        rows = [
            head(self.readout(level, batch.owner, len(batch)))
            for head, level in zip(self.heads, levels, strict=True)
        ]
        return torch.stack(rows).sum(0)


class CellClassifier(nn.Module):
    """Scores of the classes of each cell of a rank.

    Where layers do not write to the rank, its cells take the sum of their nodes.

    Args:
        settings: of the layers.
        widths: rank -> features that are given.
        n_classes: to be told.
        rank: of the cells.
        generator: draws the weights.
    """

    def __init__(
        self,
        settings: NetworkSettings,
        widths: Mapping[int, int],
        n_classes: int,
        *,
        rank: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.encoder = _encoder(settings, widths, generator)
        self.rank = rank
        self.gather = (
            Messages(incidence(0, rank).T, width=settings.width)
            if rank not in self.encoder.ranks
            else skip(rank, settings.width)
        )
        each = (settings.layers + 1) * settings.width
        self.head = nn.Sequential(
            linear(each, settings.width, generator), CellNorm(settings.width), nn.ReLU(),
            _undecided(settings.width, n_classes),
        )  # fmt: skip

    def forward(self, batch: Batch) -> Float[Tensor, "cell class"]:
        """One row for each cell of the rank."""
        levels = self.encoder(batch.complex.features, batch)
        rows = [self.gather(level, batch.complex)[self.rank] for level in levels]
        return self.head(torch.cat(rows, 1))


def relations_of(network: nn.Module) -> tuple[Relation, ...]:
    """The matrices that a network reads, so that they can be made once for all batches."""
    found = [getattr(module, "relation", None) for module in network.modules()]
    return tuple(dict.fromkeys(own for own in found if isinstance(own, Relation)))


def _undecided(width: int, n_classes: int) -> nn.Linear:
    """A layer that begins with all classes alike: sums over many cells would make it very sure."""
    module = nn.Linear(width, n_classes, device="meta").to_empty(device="cpu")
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def _encoder(
    settings: NetworkSettings, widths: Mapping[int, int], generator: torch.Generator
) -> CellEncoder:
    block, ranks = BLOCKS[settings.block]
    layers = [block(settings.width, generator=generator) for _ in range(settings.layers)]
    return CellEncoder(layers, widths, ranks, settings.width, generator=generator)
