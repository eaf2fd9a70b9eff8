"""Hidden values of cochains: what follows from the others, by enumerating all that can be."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.tasks.cochains import complete, in_span, masked_coboundary


def _possible(complex_, modulus):
    """Values of triangles for all values of edges, one a row."""
    edges = complex_.n_cells(1)
    table = {}
    for i in range(edges):
        tail, head = complex_.cells(1)[i].tolist()
        table[tail, head], table[head, tail] = (i, 1), (i, -1)
    every = np.array(list(product(range(modulus), repeat=edges)))
    columns = []
    for i in range(complex_.n_cells(2)):
        a, b, c = complex_.cells(2)[i].tolist()
        steps = [table[a, b], table[b, c], table[c, a]]
        columns.append(sum(sign * every[:, edge] for edge, sign in steps) % modulus)
    return np.unique(np.stack(columns, 1), axis=0)


@pytest.mark.parametrize(("nodes", "modulus"), [(5, 2), (4, 3)])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_what_follows_is_what_all_that_fits_agrees_on(nodes, modulus, share):
    complex_ = complete(nodes)
    possible = _possible(complex_, modulus)
    for seed in range(5):
        found = masked_coboundary(complex_, share, modulus=modulus, seed=seed)
        values, hidden = found.values.numpy(), found.hidden.numpy()
        assert hidden.sum() == round(share * len(hidden))
        fit = possible[(possible[:, ~hidden] == values[~hidden]).all(1)]
        assert (fit == values).all(1).any()
        for cell in np.flatnonzero(hidden):
            counts = np.bincount(fit[:, cell], minlength=modulus)
            if found.determined[cell]:
                assert counts[values[cell]] == len(fit)
            else:  # each value is as likely
                assert set(counts.tolist()) == {len(fit) // modulus}
        assert not found.determined[~found.hidden].any()


def test_round_every_tetrahedron_values_sum_to_zero():
    found = masked_coboundary(complete(6), 0.3, modulus=5, seed=1)
    up = found.complex.incidence(2, 3, signed=True).T
    assert not ((up @ found.values[:, None].float()) % 5).any()


def test_what_is_seen():
    found = masked_coboundary(complete(5), 0.4, modulus=3, seed=0)
    seen = found.seen()
    assert seen.shape == (10, 4)
    assert torch.equal(seen.argmax(1)[~found.hidden], found.values[~found.hidden])
    assert (seen.argmax(1)[found.hidden] == 3).all()


@given(
    st.sampled_from([2, 3, 5]),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(0, 10_000),
)
def test_spans_by_enumeration(modulus, n, columns, seed):
    draw = np.random.default_rng(seed)
    rows = draw.integers(modulus, size=(n, columns))
    asked = draw.integers(modulus, size=(4, columns))
    weights = np.array(list(product(range(modulus), repeat=n)))
    span = set(map(tuple, (weights @ rows % modulus).tolist()))
    assert in_span(rows, asked, modulus).tolist() == [tuple(a) in span for a in asked.tolist()]


def test_what_is_no_field_or_triangle_is_refused():
    for modulus in (1, 4):
        with pytest.raises(TopologyError, match=f"a prime number, not of {modulus}"):
            masked_coboundary(complete(4), 0.5, modulus=modulus)
    with pytest.raises(TopologyError, match="share that is hidden"):
        masked_coboundary(complete(4), 1.5)
    with pytest.raises(TopologyError, match="cells of rank 2 are triangles"):
        masked_coboundary(complete(4, 1), 0.5)
    with pytest.raises(TopologyError, match="cells of rank 2 are triangles"):
        masked_coboundary(Complex({2: [[0, 1, 2, 3]]}), 0.5)
    with pytest.raises(TopologyError, match="2 of its 3 edges"):
        masked_coboundary(Complex({1: [[0, 1], [1, 2]], 2: [[0, 1, 2]]}), 0.5)
