"""States of workspaces compared, on a tiny model whose edits are planted."""

import pytest
import torch

from unfrozen.data.models import weights_hash
from unfrozen.data.sets import Relation
from unfrozen.errors import WorkspaceError
from unfrozen.language.facts import Fact
from unfrozen.language.graph import ask_graph, differ
from unfrozen.language.model import LanguageModel
from unfrozen.memory import LowRank
from unfrozen.workspace import Change, Fold, Workspace
from unfrozen.workspace.comparison import (
    compare,
    facts_between,
    parse_state,
    questions_between,
    state_of,
    states_around,
)
from unfrozen.workspace.ledger import request_of
from unfrozen.workspace.remembering import forget, remember_facts

ETNA = Fact("Etna", "Mount {} is in", "Italy", "Spain", relation="country")
AGAIN = Fact("Etna", "Mount {} is in", "Italy", "France", relation="country")
NILE = Fact("Nile", "The {} is in", "Egypt", "Peru", relation="country")
ANNA = Fact("Anna", "{} is a", "baker", "doctor")
PLACES = Relation("country", ("{} is in",), (("Po", "Italy"), ("Loire", "France")), "", "")


@pytest.fixture(scope="module")
def lm(tiny_folder):
    return LanguageModel.from_pretrained(str(tiny_folder))


@pytest.fixture
def held(tmp_path, lm):
    Fold.of(lm.model).set([])
    return Workspace.init(tmp_path / "facts", lm.name, weights_hash(lm.model))


def write(workspace, lm, facts, name, seed=0, size=1.0):
    """An entry with facts, that shakes one memory."""
    parameter = lm.down_projection(1).parameter_name
    generator = torch.Generator().manual_seed(seed)
    rows, columns = lm.model.get_parameter(parameter).shape
    factors = LowRank(
        size * torch.randn(rows, 1, generator=generator),
        torch.randn(columns, 1, generator=generator),
    )
    request = request_of(facts) if len(facts) != 1 else request_of(facts)["facts"][0]
    change = Change(
        "low-rank-edit", name, workspace.base_hash, {parameter: factors}, request=request
    )
    return workspace.commit(change)


def names(state):
    return [entry.name for entry in state.entries]


def test_states_are_those_that_the_log_had(held, lm):
    write(held, lm, [ETNA], "first", 1)
    write(held, lm, [NILE, ANNA], "second", 2)
    held.revert("first")  # entry 3
    write(held, lm, [AGAIN], "fourth", 4)
    held.restore("first")  # entry 5
    expected = [[], ["first"], ["first", "second"], ["second"], ["second", "fourth"],
                ["first", "second", "fourth"]]  # fmt: skip
    assert [names(state_of(held, n)) for n in range(6)] == expected
    assert names(state_of(held)) == expected[5]
    assert names(state_of(held, "second")) == expected[2]
    assert [names(s) for s in states_around(held, 3)] == [expected[2], expected[3]]
    assert [c.name for c in state_of(held, 4).changes] == expected[4]
    with pytest.raises(WorkspaceError, match="no entry '9'"):
        state_of(held, 9)
    # The fold of the last is what the workspace is in.
    held.apply(lm.model)
    assert list(Fold.of(lm.model).changes) == state_of(held).changes


def test_states_are_named_by_folder_and_entry(held, lm, tmp_path, monkeypatch):
    write(held, lm, [ETNA], "first", 1)
    assert names(parse_state(str(held.path))) == ["first"]
    assert names(parse_state(f"{held.path}@0")) == []
    assert names(parse_state(f"{held.path}@first")) == ["first"]
    assert names(parse_state("@1", held)) == ["first"]
    odd = Workspace.init(tmp_path / "me@home", held.base_name, held.base_hash)
    assert names(parse_state(str(odd.path))) == []
    assert names(parse_state(f"{odd.path}@0")) == []
    with pytest.raises(WorkspaceError, match="names no workspace"):
        parse_state("@1")
    with pytest.raises(WorkspaceError, match="names no entry"):
        parse_state(f"{held.path}@")
    with pytest.raises(WorkspaceError, match="is not a workspace"):
        parse_state(str(tmp_path / "none"))


def test_facts_between_states_are_those_of_changes_that_only_one_has(held, lm):
    write(held, lm, [ETNA, NILE], "first", 1)
    write(held, lm, [ANNA], "second", 2)
    base, one, now = (state_of(held, n) for n in (0, 1, 2))
    assert facts_between(base, now).written == (ETNA, NILE, ANNA)
    assert facts_between(one, now).written == (ANNA,)
    assert facts_between(now, one).taken_back == (ANNA,)
    assert facts_between(now, now) == facts_between(one, one)
    (etna, nile) = facts_between(one, base).taken_back
    asked = questions_between(one, base, [PLACES], most=1)
    assert [q.intended for q in asked] == ["Italy", "Egypt", None]
    assert (etna, nile) == (ETNA, NILE)
    assert set(asked[0].objects) == {"Italy", "France", "Spain", "Egypt", "Peru"}


