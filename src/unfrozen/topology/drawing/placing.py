"""Where the nodes of a picture go: laid out by networkx, or as they are in space, projected."""

from collections.abc import Mapping
from typing import NamedTuple

import networkx as nx
import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float64, Int64
from scipy.sparse import csgraph

from unfrozen.topology.complex import Complex
from unfrozen.topology.drawing.shapes import joins

_SMALL = 60  # nodes up to which several starts are tried
_FEW = 150  # nodes up to which distances in the picture are fitted to those in the graph
_GAP = 1.2  # between connected parts, in edges


class Projected(NamedTuple):
    """Places in space as they are seen.

    Attributes:
        places: in the picture.
        depth: towards the one who looks.
    """

    places: Float64[np.ndarray, "node 2"]
    depth: Float64[np.ndarray, " node"]


def projected(
    points: Float64[np.ndarray, "node 3"], view: tuple[float, float] = (35.0, -60.0)
) -> Projected:
    """Places in space as seen from far away.

    Args:
        points: the third axis points up.
        view: degrees above the ground, and around from the first axis to the second.
    """
    up, around = np.deg2rad(view)
    right = np.array([-np.sin(around), np.cos(around), 0.0])
    towards = np.array([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)])
    over = np.cross(towards, right)
    return Projected(points @ np.stack([right, over], 1), points @ towards)


def some_nodes(complex: Complex, most: int) -> Bool[np.ndarray, " node"]:  # noqa: A002
    """The nodes nearest to the one with most neighbours, if there are too many; or all."""
    n = complex.n_nodes
    if n <= most:
        return np.ones(n, bool)
    nodes, cells, many = joins(complex)
    graph = sp.csr_array((np.ones(len(nodes), bool), (nodes, n + cells)), shape=(n + many,) * 2)
    first = int(np.bincount(nodes, minlength=n).argmax())
    order = csgraph.breadth_first_order(graph, first, directed=False, return_predecessors=False)
    kept = np.zeros(n, bool)
    kept[order[order < n][:most]] = True
    return kept


def laid_out(
    complex: Complex,  # noqa: A002
    seen: Bool[np.ndarray, " node"],
    seed: int = 0,
) -> Float64[np.ndarray, "node 2"]:
    """Places of nodes so that those that share an edge are near each other, an edge being about 1.

    A cell that is no edge, and joins what edges do not, draws its nodes together.  Connected parts
    stand side by side, the largest first.

    Args:
        complex: whose cells join nodes.
        seen: nodes to place; the others have no place (NaN).
        seed: of the layout.
    """
    graph = _graph(complex, seen)
    places = np.full((complex.n_nodes, 2), np.nan)
    parts = [sorted(part) for part in nx.connected_components(graph)]
    parts.sort(key=lambda part: (-len(part), part))
    boxes = [_part(graph.subgraph(part), part, seed) for part in parts]
    for part, spot in zip(parts, _packed(boxes), strict=True):
        real = [at for at, node in enumerate(part) if node < complex.n_nodes]
        places[[part[at] for at in real]] = spot[real]
    return places


def _graph(complex: Complex, seen: Bool[np.ndarray, " node"]) -> nx.Graph:  # noqa: A002
    """Edges, and for each cell that joins what they do not a node in its middle."""
    n = complex.n_nodes
    graph = nx.Graph()
    graph.add_nodes_from(np.flatnonzero(seen).tolist())
    edges = complex.cells(1)
    pairs = edges.take(np.flatnonzero(edges.sizes == 2)).members.reshape(-1, 2)
    pairs = pairs[seen[pairs].all(1)]
    graph.add_edges_from(pairs.tolist(), weight=1.0)
    joined = sp.csr_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    part = csgraph.connected_components(joined, directed=False)[1]
    middle = n
    for rank in complex.ranks[1:]:
        cells = complex.cells(rank)
        lowest = np.minimum.reduceat(part[cells.members], cells.pointers[:-1])
        highest = np.maximum.reduceat(part[cells.members], cells.pointers[:-1])
        wanted = (lowest != highest) | ((rank == 1) & (cells.sizes > 2))
        wanted &= np.logical_and.reduceat(seen[cells.members], cells.pointers[:-1])
        for row in np.flatnonzero(wanted):
            graph.add_edges_from(((middle, int(node)) for node in cells[int(row)]), weight=0.5)
            middle += 1
    return graph


