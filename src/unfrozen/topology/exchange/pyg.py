"""Graphs, triangle meshes and hypergraphs of PyTorch Geometric."""

import warnings
from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex
from unfrozen.topology.complex.sets.cells import Cells
from unfrozen.topology.exchange.attributes import Column
from unfrozen.topology.exchange.foreign import Foreign, missing


def from_pyg(data: Any, *, leave_out: Collection[str] = ()) -> Foreign:
    """A graph, a mesh or a hypergraph as a complex.

    A graph becomes cells of rank 1, each edge once, as its two directions say the same.  The
    triangles of a mesh are of rank 2.  The edges of a `HyperGraphData` are of rank 1.

    Args:
        data: `Data` or `HyperGraphData`.
        leave_out: attributes that are not wanted.

    Returns:
        The complex, its features on the device of the data: of nodes `x` and `pos`, of edges all
        that is said of them.  What else there is, as `y`, is in `rest` as it was.

    Raises:
        TopologyError: edges are there in one direction, differ in the two, or are loops or
            parallel; or cells make no complex.
    """
    # They come as a set, whose order is another in every process.
    keys = sorted(set(data.keys()) - set(leave_out))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of nodes that are counted by the edges
        n = data.num_nodes
    if not n:
        raise TopologyError("how many nodes there are is not known: set data.num_nodes")
    taken = {"x", "pos", "edge_index", "face", "num_nodes"} & set(keys)
    features, columns = {}, {}
    of_nodes = {key: data[key] for key in ("x", "pos") if key in keys}
    if of_nodes:
        features[0], columns[0] = _columns(of_nodes, int(n))
    ranked = {}
    if "edge_index" in keys:
        index = data.edge_index.cpu()
        hyper = type(data).__name__ == "HyperGraphData"
        count = len(torch.bincount(index[1])) if hyper else index.shape[1]
        on_edges = _on_edges(data, keys, count)
        taken |= set(on_edges)
        if hyper:
            ranked[1] = _hyperedges(index, count)
            rows = torch.arange(count)
        else:
            ends, rows = _once(index, on_edges)
            ranked[1] = Cells.of(ends.T.numpy().copy())
        if on_edges:
            values, columns[1] = _columns(on_edges, count)
            features[1] = values[rows.to(values.device)]
    if "face" in keys:
        ranked[2] = Cells.of(data.face.cpu().T.numpy().copy())
    rest = {key: data[key] for key in keys if key not in taken}
    complex_ = Complex(ranked, n_nodes=int(n), features=features)
    labels = {rank: tuple(range(complex_.n_cells(rank))) for rank in complex_.ranks}
    device = next(iter(features.values())).device if features else torch.device("cpu")
    return Foreign(complex_.to(device), labels, columns, rest)


def _on_edges(data: Any, keys: list[str], count: int) -> dict[str, Tensor]:
    """What is said of edges."""
    found = {}
    for key in keys:
        value = data[key]
        if key in ("edge_index", "face", "x", "pos") or not isinstance(value, Tensor):
            continue
        if key.startswith("edge_") or (data.is_edge_attr(key) and not data.is_node_attr(key)):
            if value.ndim not in (1, 2) or len(value) != count or value.is_complex():
                raise TopologyError(
                    f"{key} of {list(value.shape)} is not a row of numbers for each of {count} "
                    f"edges: pass leave_out=[{key!r}] to go without"
                )
            found[key] = value
    return found


