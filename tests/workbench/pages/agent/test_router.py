"""The page Agent: lives against the town itself, changes that are felt, and their records."""

import shutil
import time
from itertools import pairwise

import numpy as np
import pytest

from unfrozen.agent.living.folder import LifeFolder
from unfrozen.agent.living.life import LifeSettings
from unfrozen.world.environments.town.changes import ScheduleSettings

URL = "/api/agent/lives/life"


@pytest.fixture
def life(page):
    """A short life that has begun."""
    begun = page.post("/api/agent/lives", {"name": "life", "seed": 0, "changes": 2})
    assert begun.status_code == 200, begun.text
    page.post(f"{URL}/pace", {"delay": 0})
    return begun.json()


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The same life, after two errands."""
    path = tmp_path_factory.mktemp("lives") / "life"
    settings = LifeSettings(schedule=ScheduleSettings(changes=2))
    list(LifeFolder.create(path, settings).live(2))
    return path


@pytest.fixture
def grown(page, home, kept):
    """A life of two errands in the workbench's folder."""
    shutil.copytree(kept, home / "life")
    page.post(f"{URL}/pace", {"delay": 0})


def until(ask, holds):
    for _ in range(2000):
        if holds(found := ask()):
            return found
        time.sleep(0.01)
    raise AssertionError(found)


def test_steps_are_those_of_the_town(page, life, home):
    assert page.done(f"{URL}/run", {"errands": 3}) == {"done": 3, "lived": 3}
    stream = page.get(f"{URL}/steps").json()
    steps, table = stream["steps"], LifeFolder.open(home / "life").settings.world.table
    assert [one["number"] for one in steps] == list(range(len(steps)))
    assert stream["last"] == len(steps) - 1
    assert {one["errand"] for one in steps} == {-1, 0, 1, 2}
    for one, then in pairwise(steps):
        assert then["cell"] == table[0, one["cell"], one["action"]]
        assert then["bumped"] == (then["cell"] == one["cell"] and then["step"] > 0)
    # In childhood everything is new; told facts are written as the first errand begins.
    assert all(one["setting"] == "explore" for one in steps if one["errand"] < 0)
    assert sum("map" in one["learnt"] for one in steps if one["errand"] < 0) > 50
    assert {one["mode"] for one in steps} <= {"plan", "habit", "random"}
    planned = next(one for one in steps if one["plan"])
    total = sum(term["amount"] for term in planned["plan"]["terms"])
    assert planned["plan"]["energy"] == pytest.approx(total, abs=0.01)
    # The last errand, from its file.
    kept = page.get(f"{URL}/errands/2").json()
    lived = [one for one in steps if one["errand"] == 2]
    for field in ("time", "cell", "action", "mode", "plan", "cites", "goal"):
        assert [one[field] for one in kept] == [one[field] for one in lived]


def test_the_town_is_told_as_it_is_and_not_what_is_to_come(page, grown, home):
    told, world = page.get(URL).json(), LifeFolder.open(home / "life").settings.world
    assert len(told["phases"]) == 1
    assert told["changes"] == []
    assert (len(told["errands"]), told["total"]) == (2, len(world.schedule.errands))
    assert told["phases"][0]["persons"] == world.persons[0].tolist()
    for cell, bits in enumerate(told["phases"][0]["exits"]):
        assert [bool(bits >> a & 1) for a in range(4)] == world.exits[0, cell].tolist()
    for room, (name, cell) in zip(
        told["rooms"], zip(world.town.names, world.town.rooms.tolist(), strict=True), strict=True
    ):
        assert (room["name"], room["cell"]) == (name, cell)
        assert room["doors"] == np.flatnonzero(world.town.doors[cell]).tolist()


