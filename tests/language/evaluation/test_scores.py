"""Scores against answers worked out by a plain pass a prompt."""

import json
import math
from dataclasses import astuple, replace

import pytest
import torch

from unfrozen.errors import FactError
from unfrozen.language.evaluation import (
    Evaluation,
    Group,
    answers,
    evaluate,
    fluency,
    known,
    names,
    summarize,
)
from unfrozen.language.facts import Fact
from unfrozen.language.subject import encode_target

FACT = Fact(
    "Eiffel Tower",
    "The {} is in the city of",
    "Paris",
    "Rome",
    paraphrases=("We said that the Eiffel Tower is in", "In the city, the Eiffel Tower burned in"),
    neighbours=("Mount Etna is in the city of", "France is in", "It is the old tower of"),
)


def plain(tiny, prompt, target):
    """Mean log-probability of the target, and whether it is what the model says first."""
    ids = tiny.lm.tokenizer(prompt)["input_ids"]
    end = encode_target(tiny.lm.tokenizer, ids, target)
    logs, first = [], True
    for i, token in enumerate(end):
        with torch.no_grad():
            logits = tiny.model(input_ids=torch.tensor([ids + end[:i]]), use_cache=False).logits
        log = logits[0, -1].log_softmax(-1)
        logs.append(float(log[token]))
        first = first and int(log.argmax()) == token
    return sum(logs) / len(logs), first


@pytest.mark.parametrize("tiny", ["gpt2", "llama", "gemma2"], indirect=True)
def test_answers_are_those_of_plain_passes(tiny):
    prompts = [FACT.text, *FACT.paraphrases, *FACT.neighbours]
    questions = [(p, t) for p in prompts for t in ("Paris", "Rome", "capital of Italy", "Paris")]
    for question, found in zip(questions, answers(tiny.lm, questions), strict=True):
        log, first = plain(tiny, *question)
        assert found.log_probability == pytest.approx(log, abs=1e-4)
        assert found.first == first
        assert found.probability == pytest.approx(math.exp(log), rel=1e-3)


def test_scores_count_what_plain_passes_say(llama):
    found = evaluate(llama.lm, FACT, written_tokens=0)

    def expected(prompts, wanted, other):
        pairs = [(plain(llama, p, wanted), plain(llama, p, other)) for p in prompts]
        n = len(pairs)
        score = sum(a[0] > b[0] for a, b in pairs) / n
        magnitude = sum(math.exp(a[0]) - math.exp(b[0]) for a, b in pairs) / n
        return score, pytest.approx(magnitude, abs=1e-5), sum(a[1] for a, _ in pairs) / n, n

    assert astuple(found.efficacy) == expected([FACT.text], "Rome", "Paris")
    assert astuple(found.paraphrase) == expected(FACT.paraphrases, "Rome", "Paris")
    assert astuple(found.neighbourhood) == expected(FACT.neighbours, "Paris", "Rome")
    assert found.written is None


def test_groups_without_prompts_do_not_count(llama):
    bare = evaluate(llama.lm, replace(FACT, paraphrases=(), neighbours=()), written_tokens=0)
    assert bare.paraphrase is None
    assert bare.neighbourhood is None
    assert bare.score == bare.efficacy.score


@pytest.mark.parametrize("fact", [FACT, replace(FACT, paraphrases=())])
def test_an_evaluation_is_read_back_from_json(llama, fact):
    found = evaluate(llama.lm, fact, written_tokens=2)
    told = json.loads(json.dumps(found.to_json()))
    assert Evaluation.from_json(told) == found
    assert told["score"] == found.score


def test_text_is_written_and_can_be_repeated(llama):
    once = evaluate(llama.lm, FACT, written_tokens=6, seed=1)
    assert once == evaluate(llama.lm, FACT, written_tokens=6, seed=1)
    assert once.written
    assert once.names_new is not None
    assert 0 <= once.names_new <= 1


@pytest.mark.parametrize("missing", ["target_true", "target_new"])
def test_a_missing_target_is_refused(llama, missing):
    with pytest.raises(FactError, match="target"):
        evaluate(llama.lm, replace(FACT, **{missing: None}))


def test_known_facts_are_those_whose_whole_answer_comes_first(llama):
    ids = llama.lm.encode(FACT.text)
    (written,) = llama.lm.generate([FACT.text], 1)
    right = replace(FACT, target_true=written.strip() or "Paris")
    wrong = replace(FACT, target_true="capital of France")
    expected = [f for f in (right, wrong) if plain(llama, f.text, f.target_true)[1]]
    assert known(llama.lm, [right, wrong, replace(FACT, target_true=None)]) == expected
    assert ids.shape[0] == 1


@pytest.mark.parametrize(
    ("text", "name", "there"),
    [
        ("In Rome, at last", "Rome", True),
        ("in rome", "Rome", True),
        ("romance", "Rome", False),
        ("New  York is", "New York", True),
        ("C++ (is) it", "C++", True),
    ],
)
def test_names_are_words_of_their_own(text, name, there):
    assert names(text, name) is there


def test_fluency_is_the_weighted_entropy():
    # Four different bigrams, three different trigrams.
    assert fluency("a b c d e") == pytest.approx((math.log2(4) * 2 / 3 + math.log2(3) * 4 / 3) / 2)
    assert fluency("") == 0
    assert fluency("so so so so so so") == 0
    assert fluency("a b a b a b a b") < fluency("a b c d e f g h")


def test_summary_averages_facts_and_scores_their_means():
    def one(e, p, n):
        return Evaluation(Group(e, 0.5, e, 1), Group(p, 0.1, p, 2), Group(n, 0.2, n, 10))

    found = summarize([one(1.0, 0.5, 0.9), one(1.0, 1.0, 0.5)])
    assert found.paraphrase_score is not None
    assert found.paraphrase_score.value == 0.75
    assert found.score == pytest.approx(3 / (1 / 1 + 1 / 0.75 + 1 / 0.7))
    assert found.fluency is None
    assert found.n == 2
    with pytest.raises(FactError, match="no fact"):
        summarize([])
