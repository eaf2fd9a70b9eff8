import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.draws import F64, normal

from unfrozen.errors import MapError
from unfrozen.hippocampus.tem import COMPLEX, PAPER, SMALL, STANDARD, Schedules, TemSettings
from unfrozen.hippocampus.tem.losses import mean_of_known
from unfrozen.hippocampus.tem.schedules import halving, ramp, trust
from unfrozen.hippocampus.tem.window import codes
from unfrozen.hippocampus.tem.window.attractor import (
    activate,
    block_mask,
    conjoin,
    hierarchy,
    iterations,
    slope,
)
from unfrozen.hippocampus.tem.window.codes import Belief, StreamNetwork
from unfrozen.hippocampus.tem.window.sensory import normalise, smooth, two_hot
from unfrozen.hippocampus.worlds import laps, named, rectangle

SEEDS = st.integers(0, 10_000)


def test_sizes_are_those_of_the_paper():
    assert (PAPER.n_codes, PAPER.n_places) == (120, 400)
    assert PAPER.place_sizes == (100, 100, 80, 60, 60)
    assert PAPER.stops == (5, 4, 3, 2, 1)
    assert (COMPLEX.n_codes, COMPLEX.n_places) == (81, 250)
    assert (SMALL.n_codes, SMALL.n_places) == (54, 180)


def test_objects_have_a_stream_of_their_own():
    settings = TemSettings(objects=2)
    assert settings.code_sizes == (18, 30, 30, 24, 18, 18)
    assert settings.place_sizes[0] == 60
    assert settings.stops == (5, 5, 4, 3, 2, 1)
    assert settings.all_rates[:2] == (0.99, 0.99)


def test_settings_take_their_actions_and_objects_from_a_world():
    assert PAPER.for_world(rectangle(3)).still is None
    moved = PAPER.for_world(rectangle(3, stay=True))
    assert (moved.actions, moved.still) == (5, 4)
    objects = named("objects").draw(torch.Generator().manual_seed(0))
    assert PAPER.for_world(objects).objects == 2
    assert PAPER.for_world(laps(3)).objects == 0


def test_no_two_symbols_have_one_code():
    table = two_hot(45, 10)
    assert (table.sum(1) == 2).all()
    assert len(table.unique(dim=0)) == 45


def test_schedules_at_known_updates():
    assert [ramp(n, 200.0) for n in (0, 99, 199, 5000)] == [1 / 200, 0.5, 1.0, 1.0]
    assert trust(400, 400.0, 200.0) == 0.5
    assert trust(600, 400.0, 200.0) == pytest.approx(1 / (1 + math.exp(-1)))
    assert trust(0, 1e9, 1.0) == 0.0
    assert [halving(n, 9.0, 1.0, 10.0) for n in (0, 10, 20)] == [9.0, 5.0, 3.0]
    first, later, last = (STANDARD.at(n) for n in (0, 7_999, 10**6))
    assert first.rate == 1 / 16_000
    assert first.learning_rate == 9.4e-4
    assert later.rate == 0.5
    assert later.ties == later.decay == 1.0
    assert later.place_penalty == 0.0
    assert last.learning_rate == pytest.approx(8e-5)
    assert last.rate == last.trust == 1.0
    assert last.code_penalty == pytest.approx(1 - 1 / 40, abs=1e-6)


def test_compression_shortens_all_of_them():
    slow, fast = STANDARD.at(7_999), Schedules(compress=8.0).at(999)
    assert slow.rate == fast.rate
    assert slow.decay == fast.decay
    assert STANDARD.at(8_000).learning_rate == Schedules(compress=8.0).at(1_000).learning_rate
    assert STANDARD.at(800).trust == Schedules(compress=8.0).at(100).trust


@given(SEEDS)
def test_smoothing_in_closed_form_is_the_loop(seed):
    inputs, before = normal(seed, 2, 6, 4), normal(seed + 1, 2, 3, 4)
    rates = torch.tensor([0.99, 0.3, 0.01], dtype=F64)
    found, x = smooth(inputs, before, rates), before
    for t in range(6):
        x = (1 - rates[:, None]) * x + rates[:, None] * inputs[:, t, None]
        torch.testing.assert_close(found[:, t], x)


def test_each_sample_is_normalised_by_itself():
    x = normal(0, 3, 2, 10)
    found = normalise(x)
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(3, 2, dtype=F64))
    for i in range(3):
        assert torch.equal(normalise(x[i : i + 1])[0], found[i])
    other = x.clone()
    other[1:] = 5 * normal(1, 2, 2, 10)
    assert torch.equal(normalise(other)[0], found[0])


def test_slow_streams_reach_fast_ones_only():
    reach = hierarchy(3)
    assert reach.tolist() == [[True] * 3, [False, True, True], [False, False, True]]
    assert hierarchy(3, 1).tolist() == [[True] * 3] * 2 + [[True, False, True]]
    mask = block_mask((2, 1), hierarchy(2)).dense()
    assert mask.tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 1]]


