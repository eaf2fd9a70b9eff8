"""Explanations against lives that are lived again without what is cited."""

import copy
import json
import shutil
from pathlib import Path

import pytest
from tests.agent.states import state

from unfrozen.agent.experience import experience, mark
from unfrozen.agent.living.explaining import (
    HELD,
    TAKEN_BACK,
    differ,
    explain,
    forget,
    lived_again,
    name_of,
    told_option,
)
from unfrozen.agent.living.folder import LifeFolder
from unfrozen.agent.planning import Option
from unfrozen.errors import AgentError, MemoryShapeError
from unfrozen.workspace import Change
from unfrozen.workspace.kinds import EXPERIENCE
from unfrozen.world.costs import Attribution, Source


def moments(life: LifeFolder) -> list[dict]:
    return [moment for number in range(life.done) for moment in life.errand(number)["moments"]]


def test_a_life_lived_again_decides_as_it_did(life: LifeFolder) -> None:
    for number in range(0, life.done, 3):
        moment = life.errand(number)["moments"][-1]
        agent = lived_again(life, moment["time"])
        assert agent.time == moment["time"]
        assert agent.chart.place == moment["place"]
        decision = agent.decide()
        assert (decision.action, decision.mode) == (moment["action"], moment["mode"])
        assert [list(cite) for cite in decision.cites] == moment["cites"]


