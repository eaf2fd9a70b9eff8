"""Matrices against their definitions, and against TopoNetX."""

import numpy as np
import pytest
import torch
from hypothesis import given
from tests.topology.complexes import by_definition, complexes, sets

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import (
    Complex,
    adjacency,
    coadjacency,
    identity,
    incidence,
    laplacian,
)
from unfrozen.topology.complex.matrices import matrix as making


def all_relations(ranks):
    """Every binary relation of some ranks, both ways."""
    pairs = [(r, k) for r in ranks for k in ranks if r < k]
    found = [incidence(r, k) for r, k in pairs] + [incidence(r, k).T for r, k in pairs]
    found += [adjacency(r, via=k) for r, k in pairs] + [coadjacency(k, via=r) for r, k in pairs]
    return found + [identity(r) for r in ranks]


def dense(complex_, relation):
    return complex_.neighbourhood(relation).scipy().toarray()


@given(complexes())
def test_every_matrix_is_as_defined(drawn):
    for relation in all_relations([*drawn.ranks, drawn.dim + 1]):
        found = drawn.neighbourhood(relation)
        np.testing.assert_array_equal(dense(drawn, relation), by_definition(drawn, relation))
        assert found.values is None
        assert found.shape == (drawn.n_cells(relation.target), drawn.n_cells(relation.source))
        # Rows of ascending columns, no entry twice.
        columns, rows = found.columns.numpy(), found.rows.numpy()
        assert (np.diff(rows * (found.shape[1] + 1) + columns) > 0).all()


@given(complexes())
def test_transposes_and_products_are_those_of_dense_matrices(drawn):
    generator = torch.Generator().manual_seed(0)
    for relation in all_relations(drawn.ranks):
        matrix = torch.from_numpy(by_definition(drawn, relation))
        found = drawn.neighbourhood(relation)
        np.testing.assert_array_equal(found.T.scipy().toarray(), matrix.T.numpy())
        x = torch.randn(matrix.shape[1], 3, generator=generator, requires_grad=True)
        torch.testing.assert_close(found @ x, matrix @ x)
        out = torch.randn(matrix.shape[0], 3, generator=generator)
        ((found @ x) * out).sum().backward()
        torch.testing.assert_close(x.grad, matrix.T @ out)


@given(complexes())
def test_matrices_are_those_of_toponetx(drawn):
    import toponetx

    reference = toponetx.CombinatorialComplex()
    for rank in drawn.ranks:
        for i in range(drawn.n_cells(rank)):
            nodes = drawn.cells(rank)[i].tolist()
            reference.add_node(nodes[0]) if rank == 0 else reference.add_cell(nodes, rank=rank)
    for relation in all_relations(drawn.ranks):
        if relation.kind == "identity":
            continue
        low, high = sorted((relation.target, relation.source))
        if relation.kind == "incidence":
            rows, columns, matrix = reference.incidence_matrix(low, high, index=True)
            matrix = matrix.toarray()
            if relation.target == high:
                rows, columns, matrix = columns, rows, matrix.T
        else:
            ask = getattr(reference, f"{relation.kind}_matrix")
            rows, matrix = ask(relation.target, relation.via, index=True)
            columns, matrix = rows, (matrix.toarray() != 0).astype(np.float32)
            np.fill_diagonal(matrix, 0)
        # Its rows are in an order of its own: ours are looked up by cell.
        rows = [rows[cell] for cell in sets(drawn, relation.target)]
        columns = [columns[cell] for cell in sets(drawn, relation.source)]
        np.testing.assert_array_equal(dense(drawn, relation), matrix[np.ix_(rows, columns)])


def test_signed_neighbours_are_products_of_signed_incidence_without_their_diagonal():
    path = Complex({1: [[0, 1], [2, 1]]})
    b = np.array([[-1.0, 0.0], [1.0, 1.0], [0.0, -1.0]], np.float32)
    np.testing.assert_array_equal(dense(path, incidence(0, 1, signed=True)), b)
    for relation, square in (
        (adjacency(0, signed=True), b @ b.T), (coadjacency(1, signed=True), b.T @ b),
    ):  # fmt: skip
        np.testing.assert_array_equal(dense(path, relation), square - np.diag(np.diag(square)))


def test_laplacians_of_a_filled_and_an_open_triangle():
    edges = [[0, 1], [1, 2], [0, 2]]
    graph = np.array([[2, -1, -1], [-1, 2, -1], [-1, -1, 2]], np.float32)
    filled, hollow = Complex({1: edges, 2: [[0, 1, 2]]}), Complex({1: edges})
    np.testing.assert_array_equal(dense(filled, laplacian(0)), graph)
    np.testing.assert_array_equal(dense(filled, laplacian(1)), 3 * np.eye(3))
    np.testing.assert_array_equal(dense(filled, laplacian(2)), [[3]])
    np.testing.assert_array_equal(dense(filled, laplacian(2, via=1)), [[3]])
    np.testing.assert_array_equal(dense(filled, laplacian(2, via=3)), [[0]])
    lower = np.array([[2, -1, 1], [-1, 2, 1], [1, 1, 2]], np.float32)
    np.testing.assert_array_equal(dense(hollow, laplacian(1)), lower)
    np.testing.assert_array_equal(dense(filled, laplacian(1, via=0)), lower)


def test_laplacians_of_nodes_alone_are_zero():
    assert dense(Complex({}, n_nodes=3), laplacian(0)).tolist() == np.zeros((3, 3)).tolist()


def star(leaves):
    return Complex({1: [[0, i] for i in range(1, leaves + 1)]})


def test_hubs_are_gone_through_in_parts_that_hold_no_more_than_is_allowed(monkeypatch):
    hub = star(40)
    whole = dense(hub, coadjacency(1))
    monkeypatch.setattr(making, "_AT_ONCE", 100)
    monkeypatch.setattr(making, "_MOST", 1600)
    held = []
    part = making._part
    monkeypatch.setattr(making, "_part", lambda *g: held.append(part(*g)) or held[-1])
    np.testing.assert_array_equal(dense(star(40), coadjacency(1)), whole)
    np.testing.assert_array_equal(whole, 1 - np.eye(40))
    assert len(held) == 20
    assert max(each.nnz for each in held) <= 100


def test_entries_are_counted_before_they_are_made_where_cells_share_many(monkeypatch):
    # A hundred hyperedges on the same nodes: candidates are many, neighbours are few.
    thick = Complex({1: [[0, 1, 2, i] for i in range(3, 13)]})
    monkeypatch.setattr(making, "_MOST", 100)
    assert len(thick.coadjacency(1, via=0)) == 90
    with pytest.raises(TopologyError, match=r"neighbours of rank 1 by rank 0 .* 100 pairs"):
        star(11).coadjacency(1)


def test_hubs_too_large_to_hold_are_refused_before_anything_is_multiplied(monkeypatch):
    def never(*given):
        raise AssertionError("multiplied")

    monkeypatch.setattr(making, "_part", never)
    with pytest.raises(TopologyError, match=r"go by B\(0,1\) and back in two steps"):
        star(30_000).coadjacency(1)
