"""Combinatorial complexes and their matrices."""

from unfrozen.topology.complex.batching import Batch, ComplexLoader, Example, batch
from unfrozen.topology.complex.complex import Complex
from unfrozen.topology.complex.growing import Edit, GrowingComplex, carry, carry_parameter
from unfrozen.topology.complex.hasse import Hasse, augmented_hasse_graph, hasse_graph
from unfrozen.topology.complex.matrices.neighbourhood import Neighbourhood
from unfrozen.topology.complex.matrices.relation import (
    Relation,
    adjacency,
    coadjacency,
    identity,
    incidence,
    laplacian,
)
from unfrozen.topology.complex.sets.cells import Cells

__all__ = [
    "Batch",
    "Cells",
    "Complex",
    "ComplexLoader",
    "Edit",
    "Example",
    "GrowingComplex",
    "Hasse",
    "Neighbourhood",
    "Relation",
    "adjacency",
    "augmented_hasse_graph",
    "batch",
    "carry",
    "carry_parameter",
    "coadjacency",
    "hasse_graph",
    "identity",
    "incidence",
    "laplacian",
]
