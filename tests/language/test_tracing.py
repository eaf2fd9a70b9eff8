"""Traces against one whole plain pass a restoration, with hooks and the noise written out."""

import copy
import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing

from unfrozen.errors import FactError, ModelError
from unfrozen.language.model import LanguageModel
from unfrozen.language.tracing import (
    KINDS,
    PLACES,
    Trace,
    TraceSettings,
    embedding_deviation,
    subject_noise,
    trace,
    window_of,
)

PROMPT, SUBJECT = "In Paris, Rome is in", "Paris, Rome"
ROLES = ("state", "mlp", "attention")
families = pytest.mark.parametrize("tiny", ["gpt2", "gpt-neox", "llama", "gemma2"], indirect=True)


def naive(tiny, prompt, span, settings, sigma, answer=None):
    """Meng et al. 2022, section 2, by the letter: effects [sample, token, layer] of each kind."""
    ids = tiny.lm.encode(prompt)
    time, samples = ids.shape[1], settings.samples
    answer = int(tiny.logits(ids)[0, -1].argmax()) if answer is None else answer
    generator = torch.Generator().manual_seed(settings.seed)
    noise = torch.zeros(samples, time, 32)
    for s in range(samples):
        drawn = torch.randn(span[1] - span[0], 32, generator=generator)
        noise[s, span[0] : span[1]] = sigma * drawn
    rows = ids.expand(samples, -1)
    corrupt = {("embedding", 0): lambda x: x + noise}
    places = [(role, layer) for role in ROLES for layer in range(3)]
    clean = tiny.outputs(ids, places)
    corrupted = tiny.outputs(rows, places, corrupt)
    baseline = tiny.probability(tiny.logits(rows, corrupt), answer)

    def put(value, t):
        def change(output):
            output = output.clone()
            output[:, t] = value[:, t]
            return output

        return change

    def restored(kind, t, layer):
        changes = dict(corrupt)
        if kind in ("mlp", "attention"):
            width = settings.window
            for j in range(layer - width // 2, layer - width // 2 + width):
                if 0 <= j < 3:
                    changes[kind, j] = put(clean[kind, j], t)
        else:
            changes["state", layer] = put(clean["state", layer], t)
            if kind != "state":
                role = kind.removeprefix("severed-")
                for j in range(layer + 1, 3):
                    changes[role, j] = put(corrupted[role, j], t)
        return tiny.probability(tiny.logits(rows, changes), answer) - baseline

    effects = {
        kind: torch.stack(
            [torch.stack([restored(kind, t, j) for j in range(3)], -1) for t in range(time)], -2
        )
        for kind in settings.kinds
    }
    return effects, float(tiny.probability(tiny.logits(ids), answer)), baseline


@families
@pytest.mark.parametrize("window", [1, 2, 7])
@torch.no_grad()
def test_every_effect_is_that_of_a_whole_pass(tiny, window):
    kinds = KINDS if window == 2 else ("mlp", "attention")
    settings = TraceSettings(samples=3, window=window, kinds=kinds, seed=4)
    found = trace(tiny.lm, PROMPT, SUBJECT, settings, sigma=1.5)
    effects, clean, baseline = naive(tiny, PROMPT, found.subject_span, settings, 1.5)
    assert set(found.effects) == set(found.spread) == set(kinds)
    assert found.clean == pytest.approx(clean, rel=1e-4)
    assert found.corrupted_samples == pytest.approx(baseline.tolist(), rel=1e-4)
    assert found.corrupted == pytest.approx(float(baseline.mean()), rel=1e-4)
    assert found.total_effect == pytest.approx(clean - float(baseline.mean()), rel=1e-3)
    for kind, expected in effects.items():
        assert float(expected.abs().max()) > 1e-3, kind
        assert torch.allclose(found.effects[kind], expected.mean(0), atol=1e-6), kind
        assert torch.allclose(found.spread[kind], expected.std(0, correction=0), atol=1e-6), kind
    # The windows, and what severing takes away, are not nothing.
    for one, other in zip(effects.values(), list(effects.values())[1:], strict=False):
        assert float((one - other).abs().max()) > 1e-4


@families
def test_what_stands_before_the_subject_has_no_effect(tiny):
    found = trace(tiny.lm, PROMPT, SUBJECT, TraceSettings(samples=1, kinds=KINDS))
    start = found.subject_span[0]
    assert start > 0
    for kind in KINDS:
        assert not found.effects[kind][:start].any()
        assert found.effects[kind][start:].any()


@families
def test_the_last_state_of_all_restores_the_clean_probability(tiny):
    """Nothing but it reaches the head."""
    settings = TraceSettings(samples=4, kinds=("state", "severed-mlp", "severed-attention"))
    found = trace(tiny.lm, PROMPT, SUBJECT, settings)
    for kind in settings.kinds:
        assert float(found.effects[kind][-1, -1]) == pytest.approx(found.total_effect, abs=1e-6)
        assert not found.effects[kind][:-1, -1].abs().gt(1e-6).any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_of_a_pass_does_not_change_numbers(llama, kind):
    def effects(rows):
        settings = TraceSettings(samples=2, kinds=(kind,), window=2, rows=rows)
        return trace(llama.lm, PROMPT, SUBJECT, settings).effects[kind]

    whole = effects(10**6)
    for rows in (1, 20):
        assert torch.allclose(effects(rows), whole, atol=1e-6)


def test_only_the_last_subject_token_where_only_it_is_asked_for(llama):
    everywhere = trace(llama.lm, PROMPT, SUBJECT, TraceSettings(samples=2, kinds=KINDS))
    settings = TraceSettings(samples=2, kinds=KINDS, tokens="last subject")
    there = trace(llama.lm, PROMPT, SUBJECT, settings)
    last = there.subject_span[1] - 1
    for kind in KINDS:
        row = there.effects[kind][last].clone()
        assert torch.equal(row, everywhere.effects[kind][last])
        there.effects[kind][last] = 0
        assert not there.effects[kind].any()


def test_a_given_answer_is_followed(llama):
    settings = TraceSettings(samples=2, window=1)
    ids = llama.lm.encode(PROMPT)
    p = llama.logits(ids)[0, -1].softmax(-1)
    likeliest = trace(llama.lm, PROMPT, SUBJECT, settings)
    assert likeliest.clean == pytest.approx(float(p.max()), rel=1e-5)
    assert likeliest.answer == llama.lm.decode([int(p.argmax())])
    other = int(p.argsort()[-5])
    assert trace(llama.lm, PROMPT, SUBJECT, settings, answer=other).clean == pytest.approx(
        float(p[other]), rel=1e-5
    )


def test_a_template_says_which_occurrence_is_meant(llama):
    settings = TraceSettings(samples=1, kinds=("state",))
    first = trace(llama.lm, "{}, Paris", "Paris", settings)
    second = trace(llama.lm, "Paris, {}", "Paris", settings)
    assert first.prompt == second.prompt == "Paris, Paris"
    assert first.subject_span[1] <= second.subject_span[0]
    assert first.effects["state"][0].any()
    assert not second.effects["state"][0].any()


def test_progress_counts_every_token_of_every_kind(llama):
    seen = []
    settings = TraceSettings(samples=1, kinds=("state", "mlp"))
    found = trace(llama.lm, PROMPT, SUBJECT, settings, progress=lambda *done: seen.append(done))
    total = 2 * (len(found.tokens) - found.subject_span[0])
    assert seen == [(i + 1, total) for i in range(total)]


def test_a_seed_gives_its_trace_and_touches_no_global_generator(llama):
    state = torch.get_rng_state()
    one, same, other = (
        trace(llama.lm, PROMPT, SUBJECT, TraceSettings(samples=2, kinds=("mlp",), seed=seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert one.to_json() == same.to_json()
    assert one.corrupted_samples != other.corrupted_samples


# ------------------------------------------------------------------------------------------ noise


@given(few=st.integers(1, 4), more=st.integers(1, 4), seed=st.integers(0, 99))
def test_a_samples_noise_does_not_depend_on_how_many_are_drawn(few, more, seed):
    some = subject_noise(few, 6, 4, (2, 5), 0.5, seed)
    many = subject_noise(few + more, 6, 4, (2, 5), 0.5, seed)
    assert torch.equal(many[:few], some)
    assert not torch.equal(many[0], many[-1])


def test_noise_is_on_the_subject_and_of_its_size():
    noise = subject_noise(50, 7, 32, (2, 5), 0.7, 0)
    assert not noise[:, :2].any()
    assert not noise[:, 5:].any()
    assert float(noise[:, 2:5].std()) == pytest.approx(0.7, rel=0.05)
    assert float(noise[:, 2:5].mean()) == pytest.approx(0, abs=0.05)


def test_samples_of_a_trace_do_not_depend_on_how_many_are_drawn(llama):
    few, many = (
        trace(llama.lm, PROMPT, SUBJECT, TraceSettings(samples=n, kinds=("state",))) for n in (2, 5)
    )
    assert many.corrupted_samples[:2] == pytest.approx(few.corrupted_samples, rel=1e-5)


@families
def test_the_noise_is_three_deviations_of_the_subjects_embeddings(tiny):
    ids = tiny.lm.encode(f" {SUBJECT}")
    with torch.no_grad():
        subject = tiny.module("embedding")(ids)
        every = tiny.module("embedding")(torch.arange(300))
    assert embedding_deviation(tiny.lm, [SUBJECT]) == pytest.approx(float(subject.std()), rel=1e-5)
    assert embedding_deviation(tiny.lm) == pytest.approx(float(every.std()), rel=1e-5)
    settings = TraceSettings(samples=1, kinds=("state",))
    assert trace(tiny.lm, PROMPT, SUBJECT, settings).sigma == pytest.approx(
        3 * float(subject.std())
    )


def test_special_tokens_are_none_of_the_subjects(llama, tokenizer):
    begun = copy.deepcopy(tokenizer)
    begun.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    lm = LanguageModel(llama.model, begun, check=False)
    assert lm.encode("Rome")[0, 0] == 0
    for subjects in ([SUBJECT], ["Rome", "Paris"]):
        expected = embedding_deviation(llama.lm, subjects)
        assert embedding_deviation(lm, subjects) == pytest.approx(expected)


# ---------------------------------------------------------------------------------------- windows


@given(layer=st.integers(0, 30), width=st.integers(1, 12), more=st.integers(1, 20))
def test_a_window_is_the_layers_of_the_range_centred_on_its_own(layer, width, more):
    n = layer + more
    low, high = window_of(layer, width, n)
    wanted = {j for j in range(layer - width // 2, layer - width // 2 + width) if 0 <= j < n}
    assert set(range(low, high)) == wanted
    assert layer in wanted


@pytest.mark.parametrize(("layers", "window"), [(48, 10), (3, 1), (30, 6), (2, 1), (96, 20)])
def test_a_window_is_the_papers_fraction_of_the_layers(layers, window):
    assert TraceSettings().window_for(layers) == window
    assert TraceSettings(window=4).window_for(layers) == 4


# ----------------------------------------------------------------------------------------- result


def made(tokens, span):
    return Trace(
        prompt="p",
        subject="s",
        answer="a",
        tokens=tuple("t" for _ in range(tokens)),
        subject_span=span,
        clean=0.5,
        corrupted=0.25,
        corrupted_samples=(0.25,),
        effects={"state": torch.zeros(tokens, 2)},
        spread={"state": torch.zeros(tokens, 2)},
        sigma=1.0,
        window=1,
        seed=0,
    )


@pytest.mark.parametrize(
    ("tokens", "span", "places"),
    [
        (9, (1, 5), ([1], [2, 3], [4], [5], [6, 7], [8])),
        (4, (0, 2), ([0], [], [1], [2], [], [3])),
        (3, (1, 2), ([], [], [1], [], [], [2])),
        (4, (1, 4), ([1], [2], [3], [], [], [])),
    ],
)
def test_places(tokens, span, places):
    assert made(tokens, span).places() == dict(zip(PLACES, places, strict=True))


@given(tokens=st.integers(1, 12), data=st.data())
def test_every_token_from_the_subject_on_has_one_place(tokens, data):
    start = data.draw(st.integers(0, tokens - 1))
    stop = data.draw(st.integers(start + 1, tokens))
    placed = [t for place in made(tokens, (start, stop)).places().values() for t in place]
    assert sorted(placed) == list(range(start, tokens))


def test_a_trace_survives_json(llama):
    found = trace(llama.lm, PROMPT, SUBJECT, TraceSettings(samples=2, kinds=("state", "mlp")))
    payload = json.loads(json.dumps(found.to_json()))
    assert payload["format"] == 1
    back = Trace.from_json(payload)
    assert back.to_json() == found.to_json()
    assert back.subject_span == found.subject_span
    assert back.tokens == found.tokens
    assert "".join(back.tokens) == PROMPT
    for kind in ("state", "mlp"):
        assert torch.equal(back.effects[kind], found.effects[kind])
        assert torch.equal(back.spread[kind], found.spread[kind])


# ----------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("prompt", "subject", "message"),
    [
        ("The city is", "Rome", "'Rome' is not in the prompt"),
        ("The {} is {}", "Rome", "exactly one {}"),
        ("The city is", " ", "subject is empty"),
        ("Rome, Rome", "Rome", "2 times in the prompt"),
    ],
)
def test_a_subject_without_a_place_is_an_error(llama, prompt, subject, message):
    with pytest.raises(FactError, match=message):
        trace(llama.lm, prompt, subject)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kinds": ("state", "soul")}, "unknown kind of restoration 'soul'; use state, mlp"),
        ({"samples": 0}, "samples and window must be at least 1"),
        ({"window": 0}, "samples and window must be at least 1"),
        ({"noise": 0.0}, "noise must be positive and finite, not 0"),
        ({"noise": math.nan}, "noise must be positive and finite, not nan"),
        ({"tokens": "some"}, "'all' or 'last subject', not 'some'"),
    ],
)
def test_settings_that_mean_nothing_are_errors(fields, message):
    with pytest.raises(ModelError, match=message):
        TraceSettings(**fields)


@pytest.mark.real
def test_the_real_model_forgets_a_subject_in_noise(real):
    settings = TraceSettings(samples=2, kinds=("state",))
    found = trace(real, "The Eiffel Tower is in the city of", "Eiffel Tower", settings)
    assert found.answer == " Paris"
    assert "".join(found.tokens[slice(*found.subject_span)]) == " Eiffel Tower"
    assert found.total_effect > 0.1
    effects = found.effects["state"]
    assert effects.shape == (len(found.tokens), 30)
    assert torch.isfinite(effects).all()
    assert float(effects[-1, -1]) == pytest.approx(found.total_effect, abs=1e-5)
    assert found.window == 6
