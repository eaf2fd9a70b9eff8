"""Layers of PyTorch Geometric as maps of cochains: a neighbourhood is a bipartite graph.

Source: Hajij et al. 2022, proposition that every tensor diagram runs on an augmented Hasse graph;
Papillon et al. 2024 (TopoTune) for graph layers along neighbourhoods.
"""

import inspect
from collections.abc import Mapping
from typing import get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, Relation
from unfrozen.topology.layers.layer import PushForward


class GraphLayer(PushForward):
    """Any message-passing layer of PyTorch Geometric, along a neighbourhood.

    Edges run from the cells that are heard of to those that hear.  Within a rank the layer sees
    one graph.  Between two ranks it sees a bipartite graph where it takes one, and otherwise the
    augmented graph in which cells of both are vertices, of which those that hear are read off; the
    features of both have to be as many then.  Signs and other values of entries are weights of
    edges.

    Args:
        relation: who hears of whom.
        layer: such as `GATConv((3, 5), 8, add_self_loops=False)`.
        width_in: features that are read, of the source and of the target; any by default.
        width_out: features that are written; as the layer says by default.

    Raises:
        TopologyError: PyTorch Geometric is not installed, the layer is none of its message-passing
            ones, adds loops where there are none, or takes no weights where there are some.
    """

    def __init__(
        self,
        relation: Relation,
        layer: nn.Module,
        *,
        width_in: int | tuple[int, int] | None = None,
        width_out: int | None = None,
    ) -> None:
        passing = _message_passing()
        if not isinstance(layer, passing):
            raise TopologyError(
                f"{type(layer).__name__} is no MessagePassing layer of PyTorch Geometric"
            )
        of_source, of_target = (width_in, width_in) if not isinstance(width_in, tuple) else width_in
        reads = {relation.target: of_target, relation.source: of_source}
        super().__init__(relation, reads, width_out)
        if getattr(layer, "cached", False):
            raise TopologyError(
                f"{type(layer).__name__} would keep the first complex for all: cached=False"
            )
        takes = inspect.signature(layer.forward).parameters
        self.bipartite = any(
            getattr(part, "__origin__", None) is tuple
            for part in get_args(takes["x"].annotation if "x" in takes else None)
        )
        self.weighted, self.sized = "edge_weight" in takes, "size" in takes
        if "edge_index" not in takes or layer.flow != "source_to_target":
            raise TopologyError(
                f"{type(layer).__name__} does not take edges from a source to a target"
            )
        if relation.signed and not self.weighted:
            raise TopologyError(
                f"{type(layer).__name__} takes no weights of edges, and {relation} has signs"
            )
        loops = relation.source != relation.target and getattr(layer, "add_self_loops", False)
        if self.bipartite and loops:
            raise TopologyError(
                f"between two ranks no cell hears of itself: build {type(layer).__name__} with "
                "add_self_loops=False"
            )
        self.layer = layer

    @property
    def note(self) -> str:
        """The layer's name."""
        return type(self.layer).__name__

    def forward(
        self, cochains: Mapping[int, Float[Tensor, "_ _"]], complex_: Complex
    ) -> dict[int, Float[Tensor, "_ _"]]:
        """See `Layer.forward`."""
        near = complex_.neighbourhood(self.relation)
        x = self.read(cochains, self.relation.source)
        y = self.read(cochains, self.relation.target)
        targets, sources = near.shape
        weights = near.weights(x.dtype)
        if weights is not None and not self.weighted:
            raise TopologyError(f"{self.note} takes no weights of edges, as {self.relation} has")
        more = {} if weights is None else {"edge_weight": weights}
        edges = torch.stack([near.columns, near.rows])
        if self.relation.source == self.relation.target:
            found = self.layer(x, edges, **more)
        elif self.bipartite:
            size = {"size": (sources, targets)} if self.sized else {}
            found = self.layer((x, y), edges, **more, **size)
        else:
            if x.shape[1] != y.shape[1]:
                raise TopologyError(
                    f"{self.note} takes no bipartite graphs, and in the augmented one {x.shape[1]} "
                    f"features of rank {self.relation.source} stand beside {y.shape[1]} of rank "
                    f"{self.relation.target}: map them to as many first"
                )
            edges = torch.stack([near.columns + targets, near.rows])
            found = self.layer(torch.cat([y, x]), edges, **more)[:targets]
        return {self.relation.target: found}


def _message_passing() -> type[nn.Module]:
    try:
        from torch_geometric.nn import MessagePassing
    except ImportError as error:
        raise TopologyError(
            "graph layers need PyTorch Geometric: pip install 'unfrozen[topology]'"
        ) from error
    return MessagePassing
