"""Runs of MeZO as records: given back to the bit, gone on with, refused if they do not fit."""

import copy

import pytest
import torch
from tests.learning.zeroth_order.bowl import SHAPES, Bowl, close

from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order import MeZO, Record

KINDS = [
    {},
    {"noise": "rademacher", "samples": 3, "sides": 1, "scale": "deviation"},
    {"noise": "low-rank", "rank": 2, "samples": 2},
    {"noise": "sphere", "momentum": 0.7},
    {"betas": (0.9, 0.99), "window": 5, "scale": "rms"},
    {"momentum": 0.9, "samples": 2, "weight_decay": 0.1},
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_record_gives_the_weights_back_to_the_bit(kind, dtype):
    bowl = Bowl(bend=0.1, dtype=dtype)
    base = bowl.copy()
    optimizer = MeZO(bowl.weights.items(), lr=1e-4, **kind)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.97)
    for step in range(40):
        optimizer.step(bowl, more=kind.get("sides") != 1 and step % 3 == 0)
        scheduler.step()
        if step % 9 == 0:
            optimizer.rest()
    optimizer.rest()
    record = optimizer.record
    record = Record.of(record.told(), record.tensors())
    assert list(record.replay(base)) == [32, 40]
    assert all(torch.equal(base[name], bowl.weights[name]) for name in SHAPES)
    # One parameter alone, too.
    alone = Bowl(dtype=dtype).copy()["c"]
    list(record.replay({"c": alone}))
    assert torch.equal(alone, bowl.weights["c"])


def test_a_record_is_replayed_where_its_noise_was_drawn_only():
    bowl = Bowl()
    optimizer = MeZO(bowl.weights.items(), lr=1e-4)
    optimizer.step(bowl)
    told = optimizer.record.told()
    assert {group["device"] for group in told["groups"]} == {"cpu"}
    told["groups"][0]["device"] = "cuda"
    elsewhere = Record.of(told, optimizer.record.tensors())
    before = bowl.copy()
    with pytest.raises(LearningError, match="drew its noise on cuda, and cpu draws another"):
        list(elsewhere.replay(bowl.weights))
    assert all(torch.equal(before[name], bowl.weights[name]) for name in SHAPES)


def test_a_group_is_on_one_kind_of_device():
    with pytest.raises(LearningError, match="not on cpu and meta"):
        MeZO([torch.zeros(3), torch.zeros(3, device="meta")])


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_copy_goes_on_as_the_optimizer_does(kind):
    bowl = Bowl(bend=0.1)
    optimizer = MeZO(bowl.weights.items(), lr=1e-4, **kind)
    for _ in range(5):
        optimizer.step(bowl)
    other, twin = copy.deepcopy((bowl, optimizer))
    for _ in range(5):
        optimizer.step(bowl)
        twin.step(other)
    assert all(torch.equal(other.weights[name], bowl.weights[name]) for name in SHAPES)
    assert twin.record.told() == optimizer.record.told()
    assert torch.equal(twin.record.gradients, optimizer.record.gradients)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("more", [False, True])
def test_a_run_goes_on_to_the_bit(kind, more):
    if more and kind.get("sides") == 1:
        more = False
    whole, part = Bowl(bend=0.1), Bowl(bend=0.1)
    first, second = (MeZO(b.weights.items(), lr=1e-4, **kind) for b in (whole, part))
    for _ in range(20):
        first.step(whole, more)
    for _ in range(13):
        second.step(part, more)
    rest = Bowl(bend=0.1)
    for name, w in part.weights.items():
        rest.weights[name].copy_(w)
    third = MeZO(rest.weights.items(), lr=1e-4, **kind)
    third.load_state_dict(second.state_dict())
    for _ in range(7):
        third.step(rest, more)
    assert all(torch.equal(rest.weights[n], whole.weights[n]) for n in SHAPES)
    assert third.steps == 20


def test_to_lean_forward_saves_a_pass_and_changes_nothing():
    plain, leaning = Bowl(bend=0.1), Bowl(bend=0.1)
    first, second = (MeZO(b.weights.items(), lr=1e-4) for b in (plain, leaning))
    for step in range(10):
        first.step(plain)
        second.step(leaning, more=step < 9)
    assert all(torch.equal(plain.weights[n], leaning.weights[n]) for n in SHAPES)


def test_names_make_the_order_of_parameters_no_matter():
    one, other = Bowl(), Bowl()
    MeZO(one.weights.items(), lr=1e-3).step(one)
    MeZO(list(other.weights.items())[::-1], lr=1e-3).step(other)
    close(other, one.weights)


def test_steps_are_a_few_bytes_each():
    bowl = Bowl()
    optimizer = MeZO(bowl.weights.items(), lr=1e-6)
    for _ in range(100):
        optimizer.step(lambda: 1.0)
    tensors = optimizer.record.tensors()
    assert 10 * sum(t.numel() * t.element_size() for t in tensors.values()) < 16_000


def test_what_would_spoil_a_record_is_refused():
    bowl = Bowl()
    optimizer = MeZO(bowl.weights.items(), lr=1e-3)
    optimizer.step(bowl, more=True)
    with pytest.raises(LearningError, match="call rest"):
        _ = optimizer.record
    with pytest.raises(LearningError, match="same parameters"):
        optimizer.add_param_group({"params": [("d", torch.zeros(3))]})
    optimizer.param_groups[0]["eps"] = 1.0
    with pytest.raises(LearningError, match="eps stays"):
        optimizer.step(bowl)
    with pytest.raises(LearningError, match="no state of a MeZO"):
        optimizer.load_state_dict(torch.optim.SGD([torch.zeros(3)], lr=1.0).state_dict())
    other = MeZO({"a": torch.zeros(2)}.items(), lr=1e-3)
    with pytest.raises(LearningError, match="other parameters"):
        other.load_state_dict(optimizer.state_dict())


@pytest.mark.usefixtures("unchecked")
def test_records_that_are_damaged_or_newer_are_refused():
    bowl = Bowl()
    optimizer = MeZO(bowl.weights.items(), lr=1e-3)
    optimizer.step(bowl)
    record = optimizer.record
    told, tensors = record.told(), record.tensors()
    with pytest.raises(LearningError, match="malformed"):
        Record.of({**told, "groups": None}, tensors)
    with pytest.raises(LearningError, match="malformed"):
        Record.of(told, {"gradients": tensors["gradients"]})
    with pytest.raises(LearningError, match="holds"):
        Record.of(told, {**tensors, "rates": tensors["rates"][:0]})
    with pytest.raises(LearningError, match="newer"):
        Record.of({**told, "method": {**told["method"], "colour": 1}}, tensors)
    with pytest.raises(LearningError, match="version 9"):
        Record.of({**told, "method": {**told["method"], "scheme": 9}}, tensors)
    with pytest.raises(LearningError, match="not moved by this run"):
        list(record.replay({"z": torch.zeros(3)}))
    with pytest.raises(LearningError, match=r"b was \[50\] in this run, not \[3\]"):
        list(record.replay({"b": torch.zeros(3)}))
