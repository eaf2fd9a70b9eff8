"""What is packed is what is unpacked, with memory of its own."""

import pytest
import torch

from unfrozen.data.models import weights_hash
from unfrozen.language.scale.packing import pack, unpack

TENSORS = {
    "float": torch.arange(6.0).reshape(2, 3),
    "half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "numbers": torch.tensor([[1], [2**40]]),
    "truths": torch.tensor([True, False]),
    "one": torch.tensor(3.0, dtype=torch.float64),
    "none": torch.empty(0, 4),
    "turned": torch.arange(6.0).reshape(2, 3).T,
    "conjugate": torch.tensor([1 + 2j]).conj(),
    "learned": torch.ones(2, requires_grad=True),
    "parameter": torch.nn.Parameter(torch.ones(3), requires_grad=False),
}


@pytest.mark.parametrize("name", list(TENSORS))
def test_tensors_come_back_as_they_were(name):
    tensor = TENSORS[name]
    found = unpack(pack({name: tensor}))[name]
    assert type(found) is type(tensor)
    assert found.dtype == tensor.dtype
    assert torch.equal(found, tensor)
    assert (found.stride(), found.requires_grad) == (tensor.stride(), tensor.requires_grad)


def test_tensors_stand_beside_the_pickle_and_are_not_shared():
    tensor = torch.ones(1000)
    packed = pack([tensor, tensor])
    assert len(packed.pickle) < 1000
    assert sum(array.nbytes for array in packed.tensors) == 4000
    first, second = unpack(packed)
    assert first is second
    first.zero_()
    assert torch.equal(unpack(packed)[0], tensor)
    assert bool(tensor.all())


@pytest.mark.parametrize("tiny", ["llama", "gpt2"], indirect=True)
def test_a_model_whose_states_were_asked_for_can_travel(tiny):
    # transformers leaves hooks on it, which name a context variable.
    ids = tiny.lm.encode("Rome is in")
    with torch.no_grad():
        before = tiny.model(input_ids=ids, output_hidden_states=True).hidden_states
        found = unpack(pack(tiny.lm)).model(input_ids=ids, output_hidden_states=True)
    assert len(found.hidden_states) == len(before)
    for mine, theirs in zip(before, found.hidden_states, strict=True):
        assert torch.equal(mine, theirs)


def test_a_model_comes_back_with_its_parts_in_place(tiny):
    found = unpack(pack(tiny.lm))
    assert weights_hash(found.model) == weights_hash(tiny.model)
    for layer in range(tiny.lm.n_layers):
        name = found.down_projection(layer).parameter_name
        weight = found.down_projection(layer).weight
        assert weight.data_ptr() == found.model.get_parameter(name).data_ptr()
        assert weight.data_ptr() != tiny.lm.down_projection(layer).weight.data_ptr()
    ids = torch.arange(8)[None]
    with torch.no_grad():
        assert torch.equal(found.model(input_ids=ids).logits, tiny.logits(ids))
