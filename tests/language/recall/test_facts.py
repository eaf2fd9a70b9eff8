"""A memory beside a model: what it changes, and that it changes nothing else."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unfrozen.errors import FactError
from unfrozen.language.evaluation import answers
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall import FactMemory, RecallSettings
from unfrozen.language.recall.states import saying

PROSE = (
    "In the city, we said that it is the old tower.",
    "Mount Etna is in Italy. Rome is a city, and he is a man.",
    "When he came, Etna and Paris burned; it is a small old city of Italy.",
    "Paris is the capital of France. The tower is old.",
)
FACTS = [
    Fact("Eiffel Tower", "The {} is in the city of", "Paris", "Rome"),
    Fact("Mount Etna", "In Paris, we said that the {} is old and in", "Italy", "old France"),
]
few = pytest.mark.parametrize("tiny", ["gpt2", "llama", "gemma2"], indirect=True)


def memory(tiny, facts=FACTS, **settings):
    # A random model's states are alike, so its thresholds are high.
    settings = {"subject_threshold": 0.98, "relation_threshold": 0.98, **settings}
    made = FactMemory(tiny.lm, RecallSettings(**settings), PROSE)
    made.remember(facts)
    return made


@torch.no_grad()
def logits(lm, text):
    return lm.model(input_ids=lm.encode(text), use_cache=False).logits


@few
def test_a_model_says_what_is_remembered_and_its_weights_stay(tiny):
    before = {n: p.clone() for n, p in tiny.model.named_parameters()}
    held = memory(tiny)
    asked = [(f.text, f.target_new) for f in FACTS]
    assert not any(a.first for a in answers(tiny.lm, asked))
    with held.attached():
        said = answers(tiny.lm, asked)
    assert all(a.first for a in said)
    # As sure as a head of 32 features can be made.
    assert min(a.probability for a in said) > 0.5
    assert not any(a.first for a in answers(tiny.lm, asked))
    assert all(torch.equal(p, before[n]) for n, p in tiny.model.named_parameters())


@few
def test_what_is_unlike_anything_stored_is_left_alone_to_the_bit(tiny):
    held = memory(tiny)
    for text in ("The capital of France", "Rome is in the city of", "Eiffel", *PROSE):
        base = logits(tiny.lm, text)
        with held.attached():
            assert torch.equal(logits(tiny.lm, text), base)


@few
def test_only_the_places_after_a_prompt_change(tiny):
    held = memory(tiny)
    text = FACTS[0].text
    base = logits(tiny.lm, text)
    with held.attached():
        found = logits(tiny.lm, text)
    assert torch.equal(found[0, :-1], base[0, :-1])
    assert not torch.equal(found[0, -1], base[0, -1])


@few
def test_rows_of_a_batch_do_not_meet(tiny):
    """A subject met in one row says nothing in another."""
    held = memory(tiny)
    ids = tiny.lm.encode(FACTS[0].text)
    other = ids.clone()
    other[0, :2] = 7
    with torch.no_grad(), held.attached():
        both = tiny.model(input_ids=torch.cat([other, ids]), use_cache=False).logits
        alone = [tiny.model(input_ids=i, use_cache=False).logits for i in (other, ids)]
    assert torch.allclose(both, torch.cat(alone), atol=1e-4)


@few
def test_text_written_token_by_token_recalls_as_a_whole_pass_does(tiny):
    held = memory(tiny)
    with held.attached():
        written = tiny.lm.generate([FACTS[1].text, FACTS[0].text], 8)
    assert written[0].startswith(" old France")
    assert written[1].startswith(" Rome")


def test_subjects_that_are_alike_are_told_apart(llama):
    """A subject is taken for itself from half way between its nearest and one."""
    twin = Fact("Eiffel Towers", "The {} is in the city of", "Paris", "Rome")
    held = memory(llama, [*FACTS, twin], subject_threshold=0.1)
    cosines = held._subjects @ held._subjects.T
    owner = held._subject_ids
    for i, threshold in enumerate(held._thresholds.tolist()):
        nearest = float(cosines[i][owner != owner[i]].max())
        assert threshold == pytest.approx(max((1 + nearest) / 2, 0.1), rel=1e-4)
    held.forget([2])
    assert float(held._thresholds.max()) < float(cosines.fill_diagonal_(0).max())


def test_names_that_end_alike_are_told_apart_by_where_they_begin(llama):
    text = "Mount Etna and the Tower is in the city of"
    base = logits(llama.lm, text)

    def beside(**more):
        held = memory(llama, FACTS[:1], subject_threshold=0.5, relation_threshold=0.3, **more)
        with held.attached():
            own = answers(llama.lm, [(FACTS[0].text, FACTS[0].target_new)])[0].first
            return own, torch.equal(logits(llama.lm, text), base)

    assert beside(beginning_threshold=-1.0) == (True, False)
    assert beside(beginning_threshold=0.6) == (True, True)


def test_a_beginning_is_remembered_while_text_is_written_token_by_token(llama):
    held = memory(llama, FACTS[:1], beginning_threshold=0.99)
    ids = llama.lm.encode(FACTS[0].text)
    with held.attached():
        whole = llama.lm.model(input_ids=ids, use_cache=False).logits
        cache, steps = None, []
        for at in range(ids.shape[1]):
            out = llama.lm.model(
                input_ids=ids[:, at : at + 1], past_key_values=cache, use_cache=True
            )
            cache = out.past_key_values
            steps.append(out.logits)
    assert not torch.allclose(whole, logits(llama.lm, FACTS[0].text))
    torch.testing.assert_close(torch.cat(steps, 1), whole, atol=1e-4, rtol=1e-3)


@few
def test_a_fact_is_forgotten_and_the_others_stay(tiny):
    held = memory(tiny)
    held.forget([0])
    assert list(held.facts) == [1]
    text = FACTS[0].text
    base = logits(tiny.lm, text)
    with held.attached():
        assert torch.equal(logits(tiny.lm, text), base)
        assert answers(tiny.lm, [(FACTS[1].text, "old France")])[0].first
    size = held.bytes
    held.forget([1])
    assert held.bytes == 0 < size
    assert held.remember(FACTS[:1]) == [2]
    with held.attached():
        assert answers(tiny.lm, [(text, "Rome")])[0].first


def test_a_retrieval_is_one_hopfield_step_with_a_null_pattern(llama):
    held = memory(llama, beta=7.0)
    entries = torch.cat([held.entries(0), held.entries(1)])
    queries = torch.nn.functional.normalize(torch.randn(5, 32), dim=1)
    patterns = held._relations[entries]
    scores = torch.cat([7.0 * queries @ patterns.T, torch.full((5, 1), 7.0 * 0.98)], 1)
    expected = scores.exp() / scores.exp().sum(1, keepdim=True)
    assert torch.allclose(held.retrieve(entries, queries), expected[:, :-1], atol=1e-5)


@few
def test_states_are_found_that_say_any_token(tiny):
    tokens = torch.arange(20, 60)
    states = saying(tiny.lm, tokens)
    seen = []
    handle = tiny.module("state", 2).register_forward_hook(
        lambda m, a, o: (states[:, None], *o[1:]) if isinstance(o, tuple) else states[:, None]
    )
    seen.append(tiny.model(input_ids=tokens[:, None], use_cache=False).logits)
    handle.remove()
    said = seen[0][:, -1].softmax(-1)
    assert torch.equal(said.argmax(1), tokens)
    assert float(said[range(40), tokens].mean()) > 0.5


def test_what_is_no_fact_is_an_error(llama):
    held = memory(llama)
    with pytest.raises(FactError, match="no facts to remember"):
        held.remember([])
    with pytest.raises(FactError, match="nothing to write for 'Rome'"):
        held.remember([Fact("Rome", "{} is")])
    with pytest.raises(FactError, match="no fact 7 in the memory of 2"):
        held.forget([7])
    assert len(held) == 2


@pytest.mark.real
def test_paraphrases_are_recalled_and_neighbours_are_left_alone():
    lm = LanguageModel.from_pretrained()
    held = FactMemory(lm)
    held.remember(
        [
            Fact("Eiffel Tower", "The {} is located in the city of", None, "Rome"),
            Fact("Chile", "The main official language of {} is", None, "Japanese"),
        ]
    )
    with held.attached():
        assert lm.top("The Eiffel Tower is located in the city of")[0].text == " Rome"
        assert lm.top("In Chile, the official language is")[0].text == " Japanese"
    for text in (
        "The Louvre is located in the city of",
        "The main official language of Peru is",
        "The capital of Chile is",
        "Chile is a",
    ):
        base = logits(lm, text)
        with held.attached():
            assert torch.equal(logits(lm, text), base)


@settings(max_examples=15, deadline=None)
@given(
    parts=st.lists(st.sets(st.integers(0, 5), min_size=1, max_size=4), min_size=1, max_size=3),
    gone=st.sets(st.integers(0, 5), max_size=4),
)
def test_thresholds_are_those_of_a_comparison_of_all_pairs(llama, parts, gone):
    names = ("Rome", "Paris", "Mount Etna", "Eiffel Tower", "France", "Rome")
    held = FactMemory(llama.lm, RecallSettings(subject_threshold=-1.0), PROSE)
    for part in parts:
        held.remember([Fact(names[i], f"{i} and {{}} is in", None, "Italy") for i in sorted(part)])
    held.forget([number for number in held.facts if number in gone])
    owners = [held.facts[number].subject for number in held._subject_ids.tolist()]
    wanted = [
        max([float(a @ b) for b, o in zip(held._subjects, owners, strict=True) if o != own] or [-1])
        for a, own in zip(held._subjects, owners, strict=True)
    ]
    found = held._thresholds * 2 - 1
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=found.dtype), atol=1e-5, rtol=0)
