"""Networks of the literature, a layer each, as tensor diagrams of a few lines.

Layers follow each other by `>>`.
"""

from collections.abc import Sequence

import torch

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import (
    adjacency,
    coadjacency,
    identity,
    incidence,
    laplacian,
)
from unfrozen.topology.complex.matrices.neighbourhood import Norm
from unfrozen.topology.layers.combining import Beta
from unfrozen.topology.layers.diagram import Diagram, Merge
from unfrozen.topology.layers.layer import Layer
from unfrozen.topology.layers.push_forward import (
    Attention,
    Convolution,
    Messages,
    MutualAttention,
)


def gcn(width_in: int, width_out: int, *, generator: torch.Generator) -> Convolution:
    """Graph convolution: D^-1/2 (A + I) D^-1/2 H W + b on nodes and edges.

    Source: Kipf and Welling 2017, equation 2.
    """
    return Convolution(
        adjacency(0), width_in, width_out, norm="symmetric", reflexive=True, bias=True,
        generator=generator,
    )  # fmt: skip


def gat(
    width_in: int,
    width_out: int,
    *,
    heads: int = 1,
    concat: bool = True,
    generator: torch.Generator,
) -> Attention:
    """Graph attention over the neighbours of a node and itself.

    Args:
        width_in: features that are read.
        width_out: features that are written, of all heads together.
        heads: number of attentions.
        concat: whether heads stand side by side, or their mean is taken.
        generator: draws the weights.

    Source: Veličković et al. 2018, equations 1 to 6.
    """
    return Attention(
        adjacency(0), width_in, width_out, heads=heads, concat=concat, reflexive=True, bias=True,
        generator=generator,
    )  # fmt: skip


def hgnn(width_in: int, width_out: int, *, rank: int = 1, generator: torch.Generator) -> Diagram:
    """Hypergraph convolution: means of nodes in hyperedges, and of hyperedges at nodes.

    D^-1 B M^-1 Bᵀ H W + b, with D and M the degrees of nodes and of hyperedges.

    Args:
        width_in: features of nodes that are read.
        width_out: features of nodes that are written; hyperedges have as many as are read.
        rank: of the hyperedges.
        generator: draws the weights.

    Source: Feng et al. 2019 (HGNN), with the means of Bai et al. 2021 for the symmetric norm.
    """
    b = incidence(0, rank)
    gather = Messages(b.T, aggregate="mean", width=width_in)
    spread = Convolution(b, width_in, width_out, norm="mean", bias=True, generator=generator)
    return gather >> spread


def scn(
    width_in: int,
    width_out: int,
    *,
    ranks: Sequence[int] = (0, 1, 2),
    norm: Norm = "none",
    beta: Beta = torch.tanh,
    generator: torch.Generator,
) -> Merge:
    """Simplicial convolution by both terms of the Hodge Laplacian of each rank.

    H_r' = beta(L_r,down H_r W + L_r,up H_r W' + H_r W''), which commutes with changes of
    orientation as long as beta is odd.

    Args:
        width_in: features of each rank that are read.
        width_out: features of each rank that are written.
        ranks: of the simplices, from 0 up.
        norm: of the Laplacians.
        beta: nonlinearity.
        generator: draws the weights.

    Source: Yang, Isufi and Leus 2022 (simplicial convolutional networks), filters of length one.
    """
    top = max(ranks)
    parts: list[Layer] = []
    for r in ranks:
        matrices = [laplacian(r, via=via) for via in (r - 1, r + 1) if 0 <= via <= top]
        parts += [
            Convolution(g, width_in, width_out, norm=norm, generator=generator)
            for g in (*matrices, identity(r))
        ]
    return Merge(*parts, beta=beta)


def cwn(
    width_in: int,
    width_out: int,
    *,
    ranks: Sequence[int] = (0, 1, 2),
    beta: Beta = torch.relu,
    generator: torch.Generator,
) -> Merge:
    """Cell convolution: each cell hears of its boundary, of its neighbours through cells above,
    of these cells, and of itself.

    Args:
        width_in: features of each rank that are read.
        width_out: features of each rank that are written.
        ranks: of the cells, from 0 up.
        beta: nonlinearity, such as a network for each cell.
        generator: draws the weights.

    Source: Bodnar et al. 2021 (CW Networks), with messages that are linear in both cells.
    """
    top = max(ranks)
    parts: list[Layer] = []
    for r in ranks:
        matrices = [identity(r)]
        if r > 0:
            matrices.append(incidence(r - 1, r).T)
        if r < top:
            matrices += [adjacency(r), incidence(r, r + 1)]
        parts += [Convolution(g, width_in, width_out, generator=generator) for g in matrices]
    return Merge(*parts, beta=beta)


def hmc(
    width_in: Sequence[int],
    hidden: Sequence[int],
    width_out: Sequence[int],
    *,
    heads: int = 1,
    beta: Beta = torch.relu,
    generator: torch.Generator,
) -> Diagram:
    """Combinatorial attention on meshes, of height two.

    Args:
        width_in: features of nodes, edges and faces that are read.
        hidden: features of each between the two levels.
        width_out: features of each that are written.
        heads: of each attention.
        beta: nonlinearity of each level.
        generator: draws the weights.

    Raises:
        TopologyError: there are not three of the widths.

    Source: Hajij et al. 2022, figure 35(b).
    """
    if {len(width_in), len(hidden), len(width_out)} != {3}:
        raise TopologyError("a mesh has nodes, edges and faces: three widths each")
    a, h, z = (tuple(widths) for widths in (width_in, hidden, width_out))
    more = {"heads": heads, "generator": generator}
    first = Merge(
        Attention(adjacency(0), a[0], h[0], **more),
        MutualAttention(incidence(0, 1), (a[1], a[0]), (h[0], h[1]), **more),
        MutualAttention(incidence(1, 2), (a[2], a[1]), (h[1], h[2]), **more),
        beta=beta,
    )
    second = Merge(
        Attention(adjacency(0), h[0], z[0], **more),
        Attention(adjacency(1), h[1], z[1], **more),
        Attention(coadjacency(2), h[2], z[2], **more),
        Attention(incidence(0, 1).T, (h[0], h[1]), z[1], **more),
        Attention(incidence(1, 2).T, (h[1], h[2]), z[2], **more),
        beta=beta,
    )
    return first >> second