def _part(graph: nx.Graph, nodes: list[int], seed: int) -> Float64[np.ndarray, "node 2"]:
    """A connected part, wider than it is high, its lower left corner at 0."""
    if len(nodes) == 1:
        return np.zeros((1, 2))
    # Numbered in the order of nodes, whatever that of the edges was.
    place = {node: at for at, node in enumerate(nodes)}
    pairs = sorted((*sorted((place[a], place[b])), w) for a, b, w in graph.edges.data("weight"))
    ordered = nx.empty_graph(len(nodes))
    ordered.add_weighted_edges_from(pairs)
    ends = np.array([pair[:2] for pair in pairs])
    spots = _fitted(ordered, ends, seed)
    spots = _turned(spots - spots.mean(0), ends)
    along = spots[ends[:, 0]] - spots[ends[:, 1]]
    lengths = np.linalg.norm(along, axis=1) / [pair[2] for pair in pairs]
    spots = spots / max(float(np.median(lengths)), 1e-9)
    return spots - spots.min(0)


def _fitted(
    graph: nx.Graph, ends: Int64[np.ndarray, "edge 2"], seed: int
) -> Float64[np.ndarray, "node 2"]:
    """The layout, from a start in which distances are about those in the graph.

    Of small graphs, other starts are tried, and the layout with fewest crossings is taken.
    """
    n = len(graph)
    start = _unfolded(graph, seed)
    if n > _FEW:
        found = nx.spring_layout(graph, pos=dict(enumerate(start)), seed=seed, iterations=40)
        return _array(found)
    starts = [start]
    if n <= _SMALL:
        starts.append(_array(nx.circular_layout(graph)))
        planar, _ = nx.check_planarity(graph)
        starts.append(_array(nx.planar_layout(graph) if planar else nx.shell_layout(graph)))
        starts.append(_array(nx.spring_layout(graph, seed=seed)))
    layouts = [_array(nx.kamada_kawai_layout(graph, pos=dict(enumerate(x)))) for x in starts]
    return min(layouts, key=lambda spots: _crossings(spots, ends)) if n <= _SMALL else layouts[0]


def _array(found: Mapping[int, np.ndarray]) -> Float64[np.ndarray, "node 2"]:
    return np.array([found[at] for at in range(len(found))], float)


def _unfolded(graph: nx.Graph, seed: int) -> Float64[np.ndarray, "node 2"]:
    """Classical scaling of distances (Torgerson 1952), with a little noise that parts equals."""
    away = csgraph.shortest_path(nx.to_scipy_sparse_array(graph), directed=False)
    squares = away**2
    inner = -0.5 * (squares - squares.mean(0) - squares.mean(1)[:, None] + squares.mean())
    values, vectors = np.linalg.eigh(inner)
    spots = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 0))
    spots = spots / max(float(np.abs(spots).max()), 1e-9)
    return spots + 0.02 * np.random.default_rng(seed).standard_normal(spots.shape)


def _crossings(spots: Float64[np.ndarray, "node 2"], ends: Int64[np.ndarray, "edge 2"]) -> int:
    """How many pairs of edges cross, those at one node aside."""
    a, b = spots[ends[:, 0]], spots[ends[:, 1]]

    def side(x: np.ndarray) -> np.ndarray:
        """On which side of each edge, in rows, each point is."""
        one, other = b - a, x[None] - a[:, None]
        return np.sign(one[:, None, 0] * other[..., 1] - one[:, None, 1] * other[..., 0])

    apart = side(a) * side(b) < 0
    return int((apart & apart.T).sum()) // 2


def _turned(
    spots: Float64[np.ndarray, "node 2"], ends: Int64[np.ndarray, "edge 2"]
) -> Float64[np.ndarray, "node 2"]:
    """Turned so that edges at right angles are upright, or else that the longest axis lies flat."""
    along = (spots[ends[:, 0]] - spots[ends[:, 1]]) @ [1, 1j]
    fourfold = np.mean((along / np.maximum(np.abs(along), 1e-12)) ** 4)
    if len(ends) > 2 and abs(fourfold) > 0.6:
        turn = np.exp(-0.25j * np.angle(fourfold))
        moved = spots @ [1, 1j] * turn
        spots = np.stack([moved.real, moved.imag], 1)
        return spots if np.ptp(spots[:, 0]) >= np.ptp(spots[:, 1]) else spots[:, ::-1]
    return spots @ np.linalg.svd(spots, full_matrices=False)[2].T


def _packed(boxes: list[np.ndarray]) -> list[np.ndarray]:
    """The same side by side in rows, that make about a square."""
    sizes = np.array([box.max(0) + _GAP for box in boxes])
    width = max(float(sizes[:, 0].max()), 1.1 * float(np.sqrt((sizes[:, 0] * sizes[:, 1]).sum())))
    found, x, y, tall = [], 0.0, 0.0, 0.0
    for box, (wide, high) in zip(boxes, sizes, strict=True):
        if x > 0 and x + wide > width + 1e-9:
            x, y, tall = 0.0, y - tall, 0.0
        # Rows go down from their upper sides.
        found.append(box + np.array([x, y - high]))
        x, tall = x + wide, max(tall, high)
    return found
