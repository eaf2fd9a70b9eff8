"""Drift and near neighbours against plain passes, and against scipy's relative entropy."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

from unfrozen.errors import FactError
from unfrozen.language.evaluation import answers, perplexity
from unfrozen.language.evaluation.prose import Loss, losses, perplexity_of
from unfrozen.language.evaluation.side import (
    divergences,
    drift,
    near_edit,
    next_logs,
    prompts_after_edit,
    unrelated,
    unrelated_prompts,
    unrelated_questions,
    unrelated_texts,
)
from unfrozen.language.facts import Fact

PROMPTS = ["The tower is in", "Rome", "In the city, we said that", "Mount Etna burned"]
FACT = Fact(
    "Eiffel Tower",
    "The {} is in",
    "Paris",
    "Rome",
    neighbours=("The Louvre is in", "It is in the city of"),
)


@pytest.mark.parametrize("tiny", ["gpt2", "llama"], indirect=True)
def test_next_tokens_are_those_of_plain_passes(tiny):
    found = next_logs(tiny.lm, PROMPTS)
    for prompt, row in zip(PROMPTS, found, strict=True):
        with torch.no_grad():
            logits = tiny.model(input_ids=tiny.lm.encode(prompt), use_cache=False).logits
        torch.testing.assert_close(row, logits[0, -1].log_softmax(-1), atol=1e-4, rtol=1e-4)


def test_drift_is_scipys_relative_entropy_of_an_edited_model(llama):
    base = next_logs(llama.lm, PROMPTS)
    same = drift(base, base)
    assert same.mean == same.largest == 0
    assert same.agreement == 1
    name = llama.lm.down_projection(1).parameter_name
    weight = llama.model.get_parameter(name)
    delta = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    with llama.lm.edited({name: delta}):
        now = next_logs(llama.lm, PROMPTS)
    found = drift(base, now)
    expected = rel_entr(base.double().exp().numpy(), now.double().exp().numpy()).sum(1)
    assert found.divergence.tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    assert found.largest == pytest.approx(expected.max(), abs=1e-6)
    assert found.mean == pytest.approx(expected.mean(), abs=1e-6)
    assert found.agreement == float((base.argmax(1) == now.argmax(1)).double().mean())


@given(st.lists(st.floats(-9, 9), min_size=4, max_size=4), st.permutations(range(4)))
def test_divergence_is_of_the_set_of_tokens_and_never_negative(values, order):
    a = torch.tensor([values]).log_softmax(-1)
    b = torch.tensor([[0.5, -1.0, 2.0, 0.0]]).log_softmax(-1)
    found = divergences(a, b)
    assert float(found) >= 0
    assert float(divergences(a[:, order], b[:, order])) == pytest.approx(float(found), abs=1e-9)


def test_a_broken_model_has_no_bound(llama):
    base = torch.tensor([[0.5, 0.5]]).log()
    assert divergences(base, torch.tensor([[math.nan, math.nan]])).tolist() == [1e9]
    assert divergences(base, torch.tensor([[0.0, -math.inf]])).tolist() == [1e9]
    with pytest.raises(FactError, match="no prompts"):
        next_logs(llama.lm, [])


def test_neighbours_are_asked_after_the_edited_sentence(llama):
    prompts = ("The Eiffel Tower is in Rome. The Louvre is in",
               "The Eiffel Tower is in Rome. It is in the city of")  # fmt: skip
    assert prompts_after_edit(FACT) == prompts
    base = next_logs(llama.lm, prompts)
    found = near_edit(llama.lm, FACT, base)
    assert found is not None
    true = answers(llama.lm, [(p, "Paris") for p in prompts])
    new = answers(llama.lm, [(p, "Rome") for p in prompts])
    pairs = list(zip(true, new, strict=True))
    assert found.group.score == sum(a.log_probability > b.log_probability for a, b in pairs) / 2
    magnitude = sum(a.probability - b.probability for a, b in pairs) / 2
    assert found.group.magnitude == pytest.approx(magnitude)
    assert found.divergence == 0
    assert near_edit(llama.lm, FACT).divergence is None
    assert near_edit(llama.lm, Fact("Etna", "{} is in", "Italy", "Spain")) is None
    with pytest.raises(FactError, match="both targets"):
        near_edit(llama.lm, Fact("Etna", "{} is in", "Italy"))


def test_losses_add_up_to_the_perplexity(llama):
    texts = [
        "The Eiffel Tower is in Paris, the old city.",
        "Rome",
        "",
        "Mount Etna is in Italy. " * 9,
    ]
    found = losses(llama.lm, texts, length=16)
    assert perplexity_of(found) == pytest.approx(perplexity(llama.lm, texts, length=16))
    assert found[2] == Loss(0.0, 0)
    (alone,) = losses(llama.lm, texts[:1], length=16)
    assert alone.total == pytest.approx(found[0].total, rel=1e-5)
    assert alone.tokens == found[0].tokens
    assert perplexity_of([Loss(-math.inf, 3)]) == math.inf


def test_unrelated_texts_name_no_place_twice_and_questions_have_their_answer():
    texts, prompts, questions = unrelated_texts(), unrelated_prompts(), unrelated_questions()
    assert len(texts) == len(prompts) > 100
    assert all(t.startswith(p) for t, p in zip(texts, prompts, strict=True))
    assert all(len(q.options) == 4 and 0 <= q.right < 4 for q in questions)
    part = slice(1, None, 2)
    assert unrelated_texts(part) == texts[1::2]


def test_unrelated_is_perplexity_and_choice(llama, monkeypatch):
    from unfrozen.language.evaluation.side import unrelated as module_function

    module = __import__(module_function.__module__, fromlist=["x"])
    monkeypatch.setattr(module, "element_prose", lambda: ("Rome is old.", "Etna burned."))
    found = unrelated(llama.lm, slice(0, 1), choices=False)
    assert found == {"perplexity": perplexity(llama.lm, ["Rome is old."])}