def test_it_waits_takes_one_step_is_stopped_and_goes_on(page, grown):
    page.post(f"{URL}/pace", {"delay": 0.02})
    job = page.post(f"{URL}/run", {"errands": 2}).json()["id"]
    assert page.post(f"{URL}/run", {"errands": 2}).json()["id"] == job
    until(lambda: page.get(f"{URL}/steps").json()["last"], lambda last: last > 3)
    page.post(f"{URL}/pace", {"paused": True})
    time.sleep(0.1)
    last = page.get(f"{URL}/steps").json()["last"]
    time.sleep(0.15)
    assert page.get(f"{URL}/steps").json()["last"] == last
    page.post(f"{URL}/pace", {"step": True})
    until(lambda: page.get(f"{URL}/steps").json()["last"], lambda now: now == last + 1)
    time.sleep(0.1)
    assert page.get(f"{URL}/steps").json()["last"] == last + 1
    page.post(f"/api/jobs/{job}/stop")
    assert page.follow(job)["status"] == "stopped"
    assert page.get(f"{URL}/steps").json()["job"] is None
    page.post(f"{URL}/pace", {"delay": 0})
    assert page.done(f"{URL}/run", {"errands": 1})["done"] == 3


def empty(told):
    """A room where nobody lives."""
    lived = told["phases"][-1]["persons"]
    return next(room for room in told["rooms"] if room["cell"] not in lived)


def test_what_is_changed_happens_and_is_felt(page, grown):
    told = page.get(URL).json()
    place, person = empty(told), told["persons"][0]
    asked = {"kind": "move", "person": person, "place": place["name"], "told": True}
    assert page.post(f"{URL}/change", asked).json()["waiting"] == []
    page.done(f"{URL}/run", {"errands": 1})
    after = page.get(URL).json()
    assert after["phases"][-1]["persons"][0] == place["cell"]
    assert [one["given"] for one in after["changes"]] == [True]
    assert f"The {person} has moved to the {place['name']}" in after["errands"][2]["told"]
    assert "lives at the" in page.refused(page.post(f"{URL}/change", {**asked, "person": "fisher"}))


def test_what_is_changed_while_it_lives_waits_for_the_next_errand(page, grown):
    page.post(f"{URL}/pace", {"delay": 0.02})
    job = page.post(f"{URL}/run", {"errands": 2}).json()["id"]
    page.post(f"{URL}/pace", {"paused": True})
    told = page.get(URL).json()
    room = next(one for one in told["rooms"] if len(one["doors"]) > 1)
    locked = [action for cell, action in told["phases"][-1]["locked"] if cell == room["cell"]]
    door = next(action for action in room["doors"] if action not in locked)
    asked = {"kind": "lock", "place": room["name"], "door": door}
    waits = page.post(f"{URL}/change", asked).json()["waiting"]
    assert waits == [f"the doors of the {room['name']} change"]
    page.post(f"{URL}/pace", {"paused": False, "delay": 0})
    assert page.follow(job)["status"] == "done"
    after = page.get(URL).json()
    assert [room["cell"], door] in after["phases"][-1]["locked"]
    assert [one["at"] for one in after["changes"] if one["given"]] == [3]
    assert len(after["errands"]) == 4


def test_a_step_is_explained(page, grown):
    step = page.get(f"{URL}/errands/1").json()[0]
    found = page.done(f"{URL}/why", {"time": step["time"]})
    assert found["time"] == step["time"]
    assert found["asked"] == page.get(URL).json()["errands"][1]["asked"]
    direction = ("east", "north", "west", "south")[step["action"]]
    assert found["decision"].startswith(direction)
    failed = page.job(f"{URL}/why", {"time": 10**6})
    assert "nothing was decided at" in failed["error"]


def test_what_cannot_be_is_told_in_one_line(page, life):
    assert page.get("/api/agent/lives").json() == ["life"]
    again = page.post("/api/agent/lives", {"name": "life"})
    assert "is in use" in page.refused(again)
    assert "cannot be read" in page.refused(page.get("/api/agent/lives/nobody"))
    assert "no name here" in page.refused(page.post("/api/agent/lives", {"name": "../out"}))
    assert "folder of its own" in page.refused(page.post("/api/agent/lives", {"name": "."}))
    bad = {"kind": "lock", "place": "castle", "door": 0}
    assert "no castle" in page.refused(page.post(f"{URL}/change", bad))
