"""Attributes as rows of numbers, and back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import TopologyError
from unfrozen.topology.exchange.attributes import Column, gather, pack, spread

NUMBERS = st.integers(-(2**20), 2**20).map(lambda n: n / 4)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=6))
def test_what_is_gathered_is_spread_again(values):
    rows = [{"charge": a, "place": [b, c]} for a, b, c in values]
    found, columns = gather(rows, range(len(rows)), 1, (), torch.float32)
    assert columns == (Column("charge"), Column("place", 2))
    assert found.tolist() == [[a, b, c] for a, b, c in values]
    assert spread(found, columns) == rows


def test_names_left_out_are_not_looked_at():
    rows = [{"x": 1, "name": "a"}, {"x": 2}]
    found, columns = gather(rows, "ab", 0, ["name"], torch.float64)
    assert found.tolist() == [[1.0], [2.0]]
    assert columns == (Column("x"),)
    assert gather(rows, "ab", 0, ["name", "x"], torch.float64) == (None, ())


def test_whole_numbers_are_kept_or_refused():
    for dtype, largest in ((torch.float16, 2**11), (torch.float32, 2**24), (torch.float64, 2**53)):
        found, _ = pack({"x": np.array([largest])}, 0, dtype)
        assert int(found) == largest
        with pytest.raises(TopologyError, match=f"does not fit {dtype}"):
            pack({"x": np.array([largest + 1])}, 0, dtype)


def test_infinity_stays_and_is_not_made():
    found, _ = pack({"x": np.array([np.inf, -np.inf])}, 0, torch.float32)
    assert found.flatten().tolist() == [np.inf, -np.inf]
    with pytest.raises(TopologyError, match="does not fit"):
        pack({"x": np.array([1e39])}, 0, torch.float32)


@pytest.mark.parametrize("values", [np.array(["a"]), np.zeros((1, 1, 1)), np.array([1j])])
def test_what_is_no_numbers_is_refused(values):
    with pytest.raises(TopologyError, match="no numbers: pass leave_out="):
        pack({"x": values}, 0, torch.float32)
