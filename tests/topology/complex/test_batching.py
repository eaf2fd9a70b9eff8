"""Batches of complexes, and batches taken apart."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.draws import normal32
from tests.topology.complex.matrices.test_matrices import all_relations
from tests.topology.complexes import CUBE, TETRAHEDRON, complexes, grid

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex, adjacency, incidence, laplacian
from unfrozen.topology.complex.batching import ComplexLoader, Example, batch

PATH = Complex({1: [[0, 1], [1, 2]]})
MANY = st.lists(complexes(n_nodes=5, most=5), min_size=1, max_size=4)


def assert_same(one, other):
    assert one.ranks == other.ranks
    for rank in one.ranks:
        assert one.cells(rank).pointers.tolist() == other.cells(rank).pointers.tolist()
        assert one.cells(rank).members.tolist() == other.cells(rank).members.tolist()
        assert one.ids[rank].tolist() == other.ids[rank].tolist()
    assert set(one.features) == set(other.features)
    for rank, rows in one.features.items():
        assert torch.equal(rows, other.features[rank])


def dense(complex_, relation):
    return complex_.neighbourhood(relation).scipy().toarray()


def block_diagonal(blocks):
    found = np.zeros(np.sum([each.shape for each in blocks], axis=0), np.float32)
    row = column = 0
    for each in blocks:
        found[row : row + each.shape[0], column : column + each.shape[1]] = each
        row, column = row + each.shape[0], column + each.shape[1]
    return found


@given(MANY, st.booleans())
def test_matrices_of_a_batch_have_those_of_the_parts_on_their_diagonal(parts, made):
    ranks = sorted({rank for part in parts for rank in part.ranks})
    relations = all_relations(ranks)
    blocks = {}
    for relation in relations:
        # With and without matrices in the parts: joined, or made anew.
        fresh = [Complex({r: p.cells(r) for r in p.ranks[1:]}, n_nodes=p.n_nodes) for p in parts]
        blocks[relation] = [dense(p, relation) for p in (parts if made else fresh)]
    both = batch(parts).complex
    for relation in relations:
        np.testing.assert_array_equal(dense(both, relation), block_diagonal(blocks[relation]))


def test_matrices_that_all_parts_have_are_joined_and_others_are_not():
    one, other = grid(3, 3), grid(4, 3)
    laplace = laplacian(1)
    for part in (one, other):
        part.incidence(1, 2)
        part.neighbourhood(laplace)
    one.adjacency(0)
    both = batch([one, other]).complex
    assert set(both.matrices) >= {incidence(1, 2), laplace}
    assert adjacency(0) not in both.matrices
    asked = batch([one, other], relations=[adjacency(0)]).complex
    assert adjacency(0) in asked.matrices
    assert adjacency(0) in other.matrices
    for relation in (incidence(1, 2), laplace, adjacency(0)):
        blocks = block_diagonal([dense(one, relation), dense(other, relation)])
        np.testing.assert_array_equal(dense(asked, relation), blocks)


def test_a_part_without_a_rank_does_not_keep_matrices_of_the_others_from_being_joined():
    CUBE.incidence(1, 2)
    both = batch([PATH, CUBE]).complex
    assert incidence(1, 2) in both.matrices
    expected = block_diagonal([np.zeros((2, 0)), dense(CUBE, incidence(1, 2))])
    np.testing.assert_array_equal(dense(both, incidence(1, 2)), expected)


@given(st.lists(complexes(n_nodes=5, most=5, features=True), min_size=1, max_size=4))
def test_a_batch_taken_apart_gives_its_parts(parts):
    try:
        whole = batch(parts)
    except TopologyError as error:
        # Features of a rank are of all complexes that have the rank.
        assert "either all complexes" in str(error)  # noqa: PT017
        assert any(
            0
            < sum(r in p.features for p in parts if r in p.ranks)
            < sum(r in p.ranks for p in parts)
            for r in range(9)
        )
        return
    for one, other in zip(whole.unbatch(), parts, strict=True):
        assert_same(one, other)


def test_owners_counts_and_rows_are_of_each_complex():
    whole = batch([PATH, CUBE, TETRAHEDRON])
    assert len(whole) == 3
    assert whole.owner[0].tolist() == [0] * 3 + [1] * 8 + [2] * 4
    assert whole.owner[2].tolist() == [1] * 6 + [2] * 4
    rows = normal32(0, 10, 2)
    split = whole.split(2, rows)
    assert [len(each) for each in split] == [0, 6, 4]
    assert torch.equal(torch.cat(split), rows)
    assert [len(each) for each in whole.split(5, rows[:0])] == [0, 0, 0]
    with pytest.raises(TopologyError, match="3 rows are not one for each of 10"):
        whole.split(2, rows[:3])


def test_a_readout_of_a_batch_is_that_of_each_complex():
    parts = [c.with_features(0, normal32(i, c.n_nodes, 4)) for i, c in enumerate((PATH, CUBE))]
    whole = batch(parts)
    heard = whole.complex.adjacency(0) @ whole.complex.features[0]
    total = torch.zeros(2, 4).index_add_(0, whole.owner[0], heard)
    for i, part in enumerate(parts):
        own = (part.adjacency(0) @ part.features[0]).sum(0)
        torch.testing.assert_close(total[i], own)


def test_parts_get_the_features_that_the_batch_has_by_then():
    whole = batch([PATH, CUBE])
    changed = whole.with_complex(whole.complex.with_features(1, torch.arange(14.0)[:, None]))
    path, cube = changed.unbatch()
    assert path.features[1].flatten().tolist() == [0.0, 1.0]
    assert cube.features[1].flatten().tolist() == list(range(2, 14))
    with pytest.raises(TopologyError, match="has not the cells of the batch"):
        whole.with_complex(CUBE)


def test_own_ids_outlive_a_batch():
    odd = Complex({1: [[0, 1]]}, ids={0: np.array([7, 3]), 1: np.array([9])})
    _, back = batch([PATH, odd]).unbatch()
    assert {r: own.tolist() for r, own in back.ids.items()} == {0: [7, 3], 1: [9]}


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([0, 1], torch.tensor([0, 1])),
        ([0.5, 1.0], torch.tensor([0.5, 1.0])),
        ([torch.ones(3), torch.zeros(3)], torch.tensor([[1.0] * 3, [0.0] * 3])),
        ([True, False], torch.tensor([True, False])),
    ],
)
def test_targets_are_stacked(targets, expected):
    found = batch([Example(PATH, target) for target in targets]).targets
    assert found is not None
    assert found.dtype == expected.dtype
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([], "at least one"),
        ([PATH, Example(PATH, 1)], "all complexes of a batch have targets or none"),
        ([Example(PATH, 1), Example(PATH, 0.5)], "targets of a batch are alike"),
        ([Example(PATH, torch.ones(2)), Example(PATH, torch.ones(3))], "alike"),
        ([PATH, PATH.with_features(1, torch.ones(2, 1))], "all complexes with cells of rank 1"),
        (
            [PATH.with_features(1, torch.ones(2, width)) for width in (1, 2)],
            "rank 1 differ in width",
        ),
        (
            [PATH.with_features(1, torch.ones(2, 1).to(d)) for d in (torch.half, torch.float)],
            "width or precision",
        ),
        ([PATH, PATH.to("meta")], "one device"),
    ],
)
def test_what_does_not_fit_together_is_refused(parts, said):
    with pytest.raises(TopologyError, match=said):
        batch(parts)


def test_a_batch_moves_with_its_targets():
    moved = batch([Example(PATH, 1), Example(CUBE, 0)]).to("meta")
    assert moved.complex.device.type == moved.targets.device.type == "meta"
    assert moved.owner[1].device.type == "meta"


DATA = [
    Example(c.with_features(0, torch.full((c.n_nodes, 1), float(i))), i)
    for i, c in enumerate([PATH, CUBE, TETRAHEDRON, grid(3, 3), PATH, CUBE, PATH])
]


def orders(loader):
    return [each.targets.tolist() for each in loader]


def test_a_loader_gives_every_example_once_in_an_order_of_its_generator():
    assert orders(ComplexLoader(DATA, 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    one, other, third = (
        orders(ComplexLoader(DATA, 3, shuffle=True, generator=seed))
        for seed in (1, torch.Generator().manual_seed(1), 2)
    )
    assert one == other != third
    assert sorted(i for each in one for i in each) == list(range(7))
    loader = ComplexLoader(DATA, 3, shuffle=True, generator=1)
    assert orders(loader) != orders(loader)


def test_a_loader_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    list(ComplexLoader(DATA, 2))
    list(ComplexLoader(DATA, 2, shuffle=True, generator=0))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_batches_of_a_loader_have_the_matrices_that_are_asked():
    relations = [adjacency(0), incidence(0, 1).T]
    for whole in ComplexLoader(DATA, 3, relations=relations):
        made = whole.complex.matrices
        assert all(relation in made or relation.T in made for relation in relations)


def test_workers_load_the_same_batches():
    settings = {"shuffle": True, "generator": 3, "relations": [adjacency(0)]}
    alone = list(ComplexLoader(DATA, 3, **settings))
    shared = list(ComplexLoader(DATA, 3, num_workers=2, **settings))
    for one, other in zip(alone, shared, strict=True):
        assert torch.equal(one.targets, other.targets)
        assert adjacency(0) in other.complex.matrices
        assert_same(one.complex, other.complex)
        np.testing.assert_array_equal(*(dense(b.complex, adjacency(0)) for b in (one, other)))
        for part, again in zip(one.unbatch(), other.unbatch(), strict=True):
            assert_same(part, again)


def test_shuffling_without_a_generator_is_refused():
    with pytest.raises(TopologyError, match="pass generator="):
        ComplexLoader(DATA, 2, shuffle=True)
