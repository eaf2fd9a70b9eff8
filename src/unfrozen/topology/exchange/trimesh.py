"""Triangle meshes of trimesh."""

from collections.abc import Collection
from typing import Any

import numpy as np
import torch

from unfrozen.errors import TopologyError
from unfrozen.topology.complex.complex import Complex
from unfrozen.topology.exchange.attributes import Column, pack
from unfrozen.topology.exchange.foreign import Foreign, missing

_PLACES = "vertices"


def from_trimesh(
    mesh: Any, *, leave_out: Collection[str] = (), dtype: torch.dtype = torch.float32
) -> Foreign:
    """A mesh as a complex of vertices, edges and triangles, these as they go round.

    Args:
        mesh: a `trimesh.Trimesh`.
        leave_out: attributes of vertices and faces that are not wanted; "visual" for colours and
            textures.
        dtype: to which places are rounded; meshes have them in double precision.

    Returns:
        The complex, with places as the first three features of nodes.  Metadata are in `rest`.

    Raises:
        TopologyError: triangles are there twice or have a corner twice (trimesh removes both by
            `mesh.process(validate=True)`), or attributes would be lost.
    """
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    if mesh.visual.defined and "visual" not in leave_out:
        raise TopologyError(
            f"a complex has no colours and textures, and those of {mesh.visual.kind} would be "
            "lost: pass leave_out=['visual'] to go without"
        )
    features, columns = {}, {}
    of_nodes = {_PLACES: vertices, **mesh.vertex_attributes}
    for rank, attributes in ((0, of_nodes), (2, mesh.face_attributes)):
        kept = {name: np.asarray(x) for name, x in attributes.items() if name not in leave_out}
        found, names = pack(kept, rank, dtype)
        if found is not None:
            features[rank], columns[rank] = found, names
    edges = np.asarray(mesh.edges_unique)
    counts = {0: len(vertices), 1: len(edges), 2: len(faces)}
    labels = {rank: tuple(range(count)) for rank, count in counts.items()}
    complex_ = Complex({1: edges, 2: faces}, n_nodes=len(vertices), features=features)
    return Foreign(complex_, labels, columns, dict(mesh.metadata))


def to_trimesh(cells: Complex | Foreign) -> Any:
    """A mesh of the triangles of a complex, as they are: nothing is merged or removed.

    Args:
        cells: of rank 2 with three nodes, and their edges or none; features of nodes are places,
            or have them among their columns as "vertices".

    Raises:
        TopologyError: there are other cells, edges that are no sides of triangles or features of
            edges, or no places; or trimesh is not there.
    """
    try:
        import trimesh
    except ImportError as error:
        raise missing("trimesh", "trimesh") from error
    foreign = Foreign.of(cells, {0: _PLACES})
    own = foreign.complex
    faces = own.cells(2)
    if own.dim > 2 or bool((faces.sizes != 3).any()) or not len(faces):
        raise TopologyError(f"{own} is no mesh of triangles, which are cells of rank 2")
    triangles = faces.members.reshape(-1, 3)
    sides = np.unique(np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1), axis=0)
    edges = own.cells(1)
    whole = bool((edges.sizes == 2).all()) and (
        not len(edges) or np.array_equal(np.unique(edges.ascending.reshape(-1, 2), axis=0), sides)
    )
    if not whole:
        raise TopologyError(
            f"edges are not the {len(sides)} sides of triangles, and a mesh has no others"
        )
    if 1 in own.features:
        raise TopologyError("a mesh has no features of edges, and they would be lost")
    attributes: dict[int, dict[str, Any]] = {0: {}, 2: {}}
    for rank, columns in foreign.columns.items():
        rows = own.features[rank].detach().cpu().numpy()
        ends = np.cumsum([column.width or 1 for column in columns])
        for column, part in zip(columns, np.split(rows, ends[:-1], 1), strict=True):
            attributes[rank][column.name] = part[:, 0] if column.width is None else part
    if Column(_PLACES, 3) not in foreign.columns.get(0, ()):
        raise TopologyError(
            f"nodes have no places: they are three features, or a column {_PLACES!r} of three"
        )
    return trimesh.Trimesh(
        vertices=attributes[0].pop(_PLACES),
        faces=triangles,
        vertex_attributes=attributes[0],
        face_attributes=attributes[2],
        metadata=dict(foreign.rest),
        process=False,
    )
