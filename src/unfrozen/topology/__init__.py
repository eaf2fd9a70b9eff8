"""Beyond graphs: combinatorial complexes, and networks on them."""

from unfrozen.topology.complex import (
    Cells,
    Complex,
    Neighbourhood,
    Relation,
    adjacency,
    coadjacency,
    identity,
    incidence,
    laplacian,
)

__all__ = [
    "Cells",
    "Complex",
    "Neighbourhood",
    "Relation",
    "adjacency",
    "coadjacency",
    "identity",
    "incidence",
    "laplacian",
]