def _once(
    index: Int64[Tensor, "2 directed"], on_edges: dict[str, Tensor]
) -> tuple[Int64[Tensor, "2 edge"], Int64[Tensor, " edge"]]:
    """Each edge as it comes first, and where that is."""
    low, high = index.min(0).values.numpy(), index.max(0).values.numpy()
    if bool((low == high).any()):
        raise TopologyError(
            f"an edge joins two nodes, and {int((low == high).sum())} are loops: remove them by "
            "torch_geometric.utils.remove_self_loops"
        )
    pairs = np.stack([low, high], 1)
    unique, first, inverse, counts = np.unique(
        pairs, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    inverse = inverse.reshape(-1)
    one_way = index[0].numpy() == low
    up = np.bincount(inverse, one_way, len(unique))
    if bool(((counts != 2) | (up != 1)).any()):
        at = int(np.flatnonzero((counts != 2) | (up != 1))[0])
        raise TopologyError(
            f"an edge is there once in each direction, and that of {unique[at].tolist()} is there "
            f"{counts[at]} times: pass data through torch_geometric.transforms.ToUndirected()"
        )
    # Where each edge is in its two directions.
    two = np.argsort(inverse, kind="stable").reshape(-1, 2)
    for key, value in on_edges.items():
        one, other = (value[torch.from_numpy(two[:, i]).to(value.device)] for i in (0, 1))
        if not torch.equal(one, other):
            raise TopologyError(
                f"{key} differs in the two directions of an edge, which is one cell: pass "
                f"leave_out=[{key!r}] to go without"
            )
    rows = torch.from_numpy(np.sort(first))
    return index[:, rows], rows


def _hyperedges(index: Int64[Tensor, "2 membership"], count: int) -> Cells:
    """Sets of nodes, from pairs of a node and its edge."""
    order = torch.argsort(index[1], stable=True)
    sizes = torch.bincount(index[1], minlength=count)
    if bool((sizes == 0).any()):
        raise TopologyError(f"every cell has a node, and edge {int(sizes.argmin())} has none")
    return Cells.from_sizes(sizes.numpy(), index[0][order].numpy())


def _columns(
    values: dict[str, Tensor], count: int
) -> tuple[Float[Tensor, "cell feature"], tuple[Column, ...]]:
    """Attributes side by side, in the widest precision among them."""
    real = [value.dtype for value in values.values() if value.is_floating_point()]
    dtype = max(real, key=lambda d: torch.finfo(d).bits) if real else torch.float32
    found, columns = [], []
    for name, value in values.items():
        if value.ndim not in (1, 2) or len(value) != count:
            raise TopologyError(f"{name} of {list(value.shape)} is not a row for each of {count}")
        cast = value.to(dtype)
        if not torch.equal(cast.to(value.dtype), value) and not bool(value.isnan().any()):
            raise TopologyError(f"{name}, {value.dtype}, does not fit {dtype}")
        columns.append(Column(name, None if value.ndim == 1 else value.shape[1]))
        found.append(cast[:, None] if value.ndim == 1 else cast)
    return torch.cat(found, 1), tuple(columns)


def to_pyg(cells: Complex | Foreign, *, hypergraph: bool = False) -> Any:
    """A complex as `Data`, both directions of each edge, or as `HyperGraphData`.

    Features of nodes become `x`, and those of edges `edge_attr`, where they have no other names.

    Args:
        cells: of rank 1; of a graph they have two nodes, and triangles of rank 2 become `face`.
        hypergraph: whether cells of rank 1 are edges of any number of nodes.

    Raises:
        TopologyError: there are other cells, or features of triangles; or PyTorch Geometric is not
            there.
    """
    try:
        from torch_geometric.data import Data
        from torch_geometric.data.hypergraph_data import HyperGraphData
    except ImportError as error:
        raise missing("PyTorch Geometric", "torch-geometric") from error
    foreign = Foreign.of(cells, {0: "x", 1: "edge_attr"})
    own = foreign.complex
    of_rank = {rank: own.cells(rank).sizes for rank in (1, 2)}
    fits = own.dim < 2 if hypergraph else own.dim < 3 and bool((of_rank[1] == 2).all())
    if not fits or (own.dim == 2 and bool((of_rank[2] != 3).any())):
        raise TopologyError(
            f"{own} is no {'hypergraph' if hypergraph else 'graph or mesh of triangles'} of "
            "PyTorch Geometric: pass cells.skeleton(1), or edges of unfrozen.topology.complex.hasse"
        )
    if 2 in own.features:
        raise TopologyError("Data has no features of triangles, and they would be lost")
    edges = own.cells(1)
    if hypergraph:
        index = torch.from_numpy(np.stack([edges.members, edges.owners]))
    else:
        ends = torch.from_numpy(edges.members.reshape(-1, 2).T.copy())
        index = torch.cat([ends, ends.flip(0)], 1)
    found = (HyperGraphData if hypergraph else Data)(edge_index=index.to(own.device))
    found.num_nodes = own.n_nodes
    for rank, columns in foreign.columns.items():
        parts = own.features[rank].split([column.width or 1 for column in columns], 1)
        for column, part in zip(columns, parts, strict=True):
            values = part[:, 0] if column.width is None else part
            found[column.name] = torch.cat([values, values]) if rank and not hypergraph else values
    if own.dim == 2:
        found.face = torch.from_numpy(own.cells(2).members.reshape(-1, 3).T.copy()).to(own.device)
    for key, value in foreign.rest.items():
        found[key] = value
    return found
