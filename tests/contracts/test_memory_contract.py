"""What every associative memory must satisfy."""

import copy
import functools
import inspect

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contracts.members import F64, MEMBERS, K, V, normal, same, state

import unfrozen.memory
from unfrozen.errors import MemoryShapeError
from unfrozen.memory import AssociativeMemory, HopfieldNetwork

# One example at a time is as good as a fresh fixture: `make` only makes.
each_example = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_every_member_is_in_the_table():
    listed = {type(make(F64)) for make in MEMBERS.values()}
    public = [getattr(unfrozen.memory, name) for name in unfrozen.memory.__all__]
    concrete = {
        m
        for m in public
        if inspect.isclass(m) and issubclass(m, AssociativeMemory) and not inspect.isabstract(m)
    }
    assert listed == concrete


def test_a_write_brings_the_answer_nearer_to_the_value(make):
    memory = make(F64)
    keys, values = make.pairs(0, 1)
    before = (memory.read(keys) - values).norm()
    memory.write(keys, values)
    assert (memory.read(keys) - values).norm() < before


def test_writes_are_numbered_and_a_number_is_not_used_twice(make):
    memory = make(F64)
    first, second = memory.write(*make.pairs(0)), memory.write(*make.pairs(1))
    assert memory.ids == (first, second)
    memory.forget(second)
    third = memory.write(*make.pairs(2))
    assert third not in (first, second)
    assert memory.ids == (first, third)


@each_example
@given(order=st.permutations(range(4)))
def test_forgetting_all_in_any_order_restores_the_first_state(make, order):
    memory = make(F64)
    empty = state(memory)
    ids = [memory.write(*make.pairs(i)) for i in range(4)]
    for i in order:
        memory.forget(ids[i])
    assert same(state(memory), empty)


@each_example
@given(gone=st.sets(st.integers(0, 3)), at_once=st.booleans())
def test_forgotten_writes_never_happened(make, gone, at_once):
    memory, never = make(F64), make(F64)
    ids = [memory.write(*make.pairs(i, 1 + i % 2)) for i in range(4)]
    for i in range(4):
        if i not in gone:
            never.write(*make.pairs(i, 1 + i % 2))
    if at_once:
        memory.forget(ids[i] for i in gone)
    else:
        for i in sorted(gone, reverse=True):
            memory.forget(ids[i])
    queries = normal(9, 5, K)
    assert torch.equal(memory.read(queries), never.read(queries))


def test_forgetting_what_is_not_there_is_refused_and_changes_nothing(make):
    memory = make(F64)
    kept, gone = memory.write(*make.pairs(0)), memory.write(*make.pairs(1))
    memory.forget(gone)
    before = state(memory)
    for ids in (gone, 77, [kept, 77]):
        with pytest.raises(MemoryShapeError, match="there is no write"):
            memory.forget(ids)
        assert same(state(memory), before)
    memory.forget([])
    assert same(state(memory), before)


def test_what_the_caller_does_to_his_tensors_afterwards_is_his_own(make):
    memory, other = make(F64), make(F64)
    keys, values = make.pairs(0)
    first = memory.write(*make.pairs(1))
    memory.write(keys, values)
    other.write(keys, values)
    keys.zero_()
    values.zero_()
    memory.forget(first)
    assert same({**state(memory), "written_ids": other.written_ids}, state(other))


def test_queries_come_in_any_batch(make):
    memory = make(F64)
    memory.write(*make.pairs(0))
    queries = normal(3, 2, 3, K)
    together = memory.read(queries)
    assert together.shape == (2, 3, V)
    torch.testing.assert_close(memory.read(queries[1]), together[1])
    torch.testing.assert_close(memory.read(queries[1, 2]), together[1, 2])
    assert memory.read(queries[:0]).shape == (0, 3, V)
    assert torch.equal(memory(queries), together)


def test_reading_differentiates_to_queries_and_parameters(make):
    memory = make(F64)
    memory.write(*make.pairs(0))
    read = memory.read
    if isinstance(memory, HopfieldNetwork):  # down to the bottom, the start hardly counts
        read = functools.partial(memory.read, steps=2)
    assert torch.autograd.gradcheck(read, normal(3, 2, K).requires_grad_())
    parameters = [p for p in memory.parameters() if p.requires_grad]
    if parameters:
        memory.read(normal(3, 2, K)).sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)
    assert not any(b.requires_grad for b in memory.buffers())


