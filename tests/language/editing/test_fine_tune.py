"""Fine-tuning against Adam on the whole plain model with all but one weight frozen."""

import pytest
import torch
from torch.nn import functional as F

from unfrozen.errors import FactError, ModelError
from unfrozen.language.editing.fine_tune import FineTuneSettings, fine_tune
from unfrozen.language.facts import Fact
from unfrozen.language.subject import encode_target

FACT = Fact("Eiffel Tower", "The {} is in the city of", "Paris", "capital of Italy")


def plainly(tiny, settings):
    """The change of the parameter after Adam on the plain model."""
    lm = tiny.lm
    prompt = lm.tokenizer(FACT.text)["input_ids"]
    target = encode_target(lm.tokenizer, prompt, FACT.target_new)
    ids = torch.tensor([prompt + target[:-1]])
    parameter = tiny.module("mlp", settings.layer).weight
    before = parameter.detach().clone()
    parameter.requires_grad_()
    optimizer = torch.optim.Adam([parameter], lr=settings.learning_rate)
    try:
        for _ in range(settings.steps):
            logits = tiny.model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 :]
            (parameter.grad,) = torch.autograd.grad(
                F.cross_entropy(logits, torch.tensor(target)), parameter
            )
            optimizer.step()
            if settings.largest_change is not None:
                with torch.no_grad():
                    change = (parameter - before).clamp(
                        -settings.largest_change, settings.largest_change
                    )
                    parameter.copy_(before + change)
        return parameter.detach() - before
    finally:
        parameter.requires_grad_(False)
        parameter.grad = None
        with torch.no_grad():
            parameter.copy_(before)


@pytest.mark.parametrize("tiny", ["gpt2", "llama", "gpt-neox", "phi"], indirect=True)
@pytest.mark.parametrize("bound", [None, 2e-3])
def test_is_adam_on_one_weight(tiny, bound):
    settings = FineTuneSettings(1, steps=4, learning_rate=1e-3, largest_change=bound, loss=0.0)
    edit = fine_tune(tiny.lm, FACT, settings)
    ((name, change),) = edit.dense.items()
    assert tiny.model.get_parameter(name) is tiny.module("mlp", 1).weight
    expected = plainly(tiny, settings)
    # Adam divides by the size of the gradient: entries without one go either way.
    assert float((change - expected).norm() / expected.norm()) < 0.02
    assert edit.method == ("ft" if bound is None else "ft-l")
    if bound is not None:
        assert float(change.abs().max()) <= bound * (1 + 1e-4)


def test_raises_the_target_and_leaves_the_model(llama):
    before = {n: p.clone() for n, p in llama.model.named_parameters()}
    edit = fine_tune(llama.lm, FACT, FineTuneSettings(1, learning_rate=1e-2))
    assert edit.diagnostics["loss_after"] < edit.diagnostics["loss_before"]
    assert all(torch.equal(p, before[n]) for n, p in llama.model.named_parameters())


def test_stops_when_the_target_is_said(llama):
    edit = fine_tune(llama.lm, FACT, FineTuneSettings(1, steps=25, loss=100.0))
    assert edit.diagnostics["steps"] == 1
    assert float(next(iter(edit.dense.values())).abs().max()) == 0


def test_bad_requests_are_refused(llama):
    with pytest.raises(FactError, match="new target"):
        fine_tune(llama.lm, Fact("Rome", "{} is"), FineTuneSettings(0))
    with pytest.raises(ModelError, match="layers"):
        fine_tune(llama.lm, FACT, FineTuneSettings(99))
    with pytest.raises(ModelError, match="largest change"):
        FineTuneSettings(0, largest_change=0.0)
    with pytest.raises(ModelError, match="step"):
        FineTuneSettings(0, steps=0)
