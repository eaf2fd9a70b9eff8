import pytest
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.data.sets import Relation
from unfrozen.errors import FactError
from unfrozen.language.facts import Fact, as_template, relation_facts, split


def test_the_text_has_the_subject_in_its_place():
    assert Fact("Zoë {x}", "The mother of {} is").text == "The mother of Zoë {x} is"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"subject": " "}, "subject of .* is empty"),
        ({"prompt": "The capital is"}, "'France' is not in the prompt 'The capital is'"),
        ({"prompt": "France has the capital"}, "write {} in place of the subject"),
        ({"prompt": "{} and {} are"}, "2 {}: keep exactly one"),
        ({"target_new": ""}, "new target of .* is empty"),
        ({"target_true": "  "}, "true target of .* is empty"),
        ({"target_true": "Paris", "target_new": "paris "}, "nothing would change"),
        ({"paraphrases": ("",)}, "paraphrase or neighbour .* is empty"),
        ({"neighbours": ("a", " ")}, "paraphrase or neighbour .* is empty"),
    ],
)
def test_a_fact_that_cannot_be_used_says_why_in_one_line(fields, message):
    whole = {"subject": "France", "prompt": "The capital of {} is", **fields}
    with pytest.raises(FactError, match=message) as caught:
        Fact(**whole)
    assert "\n" not in str(caught.value)


def test_a_template_is_made_of_the_subject_that_is_there_once():
    assert as_template("The capital of France is", "France") == "The capital of {} is"
    assert as_template("{} and France are", "France") == "{} and France are"
    with pytest.raises(FactError, match="not in the prompt"):
        as_template("The capital of Spain is", "France")
    with pytest.raises(FactError, match="2 times"):
        as_template("France is France", "France")


@pytest.mark.parametrize(
    ("prompt", "subject", "template"),
    [
        ("The Romeo of Rome is", "Rome", "The Romeo of {} is"),
        ("Rome's river is", "Rome", "{}'s river is"),
        ("Apollo 1 came before Apollo 11 and", "Apollo 1", "{} came before Apollo 11 and"),
        ("東京は日本の", "日本", "東京は{}の"),
        ("C++ is faster than C", "C++", "{} is faster than C"),
    ],
)
def test_a_subject_is_found_as_words_of_its_own(prompt, subject, template):
    assert as_template(prompt, subject) == template


def test_a_subject_inside_other_words_is_not_guessed():
    with pytest.raises(FactError, match="'Rome' is only inside other words of the prompt"):
        as_template("The Romeo play is set in", "Rome")


@pytest.mark.parametrize("field", ["subject", "prompt", "target_true", "target_new"])
def test_half_a_character_is_refused(field):
    fields = {
        "subject": "Rome",
        "prompt": "{} is in",
        "target_true": "Italy",
        "target_new": "Spain",
    }
    with pytest.raises(FactError, match="half a character"):
        Fact(**{**fields, field: fields[field] + "\ud800"})
    with pytest.raises(FactError, match="half a character"):
        Fact(**fields, neighbours=("\udcff is in",))


def test_facts_of_a_relation_ask_by_the_first_template():
    pairs = (("gold", "Au"), ("iron", "Fe"))
    one = Relation("symbol", ("The symbol of {} is", "{} is written"), pairs, "here", "none")
    first, second = relation_facts(one)
    assert (first.text, first.target_true) == ("The symbol of gold is", "Au")
    assert second.paraphrases == ("iron is written",)
    assert first.id != second.id


names = st.text("abcdeé ", min_size=1, max_size=6).filter(str.strip)


@given(
    subjects=st.lists(names, min_size=1, max_size=40),
    seed=st.integers(0, 2**32),
    shares=st.lists(st.floats(0.05, 0.3), min_size=1, max_size=3),
)
def test_a_split_keeps_subjects_apart_and_loses_none(subjects, seed, shares):
    facts = [Fact(subject, "{} is", id=str(i)) for i, subject in enumerate(subjects)]
    parts = split(facts, seed, [*shares, 1 - sum(shares)])
    assert sorted(f.id for part in parts for f in part) == sorted(f.id for f in facts)
    seen = [{" ".join(f.subject.casefold().split()) for f in part} for part in parts]
    assert sum(map(len, seen)) == len(set().union(*seen))


@given(seed=st.integers(0, 2**32), dropped=st.integers(0, 29))
def test_a_subject_stays_in_its_part_whatever_else_is_there(seed, dropped):
    facts = [Fact(f"name {i}", "{} is") for i in range(30)]
    fewer = facts[:dropped] + facts[dropped + 1 :]
    whole, part = split(facts, seed, (0.3, 0.7)), split(fewer, seed, (0.3, 0.7))
    assert set(part[0]) <= set(whole[0])
    assert set(part[1]) <= set(whole[1])


def test_parts_have_their_share():
    facts = [Fact(f"name {i}", "{} is") for i in range(4000)]
    parts = split(facts, 3, (0.1, 0.25))
    # Four standard deviations of the binomial.
    for part, share in zip(parts, (0.1, 0.25), strict=True):
        assert abs(len(part) - 4000 * share) < 4 * (4000 * share * (1 - share)) ** 0.5
    assert split(facts, 4, (0.1,))[0] != parts[0]


@pytest.mark.parametrize("fractions", [(), (0.5, 0.6), (0.0, 1.0), (-0.1, 0.5)])
def test_shares_that_make_no_sense_are_refused(fractions):
    with pytest.raises(FactError, match="fractions"):
        split([], 0, fractions)
