"""A complex that is lifted, laid out and measured; its matrices."""

from typing import Any

import numpy as np

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, Relation, incidence, laplacian
from unfrozen.topology.complex.files import Stored
from unfrozen.topology.drawing.placing import laid_out
from unfrozen.topology.drawing.shapes import Shapes, hull
from unfrozen.topology.lifting import lift
from unfrozen.topology.statistics import Statistics, measure, relations
from unfrozen.workbench.jobs.table import Handle
from unfrozen.workbench.pages.complexes.schemas import (
    BuildIn,
    BuiltOut,
    LiftIn,
    MatrixNameOut,
    MatrixOut,
    RankOut,
    SetOut,
)
from unfrozen.workbench.pages.complexes.sources import Source, Sources

DRAWN, SHOWN = 3000, 150
"""Polygons and sets that are drawn; rows and columns of a matrix that are shown."""
_REACH = {"cliques": "rank", "rings": "longest", "balls": "hops", "paths": "length"}
_RADIUS = 0.22


def build(sources: Sources, asked: BuildIn, handle: Handle) -> BuiltOut:
    """Build a complex, and remember it.

    Args:
        sources: where it comes from, and where it is kept.
        asked: which, and how it is lifted.
        handle: of the job.

    Raises:
        TopologyError: the lift does not fit.
    """
    handle.report("Building", 0, 4)
    source = sources.find(asked)
    before, name = source.stored.complex, source.name
    after = before
    if asked.lift is not None:
        handle.report("Lifting", 1, 4)
        after, name = _lifted(before, asked.lift), f"{name}, {asked.lift.name}"
    handle.report("Laying out", 2, 4)
    points = _points(source.stored)
    handle.report("Measuring", 3, 4)
    found = measure(after, lambda what, done, total: handle.report(what, done, total))
    number = sources.keep(Source(name, Stored(after, source.stored.labels), source.notes))
    shapes = Shapes.of(after, np.ones(after.n_nodes, bool))
    drawn = [_set(shapes, row, points) for row in range(min(DRAWN, len(shapes.sets)))]
    polygons = [shapes.polygons[i].tolist() for i in range(min(DRAWN, len(shapes.polygons)))]
    labels = source.stored.labels or tuple(map(str, range(after.n_nodes)))
    return BuiltOut(
        number=number,
        name=name,
        points=np.round(points, 4).tolist(),
        labels=list(labels),
        edges=shapes.edges.tolist(),
        polygons=polygons,
        sets=drawn,
        left=len(shapes.sets) + len(shapes.polygons) - len(drawn) - len(polygons),
        ranks=_ranks(before, after, found),
        euler=found.euler,
        components=found.components,
        betti=list(found.betti),
        matrices=[
            MatrixNameOut(name=str(relation), told=told)
            for relation, told in _matrices(after, found)
        ],
    )


def matrix(source: Source, name: str) -> MatrixOut:
    """A matrix of a complex, its first rows and columns.

    Raises:
        TopologyError: there is none of that name, or cells have no orientation.
    """
    cells = source.stored.complex
    known = {str(relation): (relation, told) for relation, told in _matrices(cells, None)}
    if name not in known:
        raise TopologyError(f"there is no matrix {name!r} of this complex: choose one of the list")
    relation, told = known[name]
    neighbourhood = cells.neighbourhood(relation)
    found, (rows, columns) = neighbourhood.scipy(), neighbourhood.shape
    corner = found.tocsr()[:SHOWN, :SHOWN].toarray()
    return MatrixOut(
        name=name,
        told=told,
        shape=(rows, columns),
        entries=int(found.nnz),
        values=corner.astype(float).tolist(),
        rows=f"cells of rank {relation.target}",
        columns=f"cells of rank {relation.source}",
        cut=max(rows, columns) > SHOWN,
    )


def _lifted(cells: Complex, asked: LiftIn) -> Complex:
    options: dict[str, Any] = {}
    if asked.reach is not None:
        if asked.name not in _REACH:
            raise TopologyError(f"{asked.name} has no reach: leave it empty")
        options[_REACH[asked.name]] = asked.reach
    return lift(asked.name, cells, **options)


def _points(stored: Stored) -> np.ndarray:
    """Where nodes are: as their source has them, or laid out by what joins them."""
    cells = stored.complex
    if stored.columns.get(0) in (("x", "y", "z"), ("x", "y")):
        return cells.features[0].double().numpy()
    return laid_out(cells, np.ones(cells.n_nodes, bool))


def _set(shapes: Shapes, row: int, points: np.ndarray) -> SetOut:
    nodes = shapes.sets[row]
    border = hull(points[nodes], _RADIUS) if points.shape[1] == 2 else np.zeros((0, 2))
    return SetOut(
        rank=int(shapes.ranks[row]),
        nodes=nodes.tolist(),
        border=[(round(x, 3), round(y, 3)) for x, y in border.tolist()],
    )


def _ranks(before: Complex, after: Complex, found: Statistics) -> list[RankOut]:
    return [
        RankOut(
            rank=rank,
            cells=after.n_cells(rank),
            added=after.n_cells(rank) - (before.n_cells(rank) if rank in before.ranks else 0),
            least=int(min(after.cells(rank).sizes, default=0)),
            most=int(max(after.cells(rank).sizes, default=0)),
            oriented=found.unoriented.get(rank),
        )
        for rank in after.ranks
    ]


def _matrices(cells: Complex, found: Statistics | None) -> list[tuple[Relation, str]]:
    """Matrices that can be seen; of cells without orientation none with signs, if that is known."""
    without = {} if found is None else found.unoriented
    signed = [rank for rank in cells.ranks[1:] if rank not in without]
    boundaries = [
        (incidence(rank - 1, rank, signed=True), f"boundaries of rank {rank}")
        for rank in signed
        if rank - 1 in cells.ranks
    ]
    flat = [(laplacian(0), "Laplacian of nodes")] if 1 in signed else []
    flat += [
        (laplacian(rank), f"Hodge Laplacian of rank {rank}")
        for rank in signed
        if rank + 1 not in without and rank - 1 in cells.ranks
    ]
    return [*boundaries, *flat, *relations(cells)]
