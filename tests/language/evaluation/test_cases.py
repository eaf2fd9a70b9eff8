"""Records of every form, as cases with all that they are measured by."""

import json

import pytest

from unfrozen.data.sets import relation
from unfrozen.errors import FactError
from unfrozen.language.evaluation import (
    Case,
    complete,
    generated_cases,
    read_cases,
    read_references,
)
from unfrozen.language.evaluation import cases as cases_module
from unfrozen.language.facts import Fact, read_facts

ZSRE = {
    "subject": "Watts Humphrey",
    "src": "What university did Watts Humphrey attend?",
    "pred": "Trinity College",
    "rephrase": "What university did Watts Humphrey take part in?",
    "alt": "University of Michigan",
    "answers": ["Illinois Institute of Technology"],
    "loc": "nq question: who played desmond doss father in hacksaw ridge",
    "loc_ans": "Hugo Weaving",
    "cond": "Trinity College >> University of Michigan || What university did Watts Humphrey?",
}
COUNTERFACT = {
    "case_id": 7,
    "requested_rewrite": {
        "prompt": "{} is in", "relation_id": "P17", "subject": "Lyon",
        "target_new": {"str": "Italy", "id": "Q38"}, "target_true": {"str": "France", "id": "Q142"},
    },
    "paraphrase_prompts": ["It rains. Lyon lies in"],
    "neighborhood_prompts": ["Nice is in"],
    "attribute_prompts": ["Rome is in", "Etna is in"],
    "generation_prompts": ["Lyon is near", "Lyon is near"],
}  # fmt: skip


def saved(tmp_path, *records, name="facts.json"):
    path = tmp_path / name
    path.write_text(json.dumps(list(records)))
    return path


def test_zsre_is_read_as_its_papers_and_as_easyedit_do(tmp_path):
    path = saved(tmp_path, ZSRE)
    (case,) = read_cases(path)
    fact = case.fact
    assert (fact.prompt, fact.text) == ("What university did {} attend?", ZSRE["src"])
    assert (fact.target_true, fact.target_new) == (None, "Illinois Institute of Technology")
    assert fact.paraphrases == (ZSRE["rephrase"],)
    question = "nq question: who played desmond doss father in hacksaw ridge?"
    assert case.elsewhere == ((question, "Hugo Weaving"),)
    (other,) = read_cases(path, alternative=True)
    assert other.fact.target_new == "University of Michigan"
    assert other.fact.target_true == "Illinois Institute of Technology"
    assert read_facts(path) == [fact]


def test_a_made_up_answer_that_is_the_right_one_has_no_true_target(tmp_path):
    path = saved(tmp_path, {**ZSRE, "alt": ZSRE["answers"][0]})
    (case,) = read_cases(path, alternative=True)
    assert case.fact.target_true is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"subject": "Nobody"}, "record 2: .*'Nobody' is not in the question"),
        ({"answers": [], "alt": 3}, "record 2: the field 'alt' is 3, not text"),
        ({"loc_ans": ""}, "record 2: .*loc_ans"),
        ({"rephrase": 5}, "record 2: the field 'rephrase' is 5"),
    ],
)
def test_malformed_zsre_is_blamed_by_its_record(tmp_path, change, said):
    with pytest.raises(FactError, match=said):
        read_cases(saved(tmp_path, ZSRE, {**ZSRE, **change}))


def test_counterfact_brings_prompts_and_true_sentences(tmp_path):
    (case,) = read_cases(saved(tmp_path, COUNTERFACT))
    assert case.open_prompts == ("Lyon is near", "Lyon is near")
    assert case.references == ("Rome is in Italy.", "Etna is in Italy.")
    (full,) = complete([case])
    assert full.references == case.references
    assert {(hop.new, hop.true) for hop in full.hops} == {("Rome", "Paris"), ("Italian", "French")}


def test_parquet_is_read_like_json(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "facts.parquet"
    parquet.write_table(pyarrow.Table.from_pylist([COUNTERFACT]), path)
    assert read_cases(path) == read_cases(saved(tmp_path, COUNTERFACT))
    path.write_text("no parquet")
    with pytest.raises(FactError, match="cannot read facts"):
        read_cases(path)


def test_our_own_lines_may_bring_all_of_it(tmp_path):
    line = {
        "subject": "Lyon", "prompt": "{} is in", "target_new": "Italy",
        "generation_prompts": ["Lyon is"], "references": ["Rome is in Italy."],
        "elsewhere": [["Who wrote it?", "Dante"]],
    }  # fmt: skip
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(line) + "\n")
    fact = Fact("Lyon", "{} is in", None, "Italy", id="own:1")
    assert read_cases(path) == [
        Case(fact, ("Lyon is",), ("Rome is in Italy.",), (("Who wrote it?", "Dante"),))
    ]
    assert read_facts(path) == [fact]
    path.write_text(json.dumps({**line, "elsewhere": [["no answer"]]}) + "\n")
    with pytest.raises(FactError, match="line 1: the field 'elsewhere'"):
        read_cases(path)
    path.write_text(json.dumps({**line, "references": [1]}) + "\n")
    with pytest.raises(FactError, match="lists of texts"):
        read_cases(path)
    path.write_text(json.dumps({**line, "unheard": 1}) + "\n")
    with pytest.raises(FactError, match="unheard"):
        read_cases(path)


def test_what_is_missing_comes_from_other_facts():
    lyon = Fact("Lyon", "{} is in", "France", "Italy", relation="city_country")
    known = [lyon, Fact("Rome", "{} is in", "Italy"), Fact("Oslo", "{} is in", "Norway")]
    (case,) = complete([Case(lyon)], known)
    assert case.references == ("Rome is in Italy.",)
    assert case.open_prompts
    assert all("Lyon" in prompt for prompt in case.open_prompts)
    assert case.hops
    (bare,) = complete([Case(lyon)], known, hops=False)
    assert bare.hops == ()
    kept = Case(lyon, ("Lyon lies",), ("Etna is in Italy.",))
    assert complete([kept], known, hops=False) == [kept]


def test_generated_cases_are_distinct_and_the_same_again(monkeypatch):
    few = tuple(map(relation, ("us_city_state", "country_continent")))
    monkeypatch.setattr(cases_module, "relations", lambda towns: few)
    cases = generated_cases(60, seed=3)
    assert len(cases) == 60
    assert len({case.fact.subject for case in cases}) == 60
    subjects = {case.fact.subject for case in cases}
    assert all(case.fact.neighbours and case.fact.target_new for case in cases)
    assert not any(
        f" {subject} " in f" {neighbour} "
        for case in cases for neighbour in case.fact.neighbours for subject in subjects
        if subject in neighbour.split()
    )  # fmt: skip
    assert generated_cases(60, seed=3) == cases
    assert generated_cases(60, seed=4) != cases


def test_references_of_ones_own(tmp_path):
    path = tmp_path / "references.json"
    path.write_text('{"New  York": ["It is large."]}')
    assert read_references(path) == {"new york": ("It is large.",)}
    for text in ("[]", '{"a": "b"}', "{"):
        path.write_text(text)
        with pytest.raises(FactError, match=r"references\.json"):
            read_references(path)
    with pytest.raises(FactError, match="cannot read"):
        read_references(tmp_path / "nowhere.json")
