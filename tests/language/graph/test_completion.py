"""The likeliest completions against teacher-forced passes over all declared objects."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import FactError, ModelError
from unfrozen.language.graph import complete
from unfrozen.language.subject import encode_target

OBJECTS = (
    "Paris", "Par", "Parma", "Rome", "Romeo and Juliet", "Romeo", "the city of Rome", "the city",
    "Etna", "Étna", "France", "Italy", "an old tower", "a",
)  # fmt: skip
PROMPTS = ("The Eiffel Tower is in", "Mount Etna is in the city of", "He said that it is", "In")
few = pytest.mark.parametrize("tiny", ["gpt2", "llama", "gemma2", "opt", "gpt-neo"], indirect=True)


@torch.no_grad()
def brute(tiny, prompt, objects):
    """Each object's probability, from one plain pass an object and one for what goes on from it."""
    ids = tiny.lm.encode(prompt)[0].tolist()
    tokens = {o: encode_target(tiny.lm.tokenizer, ids, o) for o in objects}
    found = {}
    for name, own in tokens.items():
        logits = tiny.model(input_ids=torch.tensor([ids + own]), use_cache=False).logits[0]
        logs = logits.double().log_softmax(-1)
        total = sum(float(logs[len(ids) - 1 + i, t]) for i, t in enumerate(own))
        longer = {t[len(own)] for t in tokens.values() if t[: len(own)] == own and t != own}
        goes_on = sum(math.exp(float(logs[-1, t])) for t in longer)
        found[name] = math.exp(total) * (1 - goes_on)
    return found


@few
def test_objects_are_as_probable_as_whole_passes_say(tiny):
    for prompt, found in zip(
        PROMPTS, complete(tiny.lm, PROMPTS, [OBJECTS] * 4, least=1e-200), strict=True
    ):
        expected = brute(tiny, prompt, OBJECTS)
        assert {c.object for c in found.found} == set(OBJECTS)
        for one in found.found:
            assert one.probability == pytest.approx(expected[one.object], rel=1e-3)
        assert [c.object for c in found.found] == sorted(expected, key=lambda o: -expected[o])
        assert found.rest == 0
        assert sum(found.shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("tiny", ["llama", "gpt2"], indirect=True)
def test_whole_passes_say_what_kept_prefixes_say(tiny):
    kept = complete(tiny.lm, PROMPTS, [OBJECTS] * 4, least=1e-200)
    whole = complete(tiny.lm, PROMPTS, [OBJECTS] * 4, least=1e-200, whole=True)
    for one, other in zip(kept, whole, strict=True):
        found = {c.object: c.probability for c in one.found}
        assert {c.object: c.probability for c in other.found} == pytest.approx(found, rel=1e-4)


def test_prefixes_share_their_tokens_with_what_goes_on(llama):
    """The test means something: some objects begin others, token by token."""
    ids = llama.lm.encode(PROMPTS[0])[0].tolist()
    tokens = {o: encode_target(llama.lm.tokenizer, ids, o) for o in OBJECTS}
    assert tokens["Romeo and Juliet"][: len(tokens["Romeo"])] == tokens["Romeo"]
    assert tokens["the city of Rome"][: len(tokens["the city"])] == tokens["the city"]
    assert len({t[0] for t in tokens.values()}) < len(tokens)


@given(
    objects=st.lists(
        st.text("abR e", min_size=1, max_size=6).map(str.strip).filter(bool),
        min_size=2,
        max_size=12,
        unique=True,
    ),
    prompt=st.sampled_from(PROMPTS),
    least=st.sampled_from([1.0, 0.3, 0.05, 0.001]),
)
def test_whatever_matters_is_found_and_the_rest_is_bounded(llama, objects, prompt, least):
    ids = llama.lm.encode(prompt)[0].tolist()
    named = {tuple(encode_target(llama.lm.tokenizer, ids, o)): o for o in reversed(objects)}
    if len(named) < 2:
        with pytest.raises(FactError, match="declare at least two"):
            complete(llama.lm, [prompt], [objects])
        return
    expected = brute(llama, prompt, list(named.values()))
    (found,) = complete(llama.lm, [prompt], [objects], least=least)
    best = max(expected.values())
    seen = {c.object: c.probability for c in found.found}
    assert {o for o, p in expected.items() if p > best * least * 1.001} <= set(seen)
    assert all(expected[o] == pytest.approx(p, rel=1e-3) for o, p in seen.items())
    left = sum(p for o, p in expected.items() if o not in seen)
    assert left <= found.rest + 1e-6
    total = sum(expected.values())
    for name, p in expected.items():
        # A share is a lower bound, and what was not found has at most so much.
        if name in seen:
            assert found.shares[name] <= p / total + 1e-5
        else:
            assert p / best * found.shares[found.found[0].object] <= found.unfound * 1.001


@few
def test_prompts_of_any_length_and_objects_are_answered_as_if_alone(tiny):
    prompts = [p + more for p in PROMPTS for more in ("", " the", " the old")] * 8
    objects = [OBJECTS if i % 3 else OBJECTS[:5] for i in range(len(prompts))]
    told = []
    together = complete(
        tiny.lm, prompts, objects, least=0.01, progress=lambda *news: told.append(news)
    )
    assert told[-1] == ("Asking", len(prompts), len(prompts))
    for i in range(0, len(prompts), 7):
        (alone,) = complete(tiny.lm, prompts[i : i + 1], objects[i : i + 1], least=0.01)
        assert [c.object for c in together[i].found] == [c.object for c in alone.found]
        for a, b in zip(together[i].found, alone.found, strict=True):
            assert a.probability == pytest.approx(b.probability, rel=1e-3)


def test_few_passes_are_made_and_no_more_than_matter(llama, monkeypatch):
    rows = []
    from unfrozen.language.graph import completion

    def counted(model, sites, ids, prefix, samples):
        rows.append(len(ids))
        return resume(model, sites, ids, prefix, samples)

    resume = completion.resume
    monkeypatch.setattr(completion, "resume", counted)
    complete(llama.lm, PROMPTS, [OBJECTS] * 4, least=1.0)
    few = sum(rows)
    rows.clear()
    complete(llama.lm, PROMPTS, [OBJECTS] * 4, least=1e-200)
    assert few < sum(rows)


def test_what_cannot_be_asked_is_an_error(llama):
    with pytest.raises(FactError, match=r"1 object to choose from \(Rome\)"):
        complete(llama.lm, ["In"], [("Rome",)])
    with pytest.raises(FactError, match="least is a share"):
        complete(llama.lm, ["In"], [OBJECTS], least=0.0)
    with pytest.raises(FactError, match="the target is empty"):
        complete(llama.lm, ["In"], [("Rome", " ")])
    longest = llama.model.config.max_position_embeddings
    with pytest.raises(ModelError, match="shorten it"):
        complete(llama.lm, ["a " * longest], [OBJECTS])
