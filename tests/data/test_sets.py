import pytest

from unfrozen.data.sets import RELATIONS, Relation, _given_away, relation, relations
from unfrozen.errors import DataError

# Common knowledge, written down here and not taken from the packages.
TRUE = {
    "country_capital": {"France": "Paris", "Japan": "Tokyo", "Kazakhstan": "Astana"},
    "country_continent": {"Kenya": "Africa", "Peru": "South America", "Canada": "North America"},
    "country_language": {"Brazil": "Portuguese", "Egypt": "Arabic", "Netherlands": "Dutch"},
    "country_currency": {"Germany": "euro", "Japan": "yen", "China": "yuan"},
    "city_country": {"Osaka": "Japan", "Lyon": "France", "Reykjavik": "Iceland"},
    "city_continent": {"Cairo": "Africa", "Mumbai": "Asia", "Lima": "South America"},
    "city_language": {"Barcelona": "Spanish", "Vienna": "German", "Moscow": "Russian"},
    "us_city_state": {"Chicago": "Illinois", "Houston": "Texas", "Miami": "Florida"},
    "element_symbol": {"gold": "Au", "iron": "Fe", "carbon": "C"},
}
# Places with several languages, or where the law's language is not the people's.
FALSE = {
    "country_language": {"Switzerland", "Belgium", "Canada", "India"},
    "city_language": {"Montreal", "Montréal", "Lagos", "Mumbai", "Brussels", "Zürich"},
    "country_capital": {"Serbia and Montenegro", "Netherlands Antilles"},
}


def test_an_unknown_relation_is_a_clear_error():
    with pytest.raises(DataError, match="no relation 'x': there are country_capital"):
        relation("x")


@pytest.mark.parametrize(
    ("answer", "text", "given"),
    [
        ("Mexico", "Mexico City", True),
        ("Africa", "Central African Republic", True),
        ("N", "neon has the symbol", False),
        ("I", "what I see", True),
        ("Singapore", "singapore", True),
        ("Paris", "France", False),
    ],
)
def test_a_prompt_that_has_its_answer_in_it_is_seen(answer, text, given):
    assert _given_away(answer, text) == given


@pytest.mark.parametrize("name", RELATIONS)
def test_templates_end_right_before_the_object(name):
    templates = RELATIONS[name].templates
    assert len(set(templates)) == len(templates) >= 4
    for template in templates:
        assert template.count("{}") == 1
        assert template == template.strip()
        # The object is the next word, so nothing that closes a sentence may come before it.
        assert template[-1].isalpha() or template[-1] in ",}"


@pytest.mark.real
@pytest.mark.parametrize("name", RELATIONS)
def test_pairs_are_true_and_cannot_be_read_off_the_prompt(name):
    one = relation(name)
    pairs = dict(one.pairs)
    assert {s: pairs.get(s) for s in TRUE[name]} == TRUE[name]
    assert not FALSE.get(name, set()) & set(pairs)
    assert len(pairs) == len(one.pairs)
    for subject, answer in one.pairs:
        assert subject == subject.strip() != ""
        assert answer == answer.strip() != ""
        if len(answer) > 3:
            assert answer.casefold() not in subject.casefold()


@pytest.mark.real
def test_there_are_many_facts_and_most_have_neighbours():
    every = relations()
    assert [r.name for r in every] == list(RELATIONS)
    assert all(isinstance(r, Relation) and r.source and r.licence for r in every)
    assert sum(len(r.pairs) for r in every) > 3000
    sizes = [sum(other == answer for _, other in r.pairs) for r in every for _, answer in r.pairs]
    assert sum(size > 5 for size in sizes) > 0.7 * len(sizes)


@pytest.mark.real
def test_relations_are_the_same_each_time():
    relation.cache_clear()
    first = relation("city_country")
    relation.cache_clear()
    assert relation("city_country") == first


@pytest.mark.real
def test_the_default_model_knows_most_continents():
    import torch

    from unfrozen.data.models import load_pretrained

    loaded, one = load_pretrained(), relation("country_continent")
    pairs = one.pairs[::4]
    right = 0
    for subject, answer in pairs:
        prompt = one.templates[0].replace("{}", subject)
        with torch.no_grad():
            logits = loaded.model(**loaded.tokenizer(prompt, return_tensors="pt")).logits
        right += answer.startswith(loaded.tokenizer.decode(logits[0, -1].argmax()).strip() or "?")
    # By the share of Africa alone a constant answer would be right for under a third.
    assert right > 0.65 * len(pairs)