def test_energy_is_one_number_a_query_or_a_clear_refusal(make):
    memory = make(F64)
    memory.write(*make.pairs(0))
    queries, values = normal(3, 2, 5, K), normal(4, 2, 5, V)
    try:
        energy = memory.energy(queries, values)
    except MemoryShapeError as error:
        assert "has no energy" in str(error)  # noqa: PT017 - either is right
        return
    assert energy.shape == (2, 5)
    assert torch.isfinite(energy).all()
    torch.testing.assert_close(memory.energy(queries[1], values[1]), energy[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_precision_is_kept_and_other_precisions_are_taken_in(make, dtype):
    memory = make(torch.float32)
    memory.write(*make.pairs(0, dtype=dtype))
    tensors = [*memory.parameters(), *memory.buffers()]
    assert memory.read(normal(3, K, dtype=torch.float32)).dtype == torch.float32
    assert memory.written_keys.dtype == memory.written_values.dtype == torch.float32
    # The same write in float32 is the same write: the numbers count, not how they came.
    other = make(torch.float32)
    other.write(*(t.float() for t in make.pairs(0, dtype=dtype)))
    assert same(state(memory), state(other))
    assert all(torch.isfinite(t).all() for t in tensors)


def test_it_moves_as_a_module(make):
    memory = make(torch.float32)
    memory.write(*make.pairs(0, dtype=torch.float32))
    doubled = copy.deepcopy(memory).double()
    queries = normal(3, 2, K)
    answer = memory.read(queries.float())
    torch.testing.assert_close(doubled.read(queries).float(), answer, rtol=1e-3, atol=1e-3)
    away = memory.to("meta")
    assert all(t.is_meta for t in [*away.parameters(), *away.buffers()])
    answer = away.read(torch.empty(3, K, device="meta"))
    assert answer.is_meta
    assert answer.shape == (3, V)
    with pytest.raises(MemoryShapeError, match="meta device"):
        away.write(*make.pairs(0))


def test_a_copy_is_independent(make):
    memory = make(F64)
    memory.write(*make.pairs(0))
    before = state(memory)
    other = copy.deepcopy(memory)
    other.write(*make.pairs(1))
    other.forget(other.ids[0])
    assert same(state(memory), before)


def test_nothing_touches_the_global_generator(make):
    memory = make(F64)
    before = torch.get_rng_state()
    ids = memory.write(*make.pairs(0))
    memory.read(normal(3, K))
    memory.forget(ids)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_state_dict_carries_everything(make):
    memory, other = make(F64), make(F64)
    memory.forget(memory.write(*make.pairs(0)))
    memory.write(*make.pairs(1))
    other.load_state_dict(memory.state_dict())
    assert other.write(*make.pairs(2)) == memory.write(*make.pairs(2))
    other.forget(other.ids[0])
    memory.forget(memory.ids[0])
    assert same(state(memory), state(other))


@pytest.mark.parametrize(
    ("keys", "values", "message"),
    [
        (torch.ones(2, K + 1), torch.ones(2, V), f"maps {K} features to {V}"),
        (torch.ones(2, K), torch.ones(2, V + 1), f"maps {K} features to {V}"),
        (torch.ones(2, K), torch.ones(3, V), "rows of"),
        (torch.ones(K), torch.ones(V), "rows of"),
        (torch.ones(0, K), torch.ones(0, V), "nothing to write"),
        (torch.full((1, K), float("nan")), torch.ones(1, V), "keys are not all finite"),
        (torch.ones(1, K), torch.full((1, V), float("inf")), "values are not all finite"),
        (torch.ones(1, K, dtype=torch.int64), torch.ones(1, V), "floating-point"),
        (torch.ones(1, K), torch.full((1, V), 1e300, dtype=F64), "values are not all finite"),
        (torch.ones(1, K), None, f"maps {K} features to {V}"),
    ],
)
def test_a_write_that_does_not_fit_is_refused_and_changes_nothing(
    unchecked, make, keys, values, message
):
    memory = make(torch.float32)
    memory.write(*make.pairs(0))
    before = memory.state_dict()
    with pytest.raises(MemoryShapeError, match=message):
        memory.write(keys, values)
    assert same(memory.state_dict(), before)


def test_a_query_that_does_not_fit_is_refused(unchecked, make):
    memory = make(torch.float32)
    for queries in (torch.ones(K + 1), torch.ones(2, K - 1), torch.ones(())):
        with pytest.raises(MemoryShapeError, match=f"asked with {K} features"):
            memory.read(queries)


def test_a_relearning_that_fails_leaves_the_memory_as_it_was(make, monkeypatch):
    memory = make(F64)
    first = memory.write(*make.pairs(0))
    memory.write(*make.pairs(1))
    before = state(memory)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(memory, "_learn", fail)
    with pytest.raises(KeyboardInterrupt):
        memory.forget(first)
    assert same(state(memory), before)
