"""Meshes in the files that trimesh reads."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unfrozen.cli.console import counted
from unfrozen.errors import TopologyError

if TYPE_CHECKING:
    from unfrozen.topology.complex.files import Stored


def read_mesh(path: Path) -> "tuple[Stored, list[str]]":
    """A mesh of triangles as a complex of rank 2; nodes have their places as features x, y, z.

    Polygons of more nodes are cut into triangles.  Vertices at one place are one, without which
    the triangles of an .stl file would not hang together.

    Args:
        path: of an .obj, .off, .ply or .stl file.

    Raises:
        TopologyError: the file is damaged or no mesh, or trimesh is not there.
    """
    import numpy as np
    import torch

    from unfrozen.topology.complex.files import Stored
    from unfrozen.topology.lifting import mesh

    points, faces = _triangles(path)
    if not len(faces):
        raise TopologyError(f"{path} is no mesh, or damaged: it holds no triangles")
    if not np.isfinite(points).all():
        raise TopologyError(f"{path} is damaged: places of vertices are not finite")
    where, which = np.unique(points, axis=0, return_inverse=True)
    notes = []
    if len(where) < len(points):
        # Vertices keep their order.
        first = np.full(len(where), len(points))
        np.minimum.at(first, which, np.arange(len(points)))
        order = np.argsort(first)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        points, faces = where[order], place[which][faces]
        if path.suffix.lower() != ".stl":
            notes.append(
                f"joined: {counted(len(which) - len(where), 'corner')} at the place of others"
            )
    ascending = np.sort(faces, 1)
    whole = (ascending[:, 0] != ascending[:, 1]) & (ascending[:, 1] != ascending[:, 2])
    if not whole.all():
        notes.append(f"left out: {counted(int((~whole).sum()), 'triangle')} with a corner twice")
    positions = torch.from_numpy(points).float()
    made = mesh(positions, faces[whole], geometry=False, same_set="skip")
    doubled = int(whole.sum()) - made.n_cells(2)
    if doubled:
        notes.append(f"left out: {counted(doubled, 'triangle')} given before")
    return Stored(made.with_features(0, positions), columns={0: ("x", "y", "z")}), notes


def _triangles(path: Path) -> tuple[Any, Any]:
    import numpy as np

    try:
        import trimesh
    except ImportError as error:
        raise TopologyError(
            f"{path} is a mesh, and trimesh reads it: run `pip install unfrozen[topology]`"
        ) from error
    _check_length(path)
    try:
        with warnings.catch_warnings():
            # What it wonders at in damaged files is told below, or found out by who called.
            warnings.simplefilter("ignore")
            found: Any = trimesh.load(
                path, force="mesh", process=False, skip_materials=True, maintain_order=True
            )
        return np.asarray(found.vertices, np.float64), np.asarray(found.faces, np.int64)
    except Exception as error:
        # Readers of damaged files raise whatever they stumble over.
        reason = " ".join(str(error).split())
        raise TopologyError(f"{path} cannot be read as a mesh: {reason}") from error


def _check_length(path: Path) -> None:
    """Check that an .off file has as many lines as it says, which trimesh does not.

    Raises:
        TopologyError: it has fewer.
    """
    if path.suffix.lower() != ".off":
        return
    try:
        text = path.read_text(encoding="utf-8")
        lines = [line for line in (x.split("#")[0].strip() for x in text.splitlines()) if line]
        words = " ".join(lines[:2]).replace("COFF", "").replace("OFF", "").split()
        wanted = int(words[0]) + int(words[1])
    except (OSError, ValueError, IndexError) as error:
        raise TopologyError(
            f"{path} cannot be read as a mesh: it does not begin with OFF and its counts"
        ) from error
    head = 1 if len(lines[0].split()) > 1 else 2
    if len(lines) - head < wanted:
        raise TopologyError(
            f"{path} is damaged: it has {len(lines) - head:,} lines of vertices and faces, and "
            f"should have {wanted:,}"
        )
