"""The Energy Transformer over the edges of a graph: nodes see their neighbours, no matrix is made.

Weights and energies are those of `unfrozen.energy.transformer` under the mask of the same edges;
what is stored is a number an edge and head instead of one a pair of nodes.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unfrozen.energy.base import Descent
from unfrozen.energy.transformer import EnergyAttention, EnergyTransformer
from unfrozen.errors import EnergyError

Edges = Int[Tensor, "2 edge"]
"""Who sees (first row) whom (second row); both ways, of a graph without directions."""


class EdgeAttention(EnergyAttention):
    """The attention energy of nodes that see those that edges lead to.

    Source: Hoover et al. 2023, equation 3, over neighbours.
    """

    def energy_over(self, g: Float[Tensor, "node width"], edges: Edges) -> Float[Tensor, ""]:
        """The energy of all nodes together."""
        scores, highest, sums, _, _ = self._parts(g, edges)
        seeing = highest > -math.inf
        log = highest.masked_fill(~seeing, 0.0) + sums.clamp(min=1e-30).log()
        return -(log * seeing).sum() / self.beta + 0 * scores.sum()

    def gradient_over(
        self, g: Float[Tensor, "node width"], edges: Edges
    ) -> Float[Tensor, "node width"]:
        """DE/dg in closed form: a node moves as one that sees, and as one that is seen."""
        scores, highest, sums, keys, queries = self._parts(g, edges)
        sees, seen = edges
        weights = (scores - highest[sees]).exp() / sums[sees]
        as_query = torch.zeros_like(queries).index_add(0, sees, weights[..., None] * keys[seen])
        as_key = torch.zeros_like(keys).index_add(0, seen, weights[..., None] * queries[sees])
        found = torch.einsum("nhy,hyd->nd", as_query, self.query)
        return -(found + torch.einsum("nhy,hyd->nd", as_key, self.key))

    def _parts(self, g: Tensor, edges: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Scores of edges, each node's highest and sum of exponentials; keys and queries."""
        keys = torch.einsum("nd,hyd->nhy", g, self.key)
        queries = torch.einsum("nd,hyd->nhy", g, self.query)
        sees, seen = edges
        scores = self.beta * (queries[sees] * keys[seen]).sum(-1)
        highest = scores.new_full((len(g), scores.shape[1]), -math.inf)
        at = sees[:, None].expand_as(scores)
        # The highest only keeps exponentials in range, so no gradient goes through it.
        highest = highest.scatter_reduce(0, at, scores.detach(), "amax")
        sums = torch.zeros_like(highest).index_add(0, sees, (scores - highest[sees]).exp())
        return scores, highest, sums, keys, queries


class GraphEnergyTransformer(EnergyTransformer):
    """The block over the nodes of a graph, or of many graphs side by side as one.

    Args:
        width: D, features of a node.
        heads: H.
        head_width: Y.
        options: as for `EnergyTransformer`.

    Example:
        >>> block = GraphEnergyTransformer(8, heads=2, head_width=4, steps=3)
        >>> ring = torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> block.over(torch.zeros(3, 8), torch.cat([ring, ring.flip(0)], 1)).state.shape
        torch.Size([3, 8])
    """

    def __init__(
        self, width: int, heads: int = 1, head_width: int = 64, *args: object, **options: object
    ) -> None:
        super().__init__(width, heads, head_width, *args, **options)  # pyright: ignore[reportArgumentType]
        plain = self.attention
        attention = EdgeAttention(width, heads, head_width, beta=plain.beta)
        attention.load_state_dict(plain.state_dict())
        self.attention = attention.to(plain.key)

    def over(
        self,
        x: Float[Tensor, "node width"],
        edges: Edges,
        *,
        generator: torch.Generator | None = None,
        trajectory: bool = False,
    ) -> Descent:
        """Nodes after T steps; the energy on the way is that of the whole graph.

        Args:
            x: nodes.
            edges: who sees whom.
            generator: draws the noise.
            trajectory: whether to keep the nodes on the way, and the energies.

        Raises:
            EnergyError: nodes or edges have another shape.
        """
        width = self.norm.bias.shape[0]
        if x.ndim != 2 or x.shape[1] != width:
            raise EnergyError(f"nodes are [node, {width}], not {list(x.shape)}")
        if edges.ndim != 2 or len(edges) != 2 or bool((edges >= len(x)).any()):
            raise EnergyError(f"edges are [2, edge] among {len(x)} nodes")
        attention = self.attention
        assert isinstance(attention, EdgeAttention)
        way = [x]
        for _ in range(self.steps):
            g = self.norm(x)
            slope = attention.gradient_over(g, edges) + self.hopfield.gradient(g[None])[0]
            x = x - self.step_size * slope
            if self.training and self.noise:
                drawn = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
                x = x + math.sqrt(self.step_size) * self.noise * drawn
            way.append(x)
        if not trajectory:
            return Descent(x, None, None, self.steps)
        energies = torch.stack([self.energy_over(state, edges) for state in way])
        return Descent(x, torch.stack(way), energies[:, None], self.steps)

    def energy_over(self, x: Float[Tensor, "node width"], edges: Edges) -> Float[Tensor, ""]:
        """The energy of a whole graph."""
        g = self.norm(x)
        attention = self.attention
        assert isinstance(attention, EdgeAttention)
        return attention.energy_over(g, edges) + self.hopfield(g[None])[0]