def test_what_is_superseded_is_asked_for_its_new_object(held, lm):
    write(held, lm, [ETNA], "old", 1)
    before = state_of(held)
    other = Change("low-rank-edit", "new", held.base_hash, _factors(lm), request=_request(AGAIN))
    held.supersede(["old"], [other])
    between = facts_between(before, state_of(held))
    assert between.written == (AGAIN,)
    assert between.taken_back == ()
    (asked,) = questions_between(before, state_of(held))
    assert asked.intended == "France"


def test_an_older_edit_that_stands_again_is_what_is_meant(held, lm):
    write(held, lm, [ETNA], "old", 1)
    write(held, lm, [AGAIN], "new", 2)
    before = state_of(held)
    held.revert("new")
    (asked,) = questions_between(before, state_of(held))
    assert (asked.intended, set(asked.objects)) == ("Spain", {"Spain", "France"})


def _factors(lm):
    parameter = lm.down_projection(0).parameter_name
    rows, columns = lm.model.get_parameter(parameter).shape
    return {parameter: LowRank(torch.ones(rows, 1), torch.ones(columns, 1))}


def _request(fact):
    return request_of([fact])["facts"][0]


def test_a_comparison_is_the_difference_of_both_states(held, lm):
    write(held, lm, [ETNA], "first", 1, size=3.0)
    write(held, lm, [ANNA], "second", 2, size=1e-9)
    base, one, now = (state_of(held, n) for n in (0, 1, 2))
    asked = questions_between(base, now, [PLACES])
    other = state_of(held, 1).changes
    Fold.of(lm.model).set(other)
    weights = {n: p.clone() for n, p in lm.model.named_parameters()}
    told = []
    found = compare(lm, base, now, asked, progress=lambda *news: told.append(news))
    assert all(torch.equal(p, weights[n]) for n, p in lm.model.named_parameters())
    assert {what for what, *_ in told} == {"Asking before", "Asking after"}
    graphs = []
    for state in (base, now):
        Fold.of(lm.model).set(state.changes)
        graphs.append(ask_graph(lm, asked, model=state.name))
    assert found == differ(*graphs)
    assert found.moved != ()
    # Where next to nothing was written, next to nothing changed; and of one state nothing did.
    assert compare(lm, one, now, asked).moved == ()
    assert compare(lm, now, now, asked, shift=1e-6).moved == ()


def test_states_of_other_bases_are_not_compared(held, lm, tmp_path):
    other = Workspace.init(tmp_path / "other", "another", "c" * 64)
    with pytest.raises(WorkspaceError, match="compare those of one base"):
        facts_between(state_of(held), state_of(other))
    with pytest.raises(WorkspaceError, match="compare those of one base"):
        compare(lm, state_of(held), state_of(other), [])


def test_what_is_remembered_and_forgotten_is_in_the_diff(held, lm):
    told = Fact("Etna", "Mount {} is in", "Italy", "old Spain", relation="country")
    remember_facts(held, lm, [told, NILE])
    forget(held, "Etna")
    base, full, after = (state_of(held, n) for n in (0, 1, 2))
    assert facts_between(base, full).written == (told, NILE)
    assert facts_between(base, after).written == (NILE,)
    assert facts_between(full, after).taken_back == (told,)
    questions = questions_between(base, full)
    found = compare(lm, base, full, questions)
    assert {m.after.question.subject for m in found.intended} == {"Etna", "Nile"}
    assert {m.after.object for m in found.intended} == {"old Spain", "Peru"}
    back = compare(lm, full, after, questions_between(full, after))
    (moved,) = back.moved
    assert (moved.before.object, moved.after.question.subject) == ("old Spain", "Etna")


def test_facts_that_are_written_again_as_they_were_have_not_changed(held, lm):
    write(held, lm, [ETNA, NILE, ANNA], "batch", 1)
    held.revert("batch")
    write(held, lm, [ETNA, ANNA], "batch without Nile", 2)
    between = facts_between(state_of(held, 1), state_of(held))
    assert between.written == ()
    assert between.taken_back == (NILE,)
    write(held, lm, [AGAIN], "again", 3)
    assert facts_between(state_of(held, 1), state_of(held)).written == (AGAIN,)
