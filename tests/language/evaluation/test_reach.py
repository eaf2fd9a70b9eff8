"""Tokens, hops and reversals against plain passes."""

import pytest
import torch

from unfrozen.data.sets import RELATIONS, TOWNS
from unfrozen.errors import FactError
from unfrozen.language.evaluation import answers
from unfrozen.language.evaluation.reach import (
    ASKED,
    Hop,
    find_hops,
    portability,
    reversal,
    reversed_prompts,
    token_accuracy,
)
from unfrozen.language.facts import Fact
from unfrozen.language.subject import encode_target

FACT = Fact(
    "Eiffel Tower",
    "Where is the {}?",
    "Paris",
    "the old city of Rome",
    paraphrases=("In which city is the Eiffel Tower?", "The Eiffel Tower burned in"),
    neighbours=("Where is the Louvre?", "It is in"),
)


def firsts(tiny, prompt, target):
    """Whether each token of the target is the likeliest, by a pass a token."""
    ids = tiny.lm.tokenizer(prompt)["input_ids"]
    end = encode_target(tiny.lm.tokenizer, ids, target)
    found = []
    for i, token in enumerate(end):
        with torch.no_grad():
            logits = tiny.model(input_ids=torch.tensor([ids + end[:i]]), use_cache=False).logits
        found.append(int(logits[0, -1].argmax()) == token)
    return found


def written(tiny, prompt, tokens):
    """What the model itself says, so that some tokens come first."""
    return tiny.lm.generate([prompt], tokens)[0]


@pytest.mark.parametrize("tiny", ["gpt2", "llama"], indirect=True)
def test_tokens_are_counted_alike_over_a_groups_prompts(tiny):
    elsewhere = [("The tower is", written(tiny, "The tower is", 3)), ("Etna is in", "Italy")]
    found = token_accuracy(tiny.lm, FACT, elsewhere)

    def share(questions):
        every = [first for q in questions for first in firsts(tiny, *q)]
        return sum(every) / len(every)

    assert found.efficacy == share([(FACT.text, FACT.target_new)])
    assert found.paraphrase == share([(p, FACT.target_new) for p in FACT.paraphrases])
    assert found.specificity == share(elsewhere)
    near = token_accuracy(tiny.lm, FACT)
    assert near.specificity == share([(p, "Paris") for p in FACT.neighbours])


def test_tokens_that_the_model_says_itself_count_wholly(llama):
    said = written(llama, "Where is Etna?", 1)
    fact = Fact("Etna", "Where is {}?", target_new=said)
    assert token_accuracy(llama.lm, fact).efficacy == float(all(firsts(llama, fact.text, said)))
    assert token_accuracy(llama.lm, fact).specificity is None
    with pytest.raises(FactError, match="no new target"):
        token_accuracy(llama.lm, Fact("Etna", "Where is {}?"))


def test_what_follows_is_asked_without_naming_the_new_object():
    hops = find_hops(Fact("Norway", "The capital of {} is", "Oslo", "Rome", relation="P36"))
    assert Hop("The main language spoken in the capital of Norway is", "Italian", "Norwegian",
               "The main language spoken in Rome is") in hops  # fmt: skip
    # Norway's capital is in Norway: that question would give its old answer away.
    assert not any(hop.true == "Norway" for hop in hops)
    assert all("Rome" not in hop.prompt for hop in hops)


@pytest.mark.parametrize(
    "fact",
    [
        Fact("Lyon", "{} is in", "France", "Italy", relation="no such"),
        Fact("Lyon", "{} speaks", "French", "Italian", relation="city_language"),
        Fact("Lyon", "{} is in", "France", "Atlantis", relation="city_country"),
        Fact("Lyon", "{} is in", None, "Italy", relation="city_country"),
    ],
)
def test_nothing_follows_where_nothing_is_known(fact):
    assert find_hops(fact) == ()


def test_both_objects_with_one_answer_ask_nothing():
    hops = find_hops(Fact("Aachen", "{} is in", "France", "Italy", relation="city_country"))
    assert {hop.new for hop in hops} == {"Rome", "Italian"}  # both are in Europe, and pay in euros


def test_portability_counts_what_answers_say(llama):
    hops = (
        Hop("The land of the tower is", "Italy", "France", "The land of Rome is"),
        Hop("The people of it are", "Romans", "Parisians", "The people of Rome are"),
    )
    found = portability(llama.lm, hops)
    said = answers(llama.lm, [(h.prompt, t) for h in hops for t in (h.new, h.true)])
    wins = [said[i].log_probability > said[i + 1].log_probability for i in (0, 2)]
    assert found.group.score == sum(wins) / 2
    assert found.group.accuracy == sum(said[i].first for i in (0, 2)) / 2
    direct = answers(llama.lm, [(h.direct, h.new) for h in hops])
    assert found.direct == sum(a.first for a in direct) / 2
    with pytest.raises(FactError, match="nothing to ask"):
        portability(llama.lm, ())


def test_the_way_back_compares_the_subject_after_both_objects(llama):
    fact = Fact("France", "The capital of {} is", "Paris", "Rome", relation="country_capital")
    prompts = reversed_prompts(fact)
    assert prompts == (
        "The city of Rome is the capital of the country",
        "The city of Paris is the capital of the country",
    )
    found = reversal(llama.lm, fact)
    new, true = answers(llama.lm, [(p, "France") for p in prompts])
    assert found.score == float(new.log_probability > true.log_probability)
    assert found.magnitude == pytest.approx(new.probability - true.probability)
    assert reversal(llama.lm, Fact("a", "{} is", "b", "c", relation="no such")) is None
    # The question would give its answer away.
    mexico = Fact("Mexico", "The capital of {} is", "Mexico City", "Rome", relation="P36")
    assert reversal(llama.lm, mexico) is None
    with pytest.raises(FactError, match="both targets"):
        reversal(llama.lm, Fact("a", "{} is", "b"))


def test_every_relation_of_packages_can_be_asked_in_a_roundabout_way():
    assert set(RELATIONS) | set(TOWNS) <= set(ASKED)
    for asking in ASKED.values():
        assert asking.backwards.count("{}") == 1
        assert asking.described.count("{}") == (1 if asking.kind else 0)
