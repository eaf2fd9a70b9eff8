"""Adapters whose columns are divided by the size of what they read."""

from dataclasses import replace

import pytest
import torch

from unfrozen.errors import WorkspaceError
from unfrozen.language.model import LanguageModel
from unfrozen.learning.zeroth_order import MeZO
from unfrozen.workspace.tuning.lora import Adapter, adapted
from unfrozen.workspace.tuning.preconditioning import exponents, pack, unpack
from unfrozen.workspace.tuning.run import ZerothOrderRun, payload_of

ADAPTER = Adapter(targets=("q_proj", "down_proj"), rank=2)
TEXTS = [[5, 9, 3, 7, 2, 8], [4, 1, 6], [3]]


@pytest.fixture
def lm(tiny_folder):
    return LanguageModel.from_pretrained(str(tiny_folder))


def test_sizes_are_those_of_what_is_read(lm):
    found = exponents(lm, ADAPTER, TEXTS)
    module = dict(lm.model.named_modules())["model.layers.1.mlp.down_proj"]
    read = []
    handle = module.register_forward_hook(lambda m, args, out: read.append(args[0][0, 1:]))
    with torch.no_grad():
        for text in TEXTS[:2]:
            lm.model(torch.tensor([text]))
    handle.remove()
    size = torch.cat(read).double().square().sum(0).sqrt()
    expected = (size / size.median()).log2()
    assert set(found) == {
        f"model.layers.{i}.{part}.weight.A"
        for i in range(lm.n_layers) for part in ("self_attn.q_proj", "mlp.down_proj")
    }  # fmt: skip
    assert (found["model.layers.1.mlp.down_proj.weight.A"] - expected).abs().max() < 0.51


def test_a_scaled_feature_changes_its_exponent_alone(lm):
    """Three times as large a gain before the map: the exponent grows by two of two (log2 4)."""
    before = exponents(lm, Adapter(("q_proj",)), TEXTS)["model.layers.0.self_attn.q_proj.weight.A"]
    with torch.no_grad():
        lm.model.model.layers[0].input_layernorm.weight[3] *= 4
    after = exponents(lm, Adapter(("q_proj",)), TEXTS)["model.layers.0.self_attn.q_proj.weight.A"]
    changed = after.long() - before.long()
    assert changed[3] == 2
    assert changed[:3].abs().max() <= 1
    assert (changed == 0).float().mean() > 0.8


def test_what_was_tuned_is_what_is_folded_in(lm):
    found = exponents(lm, ADAPTER, TEXTS)
    # Sizes of a tiny model are alike; these are not.
    for i, values in enumerate(found.values()):
        values.copy_(torch.arange(len(values)).add(i).remainder(7) - 3)
    tokens = torch.tensor([TEXTS[0]])
    with adapted(lm.model, ADAPTER, found) as parameters:
        optimizer = MeZO(parameters.items(), lr=0.3, scale="rms", eps=1e-2)
        for _ in range(5):
            optimizer.step(lambda: lm.model(tokens).logits[..., 0].mean())
        with torch.no_grad():
            tuned = lm.model(tokens).logits
        payload = payload_of(optimizer.record, ADAPTER, found)
    kind = ZerothOrderRun()
    payload = kind.load(kind.own(payload))
    weights = dict(lm.model.named_parameters())
    updates = kind.updates(payload)
    with torch.no_grad():
        plain = lm.model(tokens).logits
        for name in kind.shapes(payload):
            before = weights[name].clone()
            kind.add_(payload, name, weights[name])
            low = updates[name]
            torch.testing.assert_close(
                weights[name] - before, low.left @ low.right.T, atol=1e-5, rtol=0
            )
        torch.testing.assert_close(lm.model(tokens).logits, tuned, atol=1e-4, rtol=1e-4)
    assert (tuned - plain).abs().max() > 1e-2
    for bad in (payload["exponents"][:-1], payload["exponents"].int()):
        with pytest.raises(WorkspaceError, match="sizes of features"):
            kind.own({**payload, "exponents": bad})
    without = {k: v for k, v in payload.items() if k != "exponents"}
    assert not torch.allclose(kind.updates(without)[name].right, updates[name].right)


def test_they_are_kept_as_a_byte_each(lm):
    found = exponents(lm, ADAPTER, TEXTS)
    data = pack(found)
    assert data.dtype == torch.int8
    columns = {name: len(values) for name, values in found.items()}
    again = unpack(data, columns)
    assert all(torch.equal(again[name], found[name]) for name in found)
    with pytest.raises(WorkspaceError, match="sizes of features"):
        unpack(data[:-1], columns)


def test_texts_of_one_token_measure_nothing(lm):
    with pytest.raises(WorkspaceError, match="two tokens"):
        exponents(lm, ADAPTER, [[1], [2]])


def test_features_that_are_never_read_are_left_as_they_are(lm):
    with torch.no_grad():
        lm.model.model.layers[0].input_layernorm.weight.zero_()
    found = exponents(lm, replace(ADAPTER, targets=("q_proj",)), TEXTS)
    assert not found["model.layers.0.self_attn.q_proj.weight.A"].any()
