"""Equal sets, against dictionaries of Python's own."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.topology.complex import Cells
from unfrozen.topology.complex.sets.equality import first_equal

SETS = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True), max_size=25)


def _first(sets):
    found = {}
    return [found.setdefault(frozenset(nodes), i) for i, nodes in enumerate(sets)]


@given(sets=SETS)
def test_the_first_of_equal_sets_is_found(sets):
    assert first_equal(Cells.of(sets)).tolist() == _first(sets)


@given(sets=SETS)
def test_sets_whose_numbers_clash_are_told_apart(sets):
    cells = Cells.of(sets)
    cells.__dict__["fingerprints"] = np.zeros(len(sets), np.uint64)
    assert first_equal(cells).tolist() == _first(sets)
