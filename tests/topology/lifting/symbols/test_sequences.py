"""Windows of tokens against slices."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.topology.lifting.drawn import rows

from unfrozen.errors import TopologyError
from unfrozen.topology.lifting import windows


def _by_force(lengths, size, stride):
    found, before = [], 0
    for length in lengths:
        nodes = list(range(before, before + length))
        before += length
        begins = list(range(0, length - size + 1, stride))
        if begins and begins[-1] + size < length:
            begins.append(length - size)
        found += [nodes[begin : begin + size] for begin in begins]
    return found


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    sizes=st.lists(st.integers(2, 6), max_size=3, unique=True).map(sorted),
    stride=st.integers(1, 4),
)
def test_windows_are_slices_of_each_sequence(lengths, sizes, stride):
    made = windows(lengths, sizes or (2, 3), stride=stride)
    assert made.n_nodes == sum(lengths)
    for rank, size in enumerate(sizes or (2, 3), 1):
        assert rows(made.cells(rank)) == _by_force(lengths, size, stride)


def test_shorter_windows_lie_within_longer_ones():
    made = windows(6, (2, 4))
    assert made.incidence(1, 2).scipy().toarray().sum(0).tolist() == [3.0] * 3


def test_windows_have_features_of_their_tokens():
    tokens = torch.arange(5.0).view(5, 1)
    made = windows([3, 2], (2, 3), tokens=tokens, features="sum")
    assert made.features[1].flatten().tolist() == [1, 3, 7]
    assert made.features[2].flatten().tolist() == [3]
    assert made.features[0] is tokens


def test_what_cannot_be_is_refused():
    for lengths, stride in (([], 1), ([3, 0], 1), (3, 0)):
        with pytest.raises(TopologyError, match="sequences have tokens"):
            windows(lengths, stride=stride)
    for sizes in ((), (1, 2), (3, 3), (3, 2)):
        with pytest.raises(TopologyError, match="2 tokens or more, ascending"):
            windows(5, sizes)
    with pytest.raises(TopologyError, match="rows of features"):
        windows(5, tokens=torch.ones(4, 1))
