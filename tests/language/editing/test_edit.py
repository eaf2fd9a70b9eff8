import pytest
import torch

from unfrozen.language.editing.edit import Edit
from unfrozen.memory import LowRank

IDS = torch.tensor([[5, 250, 17, 80, 111]])
few = pytest.mark.parametrize("tiny", ["gpt2", "llama"], indirect=True)


def normal(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def edit_of(tiny):
    """A low-rank change of one memory and a dense one of another, in the parameters' own shapes."""
    one, other = (tiny.lm.down_projection(i).parameter_name for i in (0, 2))
    out, into = tiny.model.get_parameter(one).shape
    low_rank = LowRank(normal(out, 2, seed=0), normal(into, 2, seed=1))
    return Edit("test", {one: low_rank}, {other: normal(out, into, seed=2)})


@few
def test_deltas_are_of_both_kinds(tiny):
    edit = edit_of(tiny)
    (one,), (other,) = edit.updates, edit.dense
    deltas = edit.deltas()
    assert list(deltas) == [one, other]
    update = edit.updates[one]
    assert torch.equal(deltas[one], update.left @ update.right.T)
    assert torch.equal(deltas[other], edit.dense[other])


@few
@pytest.mark.parametrize("fails", [False, True])
def test_an_edit_is_applied_for_a_block_and_taken_back_to_the_bit(tiny, fails):
    edit = edit_of(tiny)
    before = {name: p.clone() for name, p in tiny.model.named_parameters()}
    plain, inside = tiny.lm.run(IDS).logits, None
    try:
        with edit.applied(tiny.lm) as lm:
            assert lm is tiny.lm
            for name, parameter in tiny.model.named_parameters():
                expected = before[name] + edit.deltas().get(name, 0)
                assert torch.equal(parameter, expected)
            inside = lm.run(IDS).logits
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    assert inside is not None
    assert not torch.allclose(inside, plain, atol=1e-2)
    assert all(torch.equal(p, before[name]) for name, p in tiny.model.named_parameters())
    assert torch.equal(tiny.lm.run(IDS).logits, plain)


def test_edits_within_edits_come_off_one_by_one(llama):
    name = llama.lm.down_projection(1).parameter_name
    before = llama.model.get_parameter(name).clone()
    first, second = (Edit("test", dense={name: normal(32, 48, seed=s)}) for s in (3, 4))
    with first.applied(llama.lm):
        held = llama.model.get_parameter(name).clone()
        with second.applied(llama.lm):
            assert torch.equal(llama.model.get_parameter(name), held + second.dense[name])
        assert torch.equal(llama.model.get_parameter(name), held)
    assert torch.equal(llama.model.get_parameter(name), before)


def test_an_edit_of_nothing_changes_nothing(llama):
    plain = llama.lm.run(IDS).logits
    with Edit("test").applied(llama.lm) as lm:
        assert torch.equal(lm.run(IDS).logits, plain)


def test_a_parameter_that_is_not_there_is_an_error(llama):
    before = {name: p.clone() for name, p in llama.model.named_parameters()}
    edit = Edit("test", dense={"model.layers.0.mlp.nothing.weight": torch.ones(2, 2)})
    with pytest.raises(AttributeError), edit.applied(llama.lm):
        pass
    assert all(torch.equal(p, before[name]) for name, p in llama.model.named_parameters())
