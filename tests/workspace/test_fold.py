"""A folded state depends on the base and the changes alone, to the bit."""

import gc
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from unfrozen.errors import WorkspaceError
from unfrozen.memory.linear.low_rank import LowRank
from unfrozen.workspace import Change, Fold


class Tiny(nn.Module):
    """Two layers and an output tied to the first, in any floating-point type."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = nn.Linear(4, 3, dtype=dtype)
        self.second = nn.Linear(3, 5, dtype=dtype)
        self.tied = nn.Linear(4, 3, bias=False, dtype=dtype)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        self.tied.weight = self.first.weight


def bits(model: nn.Module) -> list[bytes]:
    return [p.detach().view(torch.uint8).numpy().tobytes() for p in model.parameters()]


SHAPES = {"first.weight": (3, 4), "second.weight": (5, 3), "tied.weight": (3, 4)}


@pytest.fixture(scope="module")
def changes(make_change) -> list[Change]:
    names = list(SHAPES) * 2
    return [
        make_change(f"c{n}", seed=n, parameter=name, shape=SHAPES[name], rank=1 + n % 3)
        for n, name in enumerate(names)
    ]


@given(st.lists(st.lists(st.integers(0, 5), unique=True), min_size=1, max_size=6))
def test_any_history_leads_to_the_same_bits(changes, history):
    model = Tiny()
    base = bits(model)
    fold = Fold.of(model)
    for chosen in history:
        fold.set([changes[n] for n in chosen])
    fresh = Tiny()
    Fold(fresh).set([changes[n] for n in history[-1]])
    assert bits(model) == bits(fresh)
    fold.set([])
    assert bits(model) == base


def test_it_is_the_sum(changes):
    model = Tiny()
    expected = {n: p.detach().numpy().astype(np.float64) for n, p in model.named_parameters()}
    for change in changes:
        for name, factors in change.payload.items():
            product = factors.left.numpy().astype(np.float64) @ factors.right.numpy().T
            expected["first.weight" if name == "tied.weight" else name] += product
    Fold.of(model).set(changes)
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(parameter.detach().numpy(), expected[name], atol=1e-5)
    assert model.tied.weight is model.first.weight


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_sums_are_wide_and_rounded_once(changes, dtype):
    model = Tiny(dtype)
    wide = torch.promote_types(dtype, torch.float32)
    expected = model.first.weight.detach().to(wide)
    base = bits(model)
    first = [c for c in changes if "second.weight" not in c.payload]
    for change in first:
        (factors,) = change.payload.values()
        expected = expected + factors.left.to(wide) @ factors.right.to(wide).T
    Fold.of(model).set(first)
    assert torch.equal(model.first.weight, expected.to(dtype))
    Fold.of(model).set([])
    assert bits(model) == base


def test_gradients_and_identity_of_parameters_survive(changes):
    model = Tiny()
    before = list(model.parameters())
    Fold.of(model).set(changes)
    assert all(a is b for a, b in zip(before, model.parameters(), strict=True))
    assert all(p.requires_grad and p.is_leaf for p in model.parameters())


def test_untouched_parameters_are_never_written(changes):
    model = Tiny()
    versions = {n: p._version for n, p in model.named_parameters()}
    Fold.of(model).set([changes[1]])
    Fold.of(model).set([])
    written = {n for n, p in model.named_parameters() if p._version != versions[n]}
    assert written == {"second.weight"}


def test_a_model_moved_to_another_type_is_folded_from_the_same_base(changes):
    model, twin = Tiny(), Tiny().bfloat16()
    fold = Fold.of(model)
    fold.set(changes)
    model.bfloat16()
    fold.set([])
    assert bits(model) == bits(twin)


def test_misfits_leave_the_model_as_it_was(changes, make_change):
    model = Tiny()
    fold = Fold.of(model)
    fold.set([changes[0]])
    state = bits(model)
    unknown = make_change(parameter="secnd.weight")
    with pytest.raises(WorkspaceError, match=r"does not have \(did you mean second.weight\?\)"):
        fold.set([changes[1], unknown])
    with pytest.raises(WorkspaceError, match=r"of shape \[3, 4\], this model's .* \[5, 3\]"):
        fold.set([changes[1], make_change(parameter="second.weight")])
    assert bits(model) == state
    assert fold.changes == (changes[0],)


def test_one_fold_a_model_which_it_does_not_keep_alive(changes):
    model = Tiny()
    fold = Fold.of(model)
    assert Fold.of(model) is fold
    assert Fold.of(Tiny()) is not fold
    fold.set(changes)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    with pytest.raises(WorkspaceError, match="no longer exists"):
        fold.set([])


def test_base_hash_is_of_the_base_whatever_is_folded(changes, hash_weights):
    model = Tiny()
    base = hash_weights(model)
    fold = Fold.of(model)
    fold.set(changes)
    state = bits(model)
    assert hash_weights(model) != base
    assert fold.base_hash(hash_weights) == base
    assert bits(model) == state


def test_factors_of_another_type_than_the_parameter():
    model = nn.Linear(4, 3)
    base = model.weight.detach().clone()
    left, right = torch.ones(3, 1, dtype=torch.float16), torch.full((4, 1), 0.1).half()
    payload = {"weight": LowRank(left=left, right=right)}
    Fold.of(model).set([Change("low-rank-edit", "half", "b", payload)])
    assert torch.equal(model.weight, base + left.float() @ right.float().T)


def test_what_is_lent_is_taken_back(changes):
    model = Tiny()
    before = bits(model)
    fold = Fold.of(model)
    fold.set(changes[:1])
    changed = bits(model)
    fold.lend(name for name, _ in model.named_parameters())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1.0
    fold.set(changes[:1])
    assert bits(model) == changed
    fold.set([])
    assert bits(model) == before
