"""Two halves of a number against torch's own rounding."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.memory.store.planes import UNIT, fits, join, split

LARGEST = float(torch.finfo(torch.bfloat16).max)
numbers = st.lists(
    st.floats(-LARGEST, LARGEST, width=32, allow_subnormal=True), min_size=1, max_size=50
)


@given(numbers)
def test_halves_give_the_number_back_to_the_bit(values):
    x = torch.tensor(values, dtype=torch.float32)
    again = join(*split(x))
    assert torch.equal(again.view(torch.int32), x.view(torch.int32))


@given(numbers)
def test_the_first_half_is_the_nearest_of_its_kind(values):
    x = torch.tensor(values, dtype=torch.float32)
    ours, theirs = split(x)[0].double(), x.bfloat16().double()
    assert torch.equal((ours - x).abs(), (theirs - x).abs())


def test_every_pattern_of_sixteen_bits_survives():
    low = np.arange(1 << 16, dtype=np.uint32)
    for high in (0x0000, 0x3F80, 0xBF80, 0x7F7E, 0xFF7E, 0x0080, 0x8001):
        x = torch.from_numpy(((high << 16) | low).view(np.float32).copy())
        assert torch.equal(join(*split(x)).view(torch.int32), x.view(torch.int32))


@given(st.floats(1e-30, 1e30))
def test_rounding_costs_no_more_than_its_unit(value):
    x = torch.tensor([value], dtype=torch.float32)
    assert float((split(x)[0].double() - x).abs() / x.double()) <= UNIT


def test_numbers_that_would_round_to_infinity_do_not_fit():
    assert fits(torch.tensor([LARGEST, -LARGEST]))
    assert not fits(torch.tensor([torch.finfo(torch.float32).max]))
    assert not fits(torch.tensor([float("nan")]))
