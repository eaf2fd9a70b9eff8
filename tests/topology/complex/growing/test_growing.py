"""A growing complex against one that is built anew after every edit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.draws import normal32
from tests.topology.complex.matrices.test_matrices import all_relations
from tests.topology.complexes import CUBE, complexes

from unfrozen.errors import DataError, TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.complex.growing import Edit, GrowingComplex

TRIANGLE = Complex({1: [[0, 1], [1, 2], [0, 2]], 2: [[0, 1, 2]]})


def dense(complex_, relation):
    return complex_.neighbourhood(relation).scipy().toarray()


class Growth(RuleBasedStateMachine):
    """Random edits; a plain dictionary of sets is kept beside, and all is asked of it."""

    @initialize(base=complexes(n_nodes=4, most=5))
    def begin(self, base):
        self.growing = GrowingComplex(base)
        # Id -> rank and nodes, in the order in which they came.
        self.cells = {}
        for rank in base.ranks:
            for row, own in enumerate(base.ids[rank].tolist()):
                self.cells[own] = (rank, [int(base.ids[0][i]) for i in base.cells(rank)[row]])
        self.all_ids = set(self.cells)

    def ids(self, rank):
        return [own for own, (of, _) in self.cells.items() if of == rank]

    def fits(self, rank, nodes):
        own = frozenset(nodes)
        for other_rank, other in self.cells.values():
            if own == set(other):
                return False
            if own < set(other) and rank > other_rank:
                return False
            if own > set(other) and rank < other_rank:
                return False
        return True

    @rule(data=st.data(), rank=st.integers(1, 4))
    def add(self, data, rank):
        nodes = data.draw(
            st.lists(st.sampled_from(self.ids(0)), min_size=1, max_size=5, unique=True)
        )
        if self.fits(rank, nodes):
            own = self.growing.add(rank, nodes)
            assert own not in self.all_ids
            self.cells[own] = (rank, nodes)
            self.all_ids.add(own)
        else:
            with pytest.raises(TopologyError):
                self.growing.add(rank, nodes)

    @rule()
    def add_node(self):
        if len(self.ids(0)) < 7:
            own = self.growing.add_node()
            assert own not in self.all_ids
            self.cells[own] = (0, [own])
            self.all_ids.add(own)

    @rule(data=st.data(), holders=st.booleans())
    def retire(self, data, holders):
        own = data.draw(st.sampled_from(list(self.cells)))
        rank = self.cells[own][0]
        held = (
            {i for i, (r, nodes) in self.cells.items() if r and own in nodes} if not rank else set()
        )
        if rank == 0 and (len(self.ids(0)) == 1 or (held and not holders)):
            with pytest.raises(TopologyError):
                self.growing.retire(own, holders=holders)
            return
        gone = {own} | held
        assert set(self.growing.retire(own, holders=holders)) == gone
        self.cells = {i: cell for i, cell in self.cells.items() if i not in gone}

    @rule()
    def snapshot(self):
        found = self.growing.snapshot()
        assert self.growing.snapshot() is found
        row = {own: i for i, own in enumerate(self.ids(0))}
        ranks = sorted({rank for rank, _ in self.cells.values()})
        rebuilt = Complex(
            {r: [[row[v] for v in self.cells[i][1]] for i in self.ids(r)] for r in ranks if r},
            n_nodes=len(row),
        )
        assert found.ranks == rebuilt.ranks
        for rank in ranks:
            assert found.ids[rank].tolist() == self.ids(rank)
            for which in ("pointers", "members"):
                one, other = (getattr(c.cells(rank), which).tolist() for c in (found, rebuilt))
                assert one == other
        for relation in all_relations(ranks):
            np.testing.assert_array_equal(dense(found, relation), dense(rebuilt, relation))

    @rule()
    def what_lies_where(self):
        named = {own: (rank, frozenset(nodes)) for own, (rank, nodes) in self.cells.items()}
        for own, (rank, nodes) in named.items():
            parts = [i for i, (_, x) in named.items() if x < nodes]
            wholes = [i for i, (_, x) in named.items() if x > nodes]
            assert list(self.growing.parts(own)) == sorted(parts)
            assert list(self.growing.wholes(own)) == sorted(wholes)
            for via in range(5):
                of = [x for r, x in named.values() if r == via]
                assert list(self.growing.parts(own, via)) == sorted(
                    i for i in parts if named[i][0] == via
                )
                assert list(self.growing.wholes(own, via)) == sorted(
                    i for i in wholes if named[i][0] == via
                )
                if via == rank:
                    continue
                near = [
                    i
                    for i, (r, x) in named.items()
                    if r == rank and i != own and any(
                        (x < z and nodes < z) if via > rank else (z < x and z < nodes) for z in of
                    )
                ]  # fmt: skip
                assert list(self.growing.neighbours(own, via)) == sorted(near)

    @invariant()
    def counted(self):
        if hasattr(self, "growing"):
            assert len(self.growing) == len(self.cells)
            assert all(own in self.growing for own in self.cells)
            assert not any(i in self.growing for i in self.all_ids - set(self.cells))


def test_random_edits_leave_what_is_built_anew():
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Growth, settings=settings(max_examples=20, stateful_step_count=25, deadline=None)
    )


def test_ids_order_and_repr_of_a_triangle_that_changes():
    growing = GrowingComplex(TRIANGLE)
    assert growing.snapshot() is TRIANGLE
    assert growing.retire(4) == (4,)
    node = growing.add_node()
    assert growing.add(1, [node, 0]) == 8
    assert growing.nodes(8) == (7, 0)
    assert growing.rank(8) == 1
    assert growing.add(1, [2, 1]) == 9
    now = growing.snapshot()
    assert now.ids[1].tolist() == [3, 5, 8, 9]
    assert now.cells(1).members.tolist() == [0, 1, 0, 2, 3, 0, 2, 1]
    assert repr(growing) == "GrowingComplex(4 nodes, 4 of rank 1, 1 of rank 2; 4 edits)"
    assert TRIANGLE.n_cells(1) == 3


def test_features_come_and_go_with_their_cells():
    base = TRIANGLE.with_features(1, torch.tensor([[1.0], [2.0], [3.0]]))
    growing = GrowingComplex(base)
    growing.retire(4)
    row = torch.tensor([4.0])
    growing.add(1, [1, 2], features=row)
    row.fill_(99.0)
    node = growing.add_node()
    own = growing.add(1, [0, node], features=torch.tensor([5.0]))
    growing.retire(own)
    growing.add(3, [0, 1, 2, node], features=torch.tensor([6.0, 7.0]))
    found = growing.snapshot().features
    assert found[1].flatten().tolist() == [1.0, 3.0, 4.0]
    assert found[3].tolist() == [[6.0, 7.0]]
    assert set(found) == {1, 3}


def test_a_rank_whose_cells_all_went_keeps_the_width_of_its_features():
    growing = GrowingComplex(TRIANGLE.with_features(2, torch.ones(1, 4)))
    growing.retire(6)
    assert growing.snapshot().features[2].shape == (0, 4)
    with pytest.raises(TopologyError, match="4 features"):
        growing.add(2, [0, 1, 2])
    growing.add(2, [0, 1, 2], features=torch.zeros(4))
    assert growing.snapshot().features[2].tolist() == [[0.0] * 4]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda g: g.add(0, [0]), "nodes are added by add_node"),
        (lambda g: g.add(1, [0.5, 1]), "whole numbers"),
        (lambda g: g.add(1, [0, 0]), "a node twice"),
        (lambda g: g.add(1, []), "has no nodes"),
        (lambda g: g.add(1, [0, 99]), "node 99, which is not there"),
        (lambda g: g.add(1, [0, 3]), "node 3, which is not there"),
        (lambda g: g.add(1, [0]), "is a node"),
        (lambda g: g.add(2, [1, 0]), "as cell 3 of rank 1"),
        (lambda g: g.add(1, [0, 1, 2]), "as cell 6 of rank 2"),
        (lambda g: g.add(1, [0, 1, 2, 7]), r"cell 6 of rank 2, \[0, 1, 2\], would be part of"),
        (lambda g: g.retire(99), "no cell 99"),
        (lambda g: g.retire(0), "node 0 is held by 3 cells, such as 3"),
        (lambda g: g.parts(99), "no cell 99"),
        (lambda g: g.nodes(99), "no cell 99"),
        (lambda g: g.neighbours(3, 1), "by another rank than theirs"),
        (lambda g: g.add(1, [0, 7], features=torch.ones(1)), "have no features, and the new one 1"),
        (lambda g: g.add_node(), "have 2 features, torch.float32, and the new one none"),
        (lambda g: g.add_node(features=torch.ones(3)), "have 2 features"),
        (lambda g: g.add_node(features=torch.ones(2).double()), "new one 2, torch.float64"),
        (lambda g: g.add_node(features=torch.tensor([1.0, torch.nan])), "are finite"),
    ],
)  # fmt: skip
def test_edits_that_do_not_fit_are_refused_and_change_nothing(edit, said, unchecked):
    growing = GrowingComplex(TRIANGLE.with_features(0, torch.zeros(3, 2)))
    growing.add_node(features=torch.ones(2))
    before = growing.snapshot()
    with pytest.raises(TopologyError, match=said):
        edit(growing)
    assert growing.snapshot() is before
    assert len(growing.edits) == 1


@pytest.mark.parametrize("features", [torch.ones(1, 2), torch.ones(2, dtype=torch.int64)])
def test_features_that_are_no_row_of_real_numbers_are_refused(features, unchecked):
    growing = GrowingComplex(TRIANGLE.with_features(0, torch.zeros(3, 2)))
    with pytest.raises(TopologyError, match="one row of real numbers"):
        growing.add_node(features=features)


def test_a_part_that_would_rank_above_a_new_whole_and_one_below_are_refused():
    growing = GrowingComplex(Complex({1: [[0, 1, 2]]}, n_nodes=4))
    with pytest.raises(TopologyError, match="would be part of cell 4 of rank 1"):
        growing.add(2, [0, 1])
    assert growing.add(1, [0, 1]) == 5


def test_the_last_node_stays():
    growing = GrowingComplex(Complex({}, n_nodes=2))
    growing.retire(0)
    with pytest.raises(TopologyError, match="node 1 is the last"):
        growing.retire(1, holders=True)


def test_a_hub_costs_what_its_new_cells_touch():
    leaves = 2000
    star = Complex({1: np.stack([np.zeros(leaves, int), np.arange(1, leaves + 1)], 1)})
    growing = GrowingComplex(star)
    looked = []
    within = growing._index.within

    class Counted(dict):
        def __getitem__(self, key):
            looked.append(key)
            return super().__getitem__(key)

    growing._index.nodes = Counted(growing._index.nodes)
    own = growing.add(2, [0, 1, 2])
    assert growing.parts(own, 1) == (leaves + 1, leaves + 2)
    assert within([0, 5]) == [leaves + 5]
    assert len(looked) < 30


@given(complexes(n_nodes=5, most=6, features=True))
def test_every_base_is_its_own_first_snapshot(base):
    growing = GrowingComplex(base)
    assert growing.snapshot() is base
    for rank in base.ranks:
        for row, own in enumerate(base.ids[rank].tolist()):
            assert growing.nodes(own) == tuple(base.ids[0][base.cells(rank)[row]].tolist())


def grown(base):
    growing = GrowingComplex(base)
    node = growing.add_node(features=torch.tensor([0.1, -1e-30], dtype=torch.bfloat16))
    growing.add(1, [0, node], features=torch.tensor([1 / 3]))
    growing.add(5, [0, 1, 2, 3, node])
    growing.retire(1, holders=True)
    return growing


BASE = CUBE.with_features(0, normal32(0, 8, 2).bfloat16())
BASE = BASE.with_features(1, torch.ones(12, 1))


def test_a_log_that_is_read_gives_the_same_complex_and_goes_on_with_the_same_ids(tmp_path):
    one = grown(BASE)
    one.save(tmp_path / "log.jsonl")
    other = GrowingComplex.load(tmp_path / "log.jsonl", BASE)
    assert [(e.kind, e.id, e.rank, e.nodes) for e in other.edits] == [
        (e.kind, e.id, e.rank, e.nodes) for e in one.edits
    ]
    first, second = one.snapshot(), other.snapshot()
    assert first.ranks == second.ranks
    for rank in first.ranks:
        assert first.ids[rank].tolist() == second.ids[rank].tolist()
        assert first.cells(rank).members.tolist() == second.cells(rank).members.tolist()
    for rank in (0, 1):
        assert first.features[rank].dtype == second.features[rank].dtype
        assert torch.equal(first.features[rank], second.features[rank])
    features = torch.zeros(2, dtype=torch.bfloat16)
    assert one.add_node(features=features) == other.add_node(features=features)
    assert list(tmp_path.iterdir()) == [tmp_path / "log.jsonl"]


def test_the_first_edits_of_a_log_are_an_earlier_state():
    late = grown(BASE)
    early = GrowingComplex(BASE, late.edits[:2]).snapshot()
    assert early.n_nodes == 9
    assert early.n_cells(1) == 13
    assert early.dim == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.replace("unfrozen.growing", "other"), "no log of a growing complex"),
        (lambda t: "", "no log of a growing complex"),
        (lambda t: t.replace('"version": 1', '"version": 2'), "version 2, and this .* reads 1"),
        (lambda t: t.replace('"rank": 5', '"rang": 5'), "line 4 of .* is damaged"),
        (lambda t: t.replace('"dtype": "float32"', '"dtype": "int8"'), "line 3 of .* is damaged"),
        (lambda t: t.replace('{"add": 27, "rank": 1', '{"add": 77, "rank": 1'), "edit 2 does not"),
        (lambda t: t + '{"retire": 4000}\n', "edit .* does not fit: there is no cell 4000"),
    ],
)  # fmt: skip
def test_logs_that_are_damaged_are_refused(tmp_path, change, said):
    path = tmp_path / "log.jsonl"
    grown(BASE).save(path)
    path.write_text(change(path.read_text()))
    with pytest.raises(TopologyError, match=said):
        GrowingComplex.load(path, BASE)


def test_a_line_that_is_no_json_is_a_damaged_file(tmp_path):
    path = tmp_path / "log.jsonl"
    grown(BASE).save(path)
    path.write_text(path.read_text() + "{\n")
    with pytest.raises(DataError, match="damaged"):
        GrowingComplex.load(path, BASE)


def test_a_log_of_another_base_and_one_that_is_not_there_are_refused(tmp_path):
    path = tmp_path / "log.jsonl"
    grown(BASE).save(path)
    for other in (CUBE, BASE.with_features(1, torch.zeros(12, 1))):
        with pytest.raises(TopologyError, match="another complex"):
            GrowingComplex.load(path, other)
    with pytest.raises(TopologyError, match="there is no log"):
        GrowingComplex.load(tmp_path / "none.jsonl", BASE)


def test_edits_that_skip_an_id_are_refused():
    with pytest.raises(TopologyError, match="edit 1 does not fit: cell 50 comes where 7 did"):
        GrowingComplex(TRIANGLE, [Edit("add", 50, 0, (50,))])