def test_what_would_be_done_otherwise_is_what_is_done_without_the_slots(life: LifeFolder) -> None:
    cited = [moment for moment in moments(life) if moment["cites"]]
    assert {moment["mode"] for moment in cited} == {"plan", "habit"}
    modes = {moment["mode"]: moment for moment in cited}
    for moment in (cited[0], cited[len(cited) // 2], *modes.values()):
        found = explain(life, moment["time"])
        assert [[slot.kind, slot.id] for slot in found.slots] == moment["cites"]
        assert found.decision.action == moment["action"]
        assert found.without is not None
        agent = lived_again(life, moment["time"])
        forget(agent, found.decision.cites)
        # Not even a plan that was made with them is kept.
        without = agent.decide()
        assert without.action == found.without.action
        assert found.matters == differ(found.decision, found.without)
        for kind, which in found.without.cites:
            assert (kind, which) not in found.decision.cites


def test_an_older_fact_is_believed_without_the_later_one_even_on_the_way(
    life: LifeFolder,
) -> None:
    # On the way to somebody, it is told that they were elsewhere, and that they are back.
    moment = next(
        m for number in range(life.done)
        for m in life.errand(number)["moments"]
        if m["goal"]["kind"] == "person" and m["wanted"] == "person" and m["at"] > 0
        and any(kind == "fact" for kind, _ in m["cites"])
    )  # fmt: skip
    agent = lived_again(life, moment["time"])
    name, senses = moment["goal"]["name"], agent.senses
    believed = agent.facts.ask(name, "is at", senses.places).name
    other = next(p for p in senses.places if p not in (believed, agent.percept.name))
    assert believed is not None
    agent.facts.hold(name, "is at", other, time=agent.time)
    agent.facts.hold(name, "is at", believed, time=agent.time)
    before = agent.decide()
    assert before.goal.name == name
    forget(agent, before.cites)
    assert agent.facts.ask(name, "is at", senses.places).name == other
    after = agent.decide()
    assert after.plan is not None
    assert agent.chart.find(senses.sight(other)) == (after.plan.places[-1],)
    assert differ(before, after)


def test_slots_are_told_in_words_by_the_experience_that_wrote_them(life: LifeFolder) -> None:
    kinds = dict[str, dict]()
    for moment in moments(life):
        for kind, _ in moment["cites"]:
            kinds.setdefault(kind, moment)
    assert {"fact", "habit"} <= set(kinds)
    written = {change.name: change.payload for change in life.experiences()}
    world = life.settings.make().tables.lives[0]
    for kind, moment in kinds.items():
        slot = next(s for s in explain(life, moment["time"]).slots if s.kind == kind)
        name = {"fact": "facts", "memory": "steps", "habit": "habits"}[kind]
        assert slot.id in written[slot.entry][f"{name}.ids"].tolist()
        assert slot.time <= moment["time"]
        if kind == "fact" and slot.entry in ("childhood", "errand 0"):
            # As it was told: "the miller is at the garden", "iron is sold by the smith".
            told = [s.strip() for s in world.told[0].lower().split(".") if s]
            subject, _, place = slot.told.partition(" is ")
            if place.startswith("at"):
                assert f"{subject} is {place}" in told
        if kind == "memory":
            assert slot.told.endswith(" is shut")


def test_what_was_taken_back_since_is_still_named_by_what_wrote_it(
    life: LifeFolder, tmp_path: Path
) -> None:
    moment = next(m for m in moments(life) if m["cites"])
    entry = explain(life, moment["time"]).slots[0].entry
    shutil.copytree(life.path, tmp_path / "part")
    part = LifeFolder.open(tmp_path / "part")
    part.workspace.revert(entry)
    assert explain(part, moment["time"]).slots[0].entry == entry


def test_what_became_of_slots_since_stands_beside_them(life: LifeFolder, tmp_path: Path) -> None:
    time = next(m for m in moments(life) if m["cites"])["time"]
    then = explain(life, time)
    assert then.taken_back == ()
    assert {slot.since for slot in then.slots} == {HELD}
    shutil.copytree(life.path, tmp_path / "part")
    part = LifeFolder.open(tmp_path / "part")
    part.workspace.revert(then.slots[0].entry)
    now = explain(part, time)
    assert now.taken_back == (then.slots[0].entry,)
    assert now.slots[0].since == TAKEN_BACK
    # What was decided then is what was decided then.
    assert now.decision.action == then.decision.action
    part.workspace.restore(then.slots[0].entry)
    assert explain(part, time).taken_back == ()


def test_slots_that_were_forgotten_since_are_told_by_who_forgot_them(
    life: LifeFolder, tmp_path: Path
) -> None:
    shutil.copytree(life.path, tmp_path / "part")
    part = LifeFolder.open(tmp_path / "part")
    moment = next(m for m in moments(part) if "fact" in dict(m["cites"]))
    which = next(i for kind, i in moment["cites"] if kind == "fact")
    agent = part.agent()
    since = mark(agent)
    agent.facts.slots.forget(which)
    change = Change(
        EXPERIENCE, f"errand {part.done}", part.workspace.base_hash, experience(agent, since)
    )
    part.workspace.commit(change)
    slot = next(s for s in explain(part, moment["time"]).slots if (s.kind, s.id) == ("fact", which))
    assert slot.since == f"forgotten by errand {part.done - 1}"


def test_steps_of_childhood_are_explained(life: LifeFolder) -> None:
    steps = life.childhood()["steps"]
    lived = [(agent.time, of.decision) for agent, _, of in life.childhood_again()]
    assert [time for time, _ in lived] == list(range(steps))
    cited = next((time for time, one in lived if one.cites), steps - 1)
    for time in (0, 20, cited):
        found = explain(life, time)
        assert found.errand is None
        assert found.decision.action == lived[time][1].action
        assert found.decision.goal.kind == "explore"
        assert {slot.entry for slot in found.slots} <= {"childhood"}
        assert [(s.kind, s.id) for s in found.slots] == list(lived[time][1].cites)


def test_explaining_alters_nothing(life: LifeFolder) -> None:
    before = state(life.agent())
    files = {p: p.read_bytes() for p in life.path.rglob("*") if p.is_file()}
    explain(life, moments(life)[5]["time"])
    assert state(life.agent()) == before
    assert {p: p.read_bytes() for p in life.path.rglob("*") if p.is_file()} == files


def test_one_who_is_nowhere_explains_itself(frozen: LifeFolder) -> None:
    lost = [moment for moment in moments(frozen) if moment["place"] < 0]
    assert lost
    found = explain(frozen, lost[-1]["time"])
    assert found.place == "somewhere"
    assert found.decision.mode == "random"
    assert (found.slots, found.without, found.matters) == ((), None, False)


def test_a_life_of_another_version_is_not_explained(life: LifeFolder, tmp_path: Path) -> None:
    shutil.copytree(life.path, tmp_path / "part")
    file = tmp_path / "part" / "errands" / "0002.json"
    told = json.loads(file.read_text())
    told["moments"][0]["action"] = (told["moments"][0]["action"] + 1) % 4
    file.write_text(json.dumps(told))
    with pytest.raises(AgentError, match="another version"):
        explain(LifeFolder.open(tmp_path / "part"), told["moments"][-1]["time"])


def test_forgetting_takes_these_slots_and_no_others(life: LifeFolder) -> None:
    agent = life.agent()
    before, bare = state(agent), copy.deepcopy(agent)
    fact, habit = before["facts"]["ids"][2], before["habits"]["ids"][0]
    forget(bare, (("fact", fact), ("habit", habit)))
    after = state(bare)
    assert set(before["facts"]["ids"]) - set(after["facts"]["ids"]) == {fact}
    assert set(before["habits"]["ids"]) - set(after["habits"]["ids"]) == {habit}
    assert after["steps"] == before["steps"]
    with pytest.raises(MemoryShapeError):
        forget(bare, (("fact", fact),))


def test_places_are_named_by_their_rooms(life: LifeFolder) -> None:
    agent = life.agent()
    world = life.settings.make().tables.lives[0]
    for name in world.town.names:
        (place,) = agent.chart.find(agent.senses.sight(name))
        assert name_of(agent, place) == f"the {name}"
    street = int((agent.chart.map.places.symbols < 8).nonzero()[0])
    assert name_of(agent, street) == f"street {street}"
    assert name_of(agent, -1) == "somewhere"


def test_options_are_told_by_what_they_cost() -> None:
    terms = (
        Attribution("effort", 4.0, (Source("step", "steps", 4.0),)),
        Attribution("memory", 0.25, (Source("memory", 3, 0.25),)),
    )
    assert told_option(Option(0, 4.25, terms)) == "4.25 = effort 4 + memory 0.25"
    assert told_option(Option(0, float("inf"), (), (3,))) == "shut, says memory 3"
    assert told_option(Option(0, float("inf"), ())) == "leads nowhere that is known"
