"""Records as bytes and as files."""

import pytest
import torch
from safetensors.torch import save

from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order import MeZO
from unfrozen.learning.zeroth_order.files import load_record, pack, save_record, unpack


def trained(steps=7, **kind):
    weights = {f"model.layers.{i}.weight": torch.ones(40) for i in range(60)}
    optimizer = MeZO(weights.items(), lr=1e-3, **kind)
    for _ in range(steps):
        optimizer.step(lambda: float(weights["model.layers.3.weight"].sum()))
    return weights, optimizer.record


@pytest.mark.parametrize("kind", [{}, {"noise": "sphere"}, {"samples": 2}], ids=str)
def test_a_record_comes_back(kind, tmp_path):
    weights, record = trained(**kind)
    save_record(record, tmp_path / "run.safetensors")
    base = {name: torch.ones(40) for name in weights}
    list(load_record(tmp_path / "run.safetensors").replay(base))
    assert all(torch.equal(base[name], weights[name]) for name in weights)


def test_the_same_record_is_the_same_bytes():
    _, record = trained()
    assert len({pack(record) for _ in range(20)}) == 1
    assert pack(unpack(pack(record))) == pack(record)


def test_names_of_parameters_take_little_room():
    _, record = trained(steps=1)
    assert len(pack(record)) < 2_000


def test_a_thousand_steps_take_less_than_32_kilobytes():
    _, record = trained(steps=4)
    record.gradients = record.gradients.repeat(250, 1)
    record.rates, record.decays = record.rates.repeat(250, 1), record.decays.repeat(250, 1)
    assert len(pack(record)) < 32 * 1024


def test_what_is_no_record_is_refused(tmp_path):
    _, record = trained(steps=1)
    one = {"a": torch.ones(1)}
    garbled = save(one, {"zeroth-order-record": "x"})
    other = save(one, {"kind": "map"})
    for data in (b"nothing", b"", save(one), other, pack(record)[:-3], garbled):
        with pytest.raises(LearningError, match="no record"):
            unpack(data)
    with pytest.raises(LearningError, match="cannot be read"):
        load_record(tmp_path / "none")
