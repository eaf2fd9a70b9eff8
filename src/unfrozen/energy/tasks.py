"""What the Energy Transformer's paper does with it: pictures completed, nodes and graphs judged."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from unfrozen.energy.graphs import Edges, GraphEnergyTransformer
from unfrozen.energy.transformer import EnergyLayerNorm
from unfrozen.errors import EnergyError


class ImageCompletion(nn.Module):
    """Fills in patches of a picture: they start as one learned token, and the block does the rest.

    Args:
        size: height and width of a picture, in pixels.
        patch: height and width of a patch.
        block: maps tokens [b, token, width] to tokens.
        width: features of a token.
        channels: of a pixel.

    Raises:
        EnergyError: patches do not fill a picture.

    Source: Hoover et al. 2023, section 3.
    """

    def __init__(
        self, size: int, patch: int, block: nn.Module, width: int, *, channels: int = 1
    ) -> None:
        super().__init__()
        if min(size, patch, channels) < 1 or size % patch:
            raise EnergyError(f"patches of {patch} pixels do not fill a picture of {size}")
        self.patch, self.channels, self.side = patch, channels, size // patch
        pixels = patch * patch * channels
        self.encode = nn.Linear(pixels, width)
        self.hidden = nn.Parameter(torch.zeros(width))
        self.position = nn.Parameter(torch.randn(self.side**2, width) * 0.02)
        self.block = block
        self.decode = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, pixels))

    def patches(
        self, pictures: Float[Tensor, "b channel height width"]
    ) -> Float[Tensor, "b token pixel"]:
        """Pictures cut into patches, row by row."""
        return nn.functional.unfold(pictures, self.patch, stride=self.patch).mT

    def pictures(
        self, patches: Float[Tensor, "b token pixel"]
    ) -> Float[Tensor, "b channel height width"]:
        """Patches put together again."""
        size = self.side * self.patch
        return nn.functional.fold(patches.mT, size, self.patch, stride=self.patch)

    def tokens(
        self, patches: Float[Tensor, "b token pixel"], hidden: Bool[Tensor, "b token"]
    ) -> Float[Tensor, "b token width"]:
        """What the block starts from."""
        seen = self.encode(patches)
        return torch.where(hidden[..., None], self.hidden, seen) + self.position

    def forward(
        self,
        pictures: Float[Tensor, "b channel height width"],
        hidden: Bool[Tensor, "b token"],
    ) -> Float[Tensor, "b token pixel"]:
        """Every patch, the hidden ones as the block imagines them.

        Args:
            pictures: whole; hidden patches are not looked at.
            hidden: true at patches to fill in.
        """
        return self.decode(self.block(self.tokens(self.patches(pictures), hidden)))

    def error(
        self,
        pictures: Float[Tensor, "b channel height width"],
        hidden: Bool[Tensor, "b token"],
    ) -> Float[Tensor, ""]:
        """Mean squared error of the hidden patches."""
        gap = self(pictures, hidden) - self.patches(pictures)
        return (gap * gap).mean(-1)[hidden].mean()


class NodeAnomaly(nn.Module):
    """A logit a node: whether it is out of place among its neighbours.

    The classifier sees a node after the first step, when it has hardly moved, and after the last.

    Args:
        features: of a node.
        block: over nodes of its width.
        width: of the block.

    Source: Hoover et al. 2023, section 4.
    """

    def __init__(self, features: int, block: GraphEnergyTransformer, width: int) -> None:
        super().__init__()
        self.encode = nn.Linear(features, width)
        self.block = block
        self.norm = EnergyLayerNorm(width)
        self.classify = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, nodes: Float[Tensor, "node feature"], edges: Edges) -> Float[Tensor, " node"]:
        """A logit a node."""
        x = self.encode(nodes)
        first = self.block.norm(x)
        last = self.norm(self.block.over(x, edges).state)
        return self.classify(torch.cat([first, last], 1))[:, 0]


class GraphClassifier(nn.Module):
    """A logit a class for each graph, read off a node that all others see.

    Args:
        features: of a node.
        classes: of a graph.
        block: over nodes of its width.
        width: of the block.
        positions: eigenvectors of the graph's Laplacian that tell nodes where they are.

    Source: Hoover et al. 2023, section 5.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        block: GraphEnergyTransformer,
        width: int,
        *,
        positions: int = 8,
    ) -> None:
        super().__init__()
        self.encode = nn.Linear(features, width)
        self.place = nn.Linear(positions, width, bias=False)
        self.reader = nn.Parameter(torch.zeros(width))
        self.block = block
        self.classify = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    def forward(
        self,
        nodes: Float[Tensor, "node feature"],
        places: Float[Tensor, "node position"],
        edges: Edges,
        graph: Int[Tensor, " node"],
        *,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "graph class"]:
        """A row of logits a graph.

        Args:
            nodes: of all graphs side by side.
            places: of the same nodes, see `laplacian_positions`.
            edges: among them.
            graph: to which each belongs, from 0 on, none missing.
            generator: while training, turns the sign of each eigenvector at random, which means
                nothing, and draws the block's noise.
        """
        if self.training:
            signs = torch.randint(
                0, 2, (int(graph.max()) + 1, places.shape[1]),
                generator=generator, device=places.device,
            )  # fmt: skip
            places = places * (2 * signs[graph] - 1)
        x = self.encode(nodes) + self.place(places)
        count, n = int(graph.max()) + 1, len(nodes)
        readers = self.reader.expand(count, -1)
        own = torch.arange(n, device=edges.device)
        to_reader = torch.stack([n + graph, own])
        joined = torch.cat([edges, to_reader, to_reader.flip(0)], 1)
        state = self.block.over(torch.cat([x, readers]), joined, generator=generator).state
        return self.classify(state[n:])


def laplacian_positions(edges: Edges, nodes: int, positions: int) -> Float[Tensor, "node position"]:
    """The first eigenvectors of a graph's Laplacian but the constant one, at unit variance.

    Args:
        edges: of one graph, both ways.
        nodes: how many there are.
        positions: how many to give; zeros where a graph has fewer.

    Source: Dwivedi and Bresson 2021, section 2.
    """
    adjacent = torch.zeros(nodes, nodes, dtype=torch.float64, device=edges.device)
    adjacent[edges[0], edges[1]] = 1
    degree = adjacent.sum(1)
    scale = degree.clamp(min=1).rsqrt()
    laplacian = torch.diag((degree > 0).double()) - scale[:, None] * adjacent * scale
    vectors = torch.linalg.eigh(laplacian).eigenvectors[:, 1 : positions + 1]
    found = torch.zeros(nodes, positions, dtype=torch.float32, device=edges.device)
    found[:, : vectors.shape[1]] = vectors.float() * math.sqrt(nodes)
    return found
