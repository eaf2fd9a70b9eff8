"""Rows and optimizers that outlive growth: cells that stay learn as if nothing had come or gone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.draws import normal
from tests.topology.complexes import CUBE
from torch import nn, optim

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.complex.growing import GrowingComplex, carry, carry_parameter

# Optimizers whose update of an entry hears of that entry only.
OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    "Adam": lambda p: optim.Adam(p, lr=0.1, amsgrad=True, weight_decay=0.1),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1),
    "NAdam": lambda p: optim.NAdam(p, lr=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.1, momentum=0.5, centered=True),
    "Rprop": lambda p: optim.Rprop(p, lr=0.1),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1, initial_accumulator_value=0.3),
    "Adadelta": lambda p: optim.Adadelta(p, lr=0.1),
}


def changed():
    """The edges of a cube, then with some gone and some new."""
    growing = GrowingComplex(CUBE)
    for own in (9, 14):
        growing.retire(own)
    growing.add(1, [0, 6])
    growing.retire(11)
    growing.add(1, [1, 7])
    return CUBE, growing.snapshot()


@given(st.lists(st.booleans(), min_size=12, max_size=12), st.integers(0, 3))
def test_rows_go_with_their_ids(kept, more):
    growing = GrowingComplex(CUBE)
    for row, stays in enumerate(kept):
        if not stays:
            growing.retire(8 + row)
    new = [growing.add(1, [0, 6, 6 - i]) if i else growing.add(1, [0, 6]) for i in range(more)]
    after = growing.snapshot()
    rows = torch.arange(12.0)[:, None] + 8
    fill = -1.0
    found = carry(rows, 1, CUBE, after, fill=lambda ids: fill * torch.from_numpy(ids)[:, None])
    expected = [8 + row for row, stays in enumerate(kept) if stays] + [-own for own in new]
    assert found.flatten().tolist() == [float(x) for x in expected]
    zeros = carry(rows, 1, CUBE, after)
    assert torch.equal(zeros, found.clamp(min=0))


def test_gradients_go_to_the_rows_that_stay():
    before, after = changed()
    rows = torch.ones(12, 2, requires_grad=True)
    carry(rows, 1, before, after).sum().backward()
    assert rows.grad.sum(1).tolist() == [2.0 * (i in after.ids[1]) for i in before.ids[1]]


def test_rows_may_be_of_any_shape_and_kind():
    before, after = changed()
    assert carry(torch.ones(12, 2, 3), 1, before, after).shape == (11, 2, 3)
    labels = carry(torch.ones(12, dtype=torch.int64), 1, before, after)
    assert labels.dtype == torch.int64
    assert int(labels.sum()) == 9
    assert len(carry(torch.zeros(0, 4), 3, before, after)) == 0


def train(parameter, optimizer, cells, steps):
    """Gradients that tell which cell they are of."""
    for step in steps:
        rows = torch.stack([normal(1000 * step + own, 3) for own in cells.ids[1].tolist()])
        parameter.grad = rows + 0.1 * parameter.detach()
        optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_cells_that_stay_learn_as_if_nothing_had_changed(name):
    before, after = changed()
    one = nn.Parameter(normal(0, 12, 3))
    other = nn.Parameter(one.detach().clone())
    still, optimizer = OPTIMIZERS[name]([one]), OPTIMIZERS[name]([other])
    train(one, still, before, range(1, 9))
    train(other, optimizer, before, range(1, 5))
    grown = carry_parameter(other, 1, before, after, optimizer=optimizer)
    assert optimizer.param_groups[0]["params"][0] is grown
    assert other not in optimizer.state
    train(grown, optimizer, after, range(5, 9))
    back = carry(grown.detach(), 1, after, before)
    stays = torch.tensor([i in after.ids[1] for i in before.ids[1]])
    torch.testing.assert_close(back[stays], one.detach()[stays], rtol=0, atol=0)


@pytest.mark.parametrize("name", ["Rprop", "Adagrad", "Adadelta", "RMSprop"])
def test_new_cells_learn_as_in_an_optimizer_that_begins(name):
    # Of those that count no steps for the parameter as a whole, or do not use the count.
    before, after = changed()
    parameter = nn.Parameter(normal(0, 12, 3))
    optimizer = OPTIMIZERS[name]([parameter])
    train(parameter, optimizer, before, range(1, 5))
    grown = carry_parameter(
        parameter, 1, before, after, optimizer=optimizer, fill=lambda ids: normal(7, len(ids), 3)
    )
    fresh = nn.Parameter(grown.detach().clone())
    train(fresh, OPTIMIZERS[name]([fresh]), after, range(5, 9))
    train(grown, optimizer, after, range(5, 9))
    torch.testing.assert_close(grown.detach()[-2:], fresh.detach()[-2:], rtol=1e-12, atol=0)


def test_sparse_gradients_of_an_embedding():
    before, after = changed()
    embedding = nn.Embedding(12, 2, sparse=True)
    optimizer = optim.SparseAdam(embedding.parameters(), lr=0.1)
    embedding(torch.arange(12)).sum().backward()
    optimizer.step()
    moments = optimizer.state[embedding.weight]["exp_avg"]
    embedding.weight = carry_parameter(embedding.weight, 1, before, after, optimizer=optimizer)
    state = optimizer.state[embedding.weight]
    assert torch.equal(state["exp_avg"], carry(moments, 1, before, after))
    assert state["step"] == 1
    optimizer.zero_grad()
    embedding(torch.arange(11)).sum().backward()
    optimizer.step()
    assert bool((embedding.weight[-2:] != 0).all())


def test_an_optimizer_that_has_not_begun_goes_on_with_the_new_parameter():
    before, after = changed()
    other = nn.Parameter(torch.ones(2))
    parameter = nn.Parameter(torch.ones(12, 3), requires_grad=False)
    optimizer = optim.Adam([{"params": [other], "lr": 0.5}, {"params": [parameter]}])
    grown = carry_parameter(parameter, 1, before, after, optimizer=optimizer)
    assert [p.shape for g in optimizer.param_groups for p in g["params"]] == [(2,), (11, 3)]
    assert not optimizer.state
    assert not grown.requires_grad


def test_without_an_optimizer_the_parameter_alone_is_carried():
    before, after = changed()
    grown = carry_parameter(nn.Parameter(torch.ones(12)), 1, before, after)
    assert isinstance(grown, nn.Parameter)
    assert grown.tolist() == [1.0] * 9 + [0.0] * 2


def test_what_cannot_be_carried_is_refused_and_nothing_is_changed():
    before, after = changed()
    parameter = nn.Parameter(torch.ones(12, 3))
    with pytest.raises(TopologyError, match="the optimizer has no such parameter"):
        carry_parameter(
            parameter, 1, before, after, optimizer=optim.SGD([nn.Parameter(torch.ones(1))])
        )
    factored = optim.Adafactor([parameter])
    parameter.grad = torch.ones(12, 3)
    factored.step()
    with pytest.raises(TopologyError, match=r"Adafactor keeps row_var of \[12, 1\]"):
        carry_parameter(parameter, 1, before, after, optimizer=factored)
    assert factored.param_groups[0]["params"][0] is parameter
    assert parameter in factored.state


def test_rows_that_do_not_fit_are_refused():
    before, after = changed()
    with pytest.raises(TopologyError, match="11 rows are not one for each of 12"):
        carry(torch.ones(11, 1), 1, before, after)
    with pytest.raises(TopologyError, match=r"rows of new cells are \[2, 1\], not \[3, 1\]"):
        carry(torch.ones(12, 1), 1, before, after, fill=lambda ids: torch.ones(3, 1))


def test_ids_of_a_base_need_not_be_in_order():
    base = Complex({1: [[0, 1], [1, 2]]}, ids={1: torch.tensor([9, 5]).numpy()})
    growing = GrowingComplex(base)
    growing.retire(9)
    growing.add(1, [2, 0])
    found = carry(torch.tensor([[1.0], [2.0]]), 1, base, growing.snapshot())
    assert found.flatten().tolist() == [2.0, 0.0]
