"""Codes of a window, beside the same equations step after step with every step kept by autograd."""

import gc
import weakref
from dataclasses import replace

import pytest
import torch
from tests.draws import F64, normal

from unfrozen.hippocampus.tem.window import codes, inference
from unfrozen.hippocampus.tem.window.attractor import Iteration, activate, conjoin
from unfrozen.hippocampus.tem.window.codes import Belief, StreamNetwork
from unfrozen.hippocampus.tem.window.inference import Inference, Inputs, infer
from unfrozen.hippocampus.tem.window.retrieval import Attractor

SIZES, SAMPLED, FEATURES, SYMBOLS, ACTIONS = (4, 3), (2, 1), 3, 4, 3
CELLS, PLACES = sum(SIZES), sum(SAMPLED) * FEATURES
HOW = Attractor((Iteration(PLACES, 1),) * 3, 0.8, 0.9, 0.5)


def drawn(b, t, objects=0, seed=0):
    """An inference, its inputs, the code and memory before; and the leaves of the gradient."""
    g = torch.Generator().manual_seed(seed)
    nets = {
        "spread": StreamNetwork(SIZES, (5, 4), SIZES, g, dtype=F64),
        "told": StreamNetwork(SAMPLED, (5, 4), SIZES, g, dtype=F64),
        "sure": StreamNetwork((2, 2), (5, 4), SIZES, g, dtype=F64),
    }
    leaves = [p for net in nets.values() for p in net.parameters()]
    table = (0.5 * normal(seed, CELLS, ACTIONS * CELLS)).requires_grad_()
    mean, deviation = (normal(seed + i, CELLS) for i in (1, 2))
    prior = Belief((0.4 * mean).requires_grad_(), deviation.exp().requires_grad_())
    senses = normal(seed + 3, b, t, sum(SAMPLED), FEATURES).abs().requires_grad_()
    decoder = normal(seed + 4, PLACES, SYMBOLS)
    there = None
    leaves += [table, *prior, senses]
    if objects:
        mean, deviation = normal(seed + 5, b, t, objects), normal(seed + 6, b, t, objects).exp()
        there = Belief(mean.requires_grad_(), deviation.requires_grad_())
        leaves += there
    made = Inference(
        table=table,
        prior=prior,
        **{name: net.layers() for name, net in nets.items()},
        decode=lambda place: place @ decoder,
        bounds=(1.0, 0.0),
        distrust=0.1,
        streams=torch.eye(2, dtype=F64).repeat_interleave(torch.tensor(SIZES), 0),
        sampled=torch.tensor([0, 1, 4]),
        features=FEATURES,
        objects=objects,
    )
    symbols = torch.randint(SYMBOLS, (b, t), generator=g)
    starts = torch.zeros(b, t, dtype=torch.bool)
    starts[::2, 0] = True
    actions = torch.randint(ACTIONS, (b, t), generator=g)
    inputs = Inputs(actions, starts, torch.eye(SYMBOLS, dtype=F64)[symbols], senses, there)
    # Some cells of the code are beyond the limits that it is clipped to.
    return (
        made,
        inputs,
        normal(seed + 7, b, CELLS),
        0.3 * normal(seed + 8, b, PLACES, PLACES),
        leaves,
    )


def plain(made, inputs, code, base):
    memory, found = base, []
    for given in inputs.steps():
        h = activate(given.senses.flatten(1))
        for _ in HOW.steps:
            h = activate(HOW.kappa * h + (memory @ h[..., None])[..., 0])
        path, code = made.settle(made.gather(code, h, given), given)
        place = conjoin(code[:, made.sampled], given.senses)
        memory = HOW.decay * memory + HOW.rate * (place - h)[:, :, None] * (place + h)[:, None]
        found.append((code, path, place, h))
    return [torch.stack(each, 1) for each in zip(*found, strict=True)]


@pytest.mark.parametrize("objects", [0, 2])
@pytest.mark.parametrize(("b", "t"), [(3, 6), (1, 5), (2, 1), (4, 2)])
def test_it_is_the_loop_and_so_are_its_gradients(b, t, objects):
    made, inputs, before, base, leaves = drawn(b, t, objects)
    found = infer(made, inputs, before, base, HOW).steps
    expected = plain(made, inputs, before, base)
    weights = [normal(20 + i, *each.shape) for i, each in enumerate(expected)]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    # All four outputs at once, and each on its own.
    for which in (range(4), *([i] for i in range(4))):
        ours, theirs = (
            torch.autograd.grad(
                sum((weights[i] * each[i]).sum() for i in which),
                leaves,
                retain_graph=True,
                allow_unused=True,
            )
            for each in (found, expected)
        )
        for one, other, leaf in zip(ours, theirs, leaves, strict=True):
            one, other = (torch.zeros_like(leaf) if g is None else g for g in (one, other))
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_writes_are_those_of_its_steps():
    made, inputs, before, base, _ = drawn(3, 4)
    steps, writes = infer(made, inputs, before, base, HOW)
    torch.testing.assert_close(writes.keys, (steps.place + steps.recalled).detach())
    torch.testing.assert_close(writes.values, (steps.place - steps.recalled).detach())
    assert not writes.keys.requires_grad


def test_it_finds_the_same_without_gradients():
    made, inputs, before, base, _ = drawn(3, 4, objects=2)
    found = infer(made, inputs, before, base, HOW).steps
    with torch.no_grad():
        again = infer(made, inputs, before, base, HOW).steps
    assert all(torch.equal(a, b) for a, b in zip(found, again, strict=True))
    assert not any(each.requires_grad for each in again)


def test_weights_may_be_frozen():
    made, inputs, before, base, leaves = drawn(2, 4)
    frozen = replace(
        made, **{name: type(net)(*(w.detach() for w in net)) for name, net in
                 (("spread", made.spread), ("told", made.told), ("sure", made.sure))},
        table=made.table.detach(),
    )  # fmt: skip
    total = sum(each.square().sum() for each in infer(frozen, inputs, before, base, HOW).steps)
    whole = sum(each.square().sum() for each in infer(made, inputs, before, base, HOW).steps)
    (some,) = torch.autograd.grad(total, leaves[-1])
    (same,) = torch.autograd.grad(whole, leaves[-1])
    torch.testing.assert_close(some, same)


def test_what_it_records_is_freed_with_its_outputs(monkeypatch):
    kept = []

    class Watched(inference.Tape):
        def __init__(self, *args):
            super().__init__(*args)
            kept.append(weakref.ref(self))

    monkeypatch.setattr(inference, "Tape", Watched)
    made, inputs, before, base, _ = drawn(2, 3)
    gc.disable()
    try:
        found = infer(made, inputs, before, base, HOW)
        found.steps.code.sum().backward()
        assert kept[0]() is not None
        del found
        assert kept[0]() is None
    finally:
        gc.enable()


def test_an_action_moves_many_codes_as_it_moves_one():
    table, code = normal(0, 5, 3 * 5), normal(1, 2, 4, 5)
    actions = torch.randint(3, (2, 4), generator=torch.Generator().manual_seed(0))
    together = codes.moves(code, table, actions)
    for t in range(4):
        torch.testing.assert_close(together[:, t], codes.moves(code[:, t], table, actions[:, t]))