def test_slow_streams_stop_first():
    assert iterations((2, 3, 1), (4, 2, 1)) == ((6, 3), (5, 2), (2, 1), (2, 1))
    with pytest.raises(AssertionError, match="move longest"):
        iterations((2, 3, 1), (4, 1, 2))
    with pytest.raises(AssertionError, match="move once"):
        iterations((2, 3, 1), (4, 2, 0))


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_slopes_are_those_of_autograd_even_at_corners(dtype):
    p = torch.cat([normal(0, 50), torch.tensor([-1.0, 0.0, 1.0, -2.0, 2.0])]).to(dtype)
    (expected,) = torch.autograd.grad(activate(p.requires_grad_()).sum(), p)
    assert torch.equal(slope(p.detach()), expected)


def test_conjunction_is_an_outer_product():
    code, senses = torch.tensor([[0.5, -0.5]]), torch.tensor([[[1.0, 0.2], [0.4, 3.0]]])
    expected = [[0.5, 0.1, -0.002, -0.01]]
    torch.testing.assert_close(conjoin(code, senses), torch.tensor(expected))


@given(SEEDS)
def test_the_surer_belief_weighs_more(seed):
    a, b = normal(seed, 4), normal(seed + 1, 4)
    s, r = normal(seed + 2, 4).exp(), normal(seed + 3, 4).exp()
    both = codes.agree(Belief(a, s), Belief(b, r))
    weight = r**2 / (s**2 + r**2)
    torch.testing.assert_close(both.mean, weight * a + (1 - weight) * b)
    torch.testing.assert_close(both.deviation**-2, s**-2 + r**-2)


def test_an_action_of_zeros_moves_nothing_and_others_by_their_matrix():
    hidden, out = normal(0, 3, 4), normal(1, 4, 5, 5)
    mask = torch.ones(5, 5, dtype=F64).triu()
    actions = torch.eye(3, dtype=F64)
    actions[1] = 0
    matrices = codes.transitions(actions, hidden, out, mask)
    assert (matrices[1] == 0).all()
    assert (matrices * (1 - mask) == 0).all()
    code, taken = normal(2, 6, 5), torch.tensor([0, 1, 2, 0, 1, 2])
    expected = torch.einsum("bij,bj->bi", matrices[taken], code)
    moved = codes.moves(code, codes.side_by_side(matrices), taken)
    torch.testing.assert_close(moved, expected)


def test_networks_of_streams_do_not_hear_of_one_another():
    g = torch.Generator().manual_seed(0)
    net = StreamNetwork([2, 3], [4, 5], [3, 2], g, dtype=F64)
    x = normal(0, 7, 5)
    other = x.clone()
    other[:, :2] = normal(1, 7, 2)
    assert torch.equal(net(x)[:, 3:], net(other)[:, 3:])
    own = torch.nn.functional.elu(x[:, :2] @ net.hidden[0].T) @ net.out[0].T
    torch.testing.assert_close(net(x)[:, :3], own)


def test_steps_to_new_places_do_not_count():
    values = torch.tensor([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]])
    known = torch.tensor([[False, True, True], [False, False, True]])
    assert mean_of_known(values, known) == pytest.approx((0 + 2 + 5) / 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"symbols": 46}, "10 features tell 45 symbols apart, not 46"),
        ({"codes": (30, 30)}, "every stream has a size, a sample and a rate"),
        ({"sampled": (31, 10, 8, 6, 6)}, "are not of the codes' sizes"),
        ({"rates": (0.3, 0.99, 0.09, 0.03, 0.01)}, "rates fall"),
        ({"rates": (1.0, 0.3, 0.09, 0.03, 0.01)}, "rates fall"),
        ({"actions": 4, "still": 4}, "number 4 cannot be the one"),
        ({"objects": 45}, "45 cannot be objects"),
        ({"iterations": 4}, "as many iterations, not 4"),
        ({"decay": 1.1}, "makes no memory"),
        ({"limit": 0.0}, "makes no memory"),
        ({"decoder_hidden": 0}, "at least one unit"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(MapError, match=message):
        TemSettings(**wrong)


def test_schedules_that_make_no_sense_are_refused():
    with pytest.raises(MapError, match="positive"):
        Schedules(compress=0.0)
    with pytest.raises(MapError, match="fall from"):
        Schedules(highest=1e-5)
    with pytest.raises(MapError, match="counted from 0"):
        STANDARD.at(-1)


@pytest.mark.parametrize("still", [None, 1])
def test_first_transitions_turn_each_stream_and_nothing_else(still):
    generator = torch.Generator().manual_seed(0)
    sizes = (6, 4)
    into, out = codes.first_transitions(4, still, 20, sizes, 0.7, generator)
    one_hot = torch.eye(4)
    if still is not None:
        one_hot[still] = 0
    found = torch.eye(10) + codes.transitions(one_hot, into, out, torch.ones(10, 10))
    identity = torch.eye(10).expand(4, 10, 10)
    torch.testing.assert_close(found @ found.mT, identity, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(found), torch.ones(4), atol=1e-5, rtol=0)
    assert not found[:, :6, 6:].any()
    assert not found[:, 6:, :6].any()
    moved = (found - torch.eye(10)).flatten(1).norm(dim=1)
    assert bool((moved[[a for a in range(4) if a != still]] > 0.5).all())
    assert still is None or float(moved[still]) < 1e-5
    # Published, nothing moves.
    assert not codes.first_transitions(4, still, 20, sizes, 0.0, generator)[1].any()
