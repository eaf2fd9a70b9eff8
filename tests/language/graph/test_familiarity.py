"""What tells subjects that a model has read of from names that are made up."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import FactError
from unfrozen.language.facts.fact import plain
from unfrozen.language.graph import (
    Question,
    ask_graph,
    familiarity,
    learn_familiarity,
    made_up,
    question_about,
    questions_of,
    read_graph,
)
from unfrozen.language.subject import subject_span

NAMES = [
    "Bulgaria", "Hungary", "Romania", "Tanzania", "Mauritania", "Armenia", "Albania", "Slovenia",
    "Slovakia", "Lithuania", "Estonia", "Germany", "Norway", "Denmark", "Somalia", "Mongolia",
    "Malaysia", "Indonesia", "Ethiopia", "Colombia", "Bolivia", "Australia", "Macedonia", "Georgia",
]  # fmt: skip
OBJECTS = ("Paris", "Rome", "Italy")


def asked(names, template="The capital of {} is"):
    return [Question(n, "capital", template, OBJECTS, OBJECTS[i % 3]) for i, n in enumerate(names)]


@given(
    names=st.lists(st.text("abcd ", min_size=1, max_size=9).filter(str.strip), max_size=8),
    number=st.integers(0, 6),
    seed=st.integers(0, 3),
)
def test_made_up_names_are_new_and_none_of_the_real_ones(names, number, seed):
    found = made_up(names, number, seed)
    assert len(found) <= number
    assert len({plain(f) for f in found}) == len(found)
    for one in found:
        assert set(one) <= set("".join(names))
        assert not any(plain(one) in plain(n) or plain(n) in plain(one) for n in names)
    assert found == made_up(names, number, seed)


def test_many_names_are_made_of_few():
    found = made_up(NAMES, 24, 0)
    assert len(found) == 24
    assert found != made_up(NAMES, 24, 1)
    assert found != made_up(NAMES, 24, 0, "rivers")
    # Each letter follows two others as it does in a real name.
    pairs = {name[i : i + 3] for name in NAMES for i in range(len(name) - 2)}
    assert all(name[i : i + 3] in pairs for name in found for i in range(len(name) - 2))


@torch.no_grad()
def test_features_are_those_of_plain_passes(tiny):
    questions = [
        Question("Mount Etna", "place", "In Paris, the old {} is in", OBJECTS),
        Question("Eiffel Tower", "place", "{} is in the city of", OBJECTS),
        Question("Rome", "place", "The city of {}", OBJECTS),
    ]
    found = familiarity._features(tiny.lm, questions, 1)
    for row, one in zip(found, questions, strict=True):
        span = subject_span(tiny.lm.tokenizer, one.template, one.subject)
        ids = torch.tensor([span.tokens])
        logs = tiny.model(input_ids=ids, use_cache=False).logits[0].double().log_softmax(-1)
        said = [float(logs[t - 1, span.tokens[t]]) for t in range(max(span.start, 1), span.stop)]
        assert float(row[0]) == pytest.approx(sum(said), rel=1e-4)
        assert float(row[1]) == pytest.approx(sum(said[1:] if span.start else said), rel=1e-4)
        state = tiny.outputs(ids, [("state", 1)])["state", 1][0, span.stop - 1]
        assert torch.allclose(row[2:], state.reshape(-1), rtol=1e-4, atol=1e-4)
    with pytest.raises(FactError, match="no question"):
        familiarity._features(tiny.lm, [], 1)


@pytest.fixture
def planted(monkeypatch):
    """Features of which one is two deviations higher for real subjects."""

    def features(lm, questions, layer, progress=None):
        rows = []
        for one in questions:
            seed = sum(ord(c) * (i + 1) for i, c in enumerate(one.subject))
            row = torch.randn(12, generator=torch.Generator().manual_seed(seed))
            row[5] += 4.0 * one.subject.startswith("real")
            rows.append(row)
        return torch.stack(rows)

    monkeypatch.setattr(familiarity, "_features", features)

    def invented(questions, seed):
        return asked([f"made {seed} {i}" for i in range(len(questions))])

    monkeypatch.setattr(familiarity, "made_up_questions", invented)
    monkeypatch.setattr("unfrozen.language.graph.reading.made_up_questions", invented)


@pytest.mark.usefixtures("planted")
def test_what_is_planted_is_learnt(llama):
    learnt = learn_familiarity(llama.lm, asked([f"real {i}" for i in range(300)]))
    assert learnt is not None
    assert int(learnt.weights.abs().argmax()) == 5
    new = asked([f"real and new {i}" for i in range(300)])
    odd = asked([f"odd {i}" for i in range(300)])
    flagged = learnt.log_odds(llama.lm, new) < learnt.threshold
    # One in twenty was wanted; two normals four apart, cut where 5 % of one lie, leave 99 %.
    assert float(flagged.float().mean()) == pytest.approx(0.05, abs=0.03)
    assert float((learnt.log_odds(llama.lm, odd) < learnt.threshold).float().mean()) > 0.95
    graph = ask_graph(llama.lm, [*new[:20], *odd[:20]])
    marked = learnt.mark(llama.lm, graph)
    assert [a.completions for a in marked.answers] == [a.completions for a in graph.answers]
    odds = learnt.log_odds(llama.lm, [a.question for a in graph.answers])
    for answer, one in zip(marked.answers, odds, strict=True):
        assert answer.familiarity == pytest.approx(float(one.sigmoid()), abs=1e-6)
        assert answer.extrapolated == bool(one < learnt.threshold)


@pytest.mark.usefixtures("planted")
def test_a_reading_says_how_far_it_can_be_trusted(llama):
    questions = [*asked([f"real {i}" for i in range(200)]), Question(*_MADE, OBJECTS)]
    told = []
    read = read_graph(llama.lm, questions, model="mine", progress=lambda *n: told.append(n))
    assert read.graph.model == "mine"
    assert [a.question for a in read.graph.answers] == questions
    assert read.separation is not None
    assert read.separation.auroc > 0.97
    assert read.separation.real < 0.15
    assert read.separation.made_up > 0.9
    assert sum(read.separation.n) > 150
    assert read.calibration is not None
    assert read.graph.calibrated
    assert read.reliability is not None
    assert read.familiarity is not None
    # What the model says of random words is right one time in three, and it is told so.
    assert read.reliability.error < 0.2
    assert read.graph.answers[-1].extrapolated
    assert {what for what, *_ in told} == {"Asking"}  # the planted features are read at once
    assert read.to_json()["separation"]["auroc"] == read.separation.auroc


_MADE = ("strange", "capital", "The capital of {} is")


def test_of_few_subjects_nothing_is_learnt(llama):
    read = read_graph(llama.lm, asked(NAMES[:6]))
    assert read.familiarity is None
    assert read.separation is None
    assert read.calibration is None
    assert not read.graph.calibrated
    assert read.graph.answers[0].familiarity is None
    assert read.to_json()["separation"] is None


@pytest.mark.real
def test_made_up_countries_show_as_extrapolated(real):
    from unfrozen.data.sets import relation

    questions = questions_of([relation("country_capital")], most=90)
    names = ["Florbistan", "Zandovia", "Quelmaria", "Brontavia", "Veldania", "Trasmoria"]
    odd = [question_about(n, "country_capital", questions) for n in names]
    known = [question_about(n, "country_capital", questions) for n in ("France", "Japan", "Egypt")]
    seen = [q for q in questions if q not in known]
    learnt = learn_familiarity(real, seen)
    assert learnt is not None
    odds = learnt.log_odds(real, [*known, *odd])
    assert bool((odds[:3] > learnt.threshold).all())
    assert bool((odds[3:] < learnt.threshold).all())
