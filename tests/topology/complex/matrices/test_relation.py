"""Names of matrices."""

import pytest

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import (
    Relation,
    adjacency,
    coadjacency,
    identity,
    incidence,
    laplacian,
)


@pytest.mark.parametrize(
    ("relation", "name", "target", "source"),
    [
        (incidence(0, 2), "B(0,2)", 0, 2),
        (incidence(0, 2).T, "B(0,2)ᵀ", 2, 0),
        (incidence(1, 2, signed=True), "±B(1,2)", 1, 2),
        (adjacency(1), "A(1 by 2)", 1, 1),
        (adjacency(0, via=3), "A(0 by 3)", 0, 0),
        (coadjacency(2, via=0), "coA(2 by 0)", 2, 2),
        (coadjacency(2), "coA(2 by 1)", 2, 2),
        (laplacian(1), "L(1)", 1, 1),
        (laplacian(1, via=0), "L(1 by 0)", 1, 1),
        (identity(3), "I(3)", 3, 3),
    ],
)
def test_a_relation_says_its_name_and_its_ranks(relation, name, target, source):
    assert str(relation) == name
    assert (relation.target, relation.source) == (target, source)
    back = relation.T
    assert relation == back.T
    assert (back == relation) == (target == source)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: incidence(1, 1),
        lambda: incidence(2, 1),
        lambda: incidence(-1, 1),
        lambda: adjacency(1, via=1),
        lambda: adjacency(1, via=0),
        lambda: coadjacency(0),
        lambda: coadjacency(1, via=1),
        lambda: coadjacency(1, via=-1),
        lambda: laplacian(0, via=-1),
        lambda: laplacian(1, via=3),
        lambda: laplacian(1, via=1),
        lambda: Relation("laplacian", 1, 1),
        lambda: Relation("adjacency", 0, 1, 2),
        lambda: Relation("adjacency", 0, 0),
        lambda: Relation("identity", 1, 1, 0),
        lambda: Relation("incidence", 0, 1, 1),
    ],
)
def test_relations_that_there_are_not_are_refused(wrong):
    with pytest.raises(TopologyError):
        wrong()
