"""A life that is written down: gone on with, taken back in parts, and damaged."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.agent.conftest import SETTINGS
from tests.agent.states import differences, state

from unfrozen.agent import Agent
from unfrozen.agent.living.explaining import lived_again
from unfrozen.agent.living.folder import LifeFolder
from unfrozen.agent.living.life import LifeSettings, Lived
from unfrozen.errors import AgentError, UnfrozenError, WorldError
from unfrozen.workspace import Workspace
from unfrozen.workspace.log import Entry
from unfrozen.world.environments.town.changes import ScheduleSettings
from unfrozen.world.environments.town.given import move
from unfrozen.world.environments.town.plan import TownSettings


def copied(life: LifeFolder, path: Path) -> LifeFolder:
    shutil.copytree(life.path, path)
    return LifeFolder.open(path)


def told(lived: Lived) -> Lived:
    return dataclasses.replace(lived, seconds=0.0)


def files(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*")
            if p.is_file() and p.name != ".lock"}  # fmt: skip


def read(path: Path) -> None:
    """All that is written down of a life."""
    life = LifeFolder.open(path)
    life.childhood()
    list(life.errands())


def test_a_life_that_was_stopped_goes_on_as_though_it_had_not_been(
    life: LifeFolder, tmp_path: Path
) -> None:
    part = LifeFolder.create(tmp_path / "part", SETTINGS)
    for errands in (1, 4):
        list(part.live(errands))
    # Stopped when an errand was lived, but nothing of it kept.
    running = part.live()
    next(running)
    running.close()
    part = LifeFolder.open(tmp_path / "part")
    list(part.live(6))
    assert list(map(told, part.errands())) == list(map(told, life.errands()))
    assert differences(part.agent(), life.agent()) == []
    for number in range(life.done):
        mine, theirs = (one.errand(number)["moments"] for one in (part, life))
        for moment in (*mine, *theirs):
            moment["seconds"] = 0.0
        assert mine == theirs


def test_an_errand_without_its_experience_is_lived_again(
    life: LifeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = LifeFolder.create(tmp_path / "part", SETTINGS)
    list(part.live(3))
    commit = LifeFolder._commit

    def refuse(self: LifeFolder, *args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LifeFolder, "_commit", refuse)
    with pytest.raises(KeyboardInterrupt):
        list(part.live(1))
    monkeypatch.setattr(LifeFolder, "_commit", commit)
    assert part.done == 3
    with pytest.raises(AgentError, match="errands 0 to 2, not 3"):
        part.errand(3)
    (again,) = part.live(1)
    assert told(again) == told(list(life.errands())[3])


def test_a_childhood_that_was_cut_off_is_lived_again(
    life: LifeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = LifeFolder.create(tmp_path / "part", SETTINGS)
    observe, count = Agent.observe, [0]

    def interrupted(self: Agent, *args: object) -> None:
        count[0] += 1
        if count[0] == 20:
            raise KeyboardInterrupt
        observe(self, *args)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Agent, "observe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(part.live(1))
    monkeypatch.setattr(Agent, "observe", observe)
    assert part.done == 0
    assert list(part.errands()) == []
    list(part.live(1))
    assert part.childhood() == life.childhood()


def test_an_agent_is_found_again_as_it_was_before_each_errand(life: LifeFolder) -> None:
    times = [0] * life.done
    for number in range(life.done):
        agent = life.agent_before(number)
        times[number] = agent.time
        assert agent.time == life.errand(number)["moments"][0]["time"]
    assert times == sorted(set(times))
    assert times[0] == life.childhood()["steps"]
    last = life.errand(life.done - 1)["moments"][-1]
    assert life.agent().time == last["time"] + 1


def test_every_decision_is_found_by_its_time(life: LifeFolder) -> None:
    for number in range(life.done):
        for moment in life.errand(number)["moments"][::4]:
            assert life.moment(moment["time"]) == (number, moment)
    first = life.childhood()["steps"]
    for time in (-1, 0, first - 1, life.agent().time):
        with pytest.raises(AgentError, match=f"nothing was decided at {time}: .* from {first} to"):
            life.moment(time)


def test_the_last_experience_taken_back_leaves_where_it_is_and_no_number_twice(
    life: LifeFolder, tmp_path: Path
) -> None:
    part = copied(life, tmp_path / "part")
    whole = part.agent()
    part.workspace.revert(f"errand {part.done - 1}")
    without = part.agent()
    # It is where it is, at the time it is, though it has forgotten how it came there.
    assert (without.time, without.chart.place) == (whole.time, whole.chart.place)
    list(part.live(2))
    assert part.done == 14
    taken = set[int]()
    for change in part.experiences():
        for name in ("facts", "steps", "habits"):
            ids = change.payload.get(f"{name}.ids")
            mine = {(name, i) for i in ids.tolist()} if ids is not None else set()
            assert not mine & taken
            taken |= mine
    times = [m["time"] for k in range(part.done) for m in part.errand(k)["moments"]]
    assert times == list(range(times[0], times[0] + len(times)))
    for k in range(part.done):
        assert part.moment(part.errand(k)["moments"][0]["time"])[0] == k
    # Brought back, it is there beside what was lived since.
    part.workspace.restore("errand 11")
    back = state(part.agent())
    for name in ("facts", "steps", "habits"):
        assert set(state(without)[name]["ids"]) <= set(back[name]["ids"]) | {
            i for c in part.experiences()
            for i in c.payload.get(f"{name}.forgotten", torch.tensor([])).tolist()
        }  # fmt: skip


def test_what_was_lived_without_an_experience_is_lived_again_without_it(
    life: LifeFolder, tmp_path: Path
) -> None:
    part = copied(life, tmp_path / "part")
    for number in range(12):
        part.workspace.revert(f"errand {number}")
    list(part.live(2))
    for number in range(12):
        part.workspace.restore(f"errand {number}")
    # Before the reverts with them, after the reverts without them, whatever is so now.
    assert differences(part.agent_before(11), life.agent_before(11)) == []
    assert len(part.agent_before(12).habits.slots) == 0
    for number in (11, 12, 13):
        moments = part.errand(number)["moments"]
        for moment in (moments[0], moments[-1]):
            decision = lived_again(part, moment["time"]).decide()
            assert (decision.action, decision.mode) == (moment["action"], moment["mode"])


def test_a_life_is_lived_by_one_at_a_time(life: LifeFolder, tmp_path: Path) -> None:
    part = copied(life, tmp_path / "part")
    running = part.live(3)
    next(running)
    before = files(part.path)
    with pytest.raises(AgentError, match="being lived by another run"):
        next(LifeFolder.open(part.path).live(1))
    assert files(part.path) == before
    running.close()
    assert next(LifeFolder.open(part.path).live(1)).number == 13


def test_a_frozen_life_that_is_nowhere_goes_on(frozen: LifeFolder, tmp_path: Path) -> None:
    assert frozen.agent().chart.place == -1
    one = LifeFolder.create(tmp_path / "one", frozen.settings, ())
    at_once = list(one.live(frozen.done + 2))
    part = copied(frozen, tmp_path / "part")
    list(part.live(2))
    assert list(map(told, part.errands())) == list(map(told, at_once))
    assert differences(part.agent(), one.agent()) == []


def test_a_life_ends_with_its_schedule(tmp_path: Path) -> None:
    few = LifeSettings(childhood=5, horizon=5, schedule=ScheduleSettings(changes=1, every=1))
    life = LifeFolder.create(tmp_path / "few", few)
    assert len(list(life.live(99))) == 2
    assert list(life.live(1)) == []
    assert LifeFolder.open(tmp_path / "few").settings == few
    assert life.done == 2


def test_nothing_is_made_where_a_life_cannot_be(tmp_path: Path) -> None:
    folder = tmp_path / "life"
    with pytest.raises(AgentError, match="no faculty 'smell'"):
        LifeFolder.create(folder, SETTINGS, ("smell",))
    with pytest.raises(WorldError):
        LifeFolder.create(folder, LifeSettings(town=TownSettings(rooms=6)))
    assert not folder.exists()
    folder.mkdir()
    (folder / "mine").write_text("here")
    for path in (folder, folder / "mine"):
        with pytest.raises(AgentError, match="in use"):
            LifeFolder.create(path)
    assert files(folder) == {"mine": b"here"}
    with pytest.raises(AgentError, match="the folder of a life"):
        LifeFolder.open(folder)


def test_what_was_not_lived_cannot_be_asked_for(life: LifeFolder, tmp_path: Path) -> None:
    for number in (-1, life.done):
        for ask in (life.errand, life.agent_before):
            with pytest.raises(AgentError, match=f"errands 0 to {life.done - 1}, not {number}"):
                ask(number)
    new = LifeFolder.create(tmp_path / "new")
    for ask in (new.errand, new.agent_before, new.moment):
        with pytest.raises(AgentError, match="unfrozen agent run"):
            ask(0)
    with pytest.raises(AgentError, match="cannot be read"):
        new.childhood()
    assert new.agent().time == 0


DAMAGES: list[tuple[str, Callable[[str], str], str]] = [
    ("life.json", lambda text: text[:-20], "damaged"),
    ("life.json", lambda text: "[]", "holds no record"),
    ("life.json", lambda text: text.replace('"format": 1', '"format": 9'), "format 1"),
    ("life.json", lambda text: text.replace('"seed"', '"sed"'), "cannot be read as a life"),
    ("life.json", lambda text: text.replace('"facts"', '"fats"'), "no faculty 'fats'"),
    ("life.json", lambda text: text.replace('"every": 5', '"every": 0'), "a life has errands"),
    ("errands/0003.json", lambda text: text[: len(text) // 2], "0003.json is damaged"),
    ("errands/0003.json", lambda text: "{}", "0003.json is damaged: it lacks asked, bytes"),
    ("errands/0003.json", lambda text: text.replace('"moments"', '"m"'), "it lacks moments"),
    ("childhood.json", lambda text: "{}", "childhood.json is damaged: it lacks cells"),
]


@pytest.mark.parametrize(("name", "damage", "message"), DAMAGES)
def test_a_damaged_life_is_told_of(
    life: LifeFolder, tmp_path: Path, name: str, damage: Callable[[str], str], message: str
) -> None:
    shutil.copytree(life.path, tmp_path / "part")
    file = tmp_path / "part" / name
    file.write_text(damage(file.read_text()))
    with pytest.raises(UnfrozenError, match=message):
        read(tmp_path / "part")


def test_missing_and_altered_files_are_told_of(life: LifeFolder, tmp_path: Path) -> None:
    part = copied(life, tmp_path / "part")
    (part.path / "errands" / "0003.json").unlink()
    with pytest.raises(AgentError, match=r"0003.json cannot be read"):
        list(part.errands())
    stored = sorted((part.path / "workspace" / "changes").iterdir())[0]
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    before = files(part.path)
    with pytest.raises(UnfrozenError, match="damaged"):
        list(part.live(1))
    assert files(part.path) == before


def test_an_errand_of_another_life_is_not_counted(life: LifeFolder, tmp_path: Path) -> None:
    part, other = copied(life, tmp_path / "part"), LifeFolder.create(tmp_path / "other", SETTINGS)
    list(other.live(1))
    foreign = other.workspace.change("errand 0")
    part.workspace.commit(foreign)
    for ask in (lambda: part.done, part.agent, lambda: list(part.live(1))):
        with pytest.raises(AgentError, match=r"entry 14 \(errand 0\) of .* is not of this life"):
            ask()


def test_the_log_is_read_once_however_many_errands_are(
    life: LifeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, counts = Workspace.log, [0]

    def counted(self: Workspace) -> list[Entry]:
        counts[0] += 1
        return read(self)

    monkeypatch.setattr(Workspace, "log", counted)
    for ask in (
        lambda: list(life.errands()),
        lambda: life.moment(life.childhood()["steps"] + 30),
        lambda: life.errand(7),
    ):
        counts[0] = 0
        ask()
        assert counts == [1]


def test_all_of_a_life_is_told_in_plain_json(life: LifeFolder) -> None:
    def finite(text: str) -> float:
        raise AssertionError(text)

    for file in life.path.rglob("*.json"):
        assert json.loads(file.read_text(), parse_constant=finite)


def test_a_change_that_was_given_is_lived_and_found_again(life: LifeFolder, tmp_path: Path) -> None:
    part = copied(life, tmp_path / "part")
    done, world = part.done, life.settings.world
    state_ = world.schedule.states[world.schedule.phase(done)]
    lived_in = {room for one in world.schedule.states for room in one.persons}
    place = world.town.names[min(set(range(len(world.town.rooms))) - lived_in)]
    change = move(world.town, state_, done, "baker", place, told=True)
    other = part.give(change)
    assert LifeFolder.open(part.path) == other
    list(other.live(2))
    assert f"the baker has moved to the {place}" in other.errand(done)["told"].lower()
    assert list(other.errands())[:done] == list(life.errands())
    time = other.errand(done)["moments"][0]["time"]
    assert lived_again(other, time).time == time
    with pytest.raises(AgentError, match="was lived: change what comes after"):
        other.give(change)


def test_childhood_is_watched_step_by_step(tmp_path: Path) -> None:
    few = LifeSettings(childhood=5, horizon=5)
    life = LifeFolder.create(tmp_path / "few", few)
    seen = []
    list(life.live(1, watch_child=lambda _, moment: seen.append(moment.step)))
    assert seen == list(range(life.childhood()["steps"]))
