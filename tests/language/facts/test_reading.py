import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import FactError
from unfrozen.language.facts import Fact, read_facts, write_facts

# The shapes of published files, with facts of our own.
COUNTERFACT = {
    "case_id": 7,
    "pararel_idx": 1,
    "requested_rewrite": {
        "prompt": "{} flows through",
        "relation_id": "P17",
        "target_new": {"str": "Spain", "id": "Q29"},
        "target_true": {"str": "Egypt", "id": "Q79"},
        "subject": "Nile",
    },
    "paraphrase_prompts": ["A stray sentence. Nile runs through"],
    "neighborhood_prompts": ["Luxor lies in", "Giza lies in"],
    "attribute_prompts": ["Seville lies in"],
    "generation_prompts": ["Along the Nile grow"],
}
KNOWN = [
    {
        "known_id": 3,
        "subject": "Mont Blanc",
        "attribute": "Europe",
        "template": "{} belongs to the continent",
        "prediction": " Europe",
        "prompt": "Mont Blanc belongs to the continent of",
        "relation_id": "P30",
    },
    {
        "known_id": 4,
        "subject": "is",
        "attribute": "river",
        "template": "This is {}, a",
        "prediction": "",
        "prompt": "This is is, a",
        "relation_id": "P31",
    },
]
RELATION = {
    "name": "river mouth",
    "prompt_templates": ["{} flows into the", "The mouth of {} is in the"],
    "prompt_templates_zs": ["{} flows into the", "Downstream, {} reaches the"],
    "properties": {"relation_type": "factual"},
    "samples": [
        {"subject": "Danube", "object": "Black Sea"},
        {"subject": "Rhine", "object": "North Sea"},
    ],
}


@pytest.fixture
def put(tmp_path):
    def put(name, content):
        path = tmp_path / name
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return path

    return put


def test_counterfact(put):
    (fact,) = read_facts(put("c.json", [COUNTERFACT]))
    assert fact == Fact(
        subject="Nile",
        prompt="{} flows through",
        target_true="Egypt",
        target_new="Spain",
        paraphrases=("A stray sentence. Nile runs through",),
        neighbours=("Luxor lies in", "Giza lies in"),
        relation="P17",
        id="7",
    )


def test_known_1000_keeps_the_words_after_the_template_and_the_right_place(put):
    first, second = read_facts(put("k.json", KNOWN))
    assert first.prompt == "{} belongs to the continent of"
    assert (first.target_true, first.relation, first.id) == ("Europe", "P30", "3")
    assert second.prompt == "This is {}, a"


def test_relations_from_a_file_and_from_a_folder(put, tmp_path):
    path = put("river.json", RELATION)
    (tmp_path / "LICENSE").write_text("not facts")
    facts = read_facts(path)
    assert facts == read_facts(tmp_path)
    assert [f.target_true for f in facts] == ["Black Sea", "North Sea"]
    assert facts[0].text == "Danube flows into the"
    assert facts[0].paraphrases == (
        "The mouth of Danube is in the",
        "Downstream, Danube reaches the",
    )
    assert facts[0].relation == "river mouth"


def test_our_own_lines_with_the_subject_in_the_prompt_or_marked(put):
    text = (
        '\ufeff{"subject": "Rome", "prompt": "Rome is in", "target_new": "Japan"}\n'
        "\n"
        '{"subject": "Rome", "prompt": "{}, not Rome, is in", "target_new": "Peru", "id": "x"}\n'
    )
    first, second = read_facts(put("mine.jsonl", text))
    assert (first.prompt, first.target_new, first.id) == ("{} is in", "Japan", "mine:1")
    assert (second.prompt, second.id) == ("{}, not Rome, is in", "x")
    assert read_facts(put("mine.json", text.lstrip("\ufeff"))) == [first, second]
    assert read_facts(put("mine.txt", text)) == [first, second]


def test_one_record_alone_is_read(put):
    assert len(read_facts(put("one.json", COUNTERFACT))) == 1
    assert len(read_facts(put("one.jsonl", '{"subject": "a", "prompt": "a is"}'))) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"subject": "a", "prompt": "a is"}\n{"subject": ', r"line 2: not valid JSON"),
        ("[" * 100_000, "line 1: JSON that cannot be read"),
        ('{"subject": ' + "1" * 5000 + "}", "line 1: JSON that cannot be read"),
        ('{"subject": "a", "prompt": "a is"}\n\n[1]', r"line 3: a fact is an object"),
        ('{"subject": "a", "prompt": "b is"}', r"line 1: the subject 'a' is not in the prompt"),
        ('{"subject": "a"}', r"line 1: the field 'prompt' is missing"),
        ('{"subject": 3, "prompt": "3 is"}', r"line 1: the field 'subject' is 3, not text"),
        ('{"subject": "a", "prompt": "a is", "target_new": ""}', r"line 1: the new target"),
        ('{"subject": "a", "prompt": "a is", "target": "b"}', r"line 1: no such field: target"),
        ('{"subject": "a", "prompt": "a", "paraphrases": "b"}', r"line 1: .* not a list of texts"),
        ('{"question": "a"}', r"line 1: no facts in a form that is known"),
        ("", "no facts in"),
    ],
)
def test_a_malformed_line_is_named_with_its_file_and_number(put, text, message):
    path = put("bad.jsonl", text)
    with pytest.raises(FactError, match=message) as caught:
        read_facts(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"subject": "a",\n "prompt" "a is"}]', "line 2: not valid JSON"),
        ("[" * 100_000, "JSON that cannot be read"),
        ([COUNTERFACT, {"requested_rewrite": {"prompt": "{}"}}], "record 2: .*'subject'"),
        (
            [{"requested_rewrite": {**COUNTERFACT["requested_rewrite"], "target_new": 3}}],
            "record 1: an object with the field 'str' is wanted, not 3",
        ),
        ([{"requested_rewrite": []}], "record 1: an object with the field"),
        ([{**KNOWN[0], "prompt": "Something else"}], "record 1: .* not in the prompt"),
        ({**RELATION, "prompt_templates": [], "prompt_templates_zs": []}, "no prompt_templates"),
        ({**RELATION, "samples": 3}, "malformed relations record"),
    ],
)
def test_a_malformed_record_is_named_with_its_file_and_number(put, content, message):
    path = put("bad.json", content)
    with pytest.raises(FactError, match=message) as caught:
        read_facts(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_that_cannot_be_read_is_a_clear_error(tmp_path):
    with pytest.raises(FactError, match="cannot read facts from"):
        read_facts(tmp_path / "missing.jsonl")
    with pytest.raises(FactError, match=r"no \.json or \.jsonl"):
        read_facts(tmp_path)
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FactError, match="UTF-8"):
        read_facts(tmp_path / "binary.jsonl")


words = st.text(min_size=1, max_size=8).filter(lambda t: t.strip() and "{}" not in t)
fields = st.fixed_dictionaries(
    {
        "subject": words,
        "prompt": words.map(lambda t: t + "{}"),
        "target_true": st.none() | words.map(lambda t: "t" + t),
        "target_new": st.none() | words.map(lambda t: "n" + t),
        "paraphrases": st.lists(words, max_size=2).map(tuple),
        "neighbours": st.lists(words, max_size=2).map(tuple),
        "relation": words,
        "id": words,
    }
)


@given(st.lists(fields, min_size=1, max_size=4))
def test_what_is_written_is_read_back(tmp_path_factory, records):
    facts = [Fact(**record) for record in records]
    path = tmp_path_factory.mktemp("facts") / "f.jsonl"
    write_facts(path, facts)
    assert read_facts(path) == facts
