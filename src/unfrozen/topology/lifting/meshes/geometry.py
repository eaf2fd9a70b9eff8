"""Features of a mesh: of its nodes, edges and faces, through which gradients go to positions."""

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting.meshes.faces import Faces

NODE_FEATURES = ("x", "y", "z", "normal x", "normal y", "normal z")
EDGE_FEATURES = (
    "length", "dihedral angle", "lesser opposite angle", "greater opposite angle",
    "lesser ratio", "greater ratio",
)  # fmt: skip
"""Of meshes of triangles; of others the first two only."""
FACE_FEATURES = ("area", "normal x", "normal y", "normal z", "angle 0", "angle 1", "angle 2")
"""Of meshes of triangles; of others the first four only."""


def node_features(positions: Float[Tensor, "node 3"], faces: Faces) -> Float[Tensor, "node 6"]:
    """Position and unit normal: that of the faces around, each weighted by its area.

    The normal is 0 where there is no face, or where they cancel.
    """
    owners = _on(faces.cells.owners, positions)
    members = _on(faces.cells.members, positions)
    total = torch.zeros_like(positions).index_add(0, members, _areas(positions, faces)[owners])
    return torch.cat([positions, _unit(total)], 1)


def edge_features(positions: Float[Tensor, "node 3"], faces: Faces) -> Float[Tensor, "edge _"]:
    """Length, dihedral angle and, of triangles, the opposite angles and the ratios.

    The dihedral angle is that between the two faces, in radians: π where they lie flat, and at a
    border.  It does not tell hills from valleys, nor does it need faces that are oriented alike.
    An opposite angle is the angle at the third node of a face, and a ratio is the height of that
    node over the edge by the edge's length.  The lesser and the greater of the two faces are told,
    so that it does not matter which comes first; at a border both are those of the one face.

    Args:
        positions: of the nodes.
        faces: at most two at an edge.

    Raises:
        TopologyError: more faces meet at an edge, or one has no length.

    Source: Hanocka et al. 2019 (MeshCNN), section 3.2, for all but the length.  Their code adds 0.1
        to lengths that it divides by, so that features change with scale; these do not.
    """
    sides = _on(faces.sides(), positions)
    tail = positions[_on(faces.cells.members, positions)]
    along = positions[_on(faces.following, positions)] - tail
    length = along.norm(dim=1)
    if bool((length == 0).any()):
        row = int(faces.edge[int((length == 0).nonzero()[0])])
        raise TopologyError(
            f"the edge {faces.edges[row].tolist()} has no length: join its nodes, or pass "
            "geometry=False"
        )
    normal = _unit(_areas(positions, faces))[_on(faces.cells.owners, positions)]
    # Into its face from each side of the edge, which is so whichever way the face goes round.
    inward = torch.linalg.cross(normal, along / length[:, None])
    one, other = inward[sides[:, 0]], inward[sides[:, 1]]
    border = sides[:, 0] == sides[:, 1]
    dihedral = torch.where(border, torch.pi, _angle(one, other))
    found = [length[sides[:, 0]], dihedral]
    if faces.triangles:
        apex = tail.view(-1, 3, 3).roll(1, 1).reshape(-1, 3)
        angle = _angle(tail - apex, tail + along - apex)
        ratio = torch.linalg.cross(along, apex - tail).norm(dim=1) / length**2
        for each in (angle, ratio):
            both = each[sides]
            found += [both.amin(1), both.amax(1)]
    return torch.stack(found, 1)


def face_features(positions: Float[Tensor, "node 3"], faces: Faces) -> Float[Tensor, "face _"]:
    """Area, unit normal and, of triangles, the three angles in the order of the nodes, in radians.

    The area and normal of a polygon that is not flat are those of its vector area.  The normal of a
    face without an area is 0.
    """
    areas = _areas(positions, faces)
    found = [areas.norm(dim=1, keepdim=True), _unit(areas)]
    if faces.triangles:
        corners = positions[_on(faces.cells.members, positions)].view(-1, 3, 3)
        found.append(_angle(corners.roll(-1, 1) - corners, corners.roll(1, 1) - corners))
    return torch.cat(found, 1)


def _areas(positions: Tensor, faces: Faces) -> Tensor:
    """Vector area of each face: half the sum of products of one corner with the next."""
    owners = _on(faces.cells.owners, positions)
    base = positions[_on(faces.cells.members[faces.cells.pointers[:-1]], positions)][owners]
    one = positions[_on(faces.cells.members, positions)] - base
    other = positions[_on(faces.following, positions)] - base
    total = positions.new_zeros(len(faces.cells), 3)
    return total.index_add(0, owners, torch.linalg.cross(one, other) / 2)


def _angle(one: Tensor, other: Tensor) -> Tensor:
    """Between vectors, from 0 to π; exact also where it is small."""
    return torch.atan2(torch.linalg.cross(one, other).norm(dim=-1), (one * other).sum(-1))


def _unit(x: Tensor) -> Tensor:
    length = x.norm(dim=1, keepdim=True)
    return torch.where(length > 0, x / torch.where(length > 0, length, 1), 0)


def _on(rows, positions: Tensor) -> Tensor:
    return torch.as_tensor(rows.copy(), device=positions.device)
