"""The page Map: walks against the world itself, the map against the library."""

import pytest
import torch

from unfrozen.hippocampus.cells.maps import consistency
from unfrozen.hippocampus.cognitive_map import CognitiveMap
from unfrozen.hippocampus.tem_t import trained
from unfrozen.hippocampus.worlds import batch, draw_symbols, named, rectangle
from unfrozen.hippocampus.worlds import walk as walk_of
from unfrozen.workbench.pages.map.schemas import WorldIn
from unfrozen.workbench.pages.map.walking import drawn

SQUARE = {"family": "grid", "size": 4, "seed": 3}
EAST, NORTH, WEST, SOUTH = range(4)


def new(page, **asked):
    response = page.post("/api/map/walks", asked or SQUARE)
    assert response.status_code == 200, response.text
    return response.json()


def step(page, walk, action):
    response = page.post(f"/api/map/walks/{walk['id']}/step", {"action": action})
    assert response.status_code == 200, response.text
    return response.json()


def test_a_step_leads_where_a_square_leads_and_shows_what_is_there(page):
    walk = new(page)
    symbols = drawn(WorldIn(**SQUARE))[1]
    for action in (EAST, NORTH, WEST, SOUTH, EAST, EAST, EAST, EAST, NORTH, NORTH):
        x, y = walk["here"] % 4, walk["here"] // 4
        dx, dy = ((1, 0), (0, 1), (-1, 0), (0, -1))[action]
        inside = 0 <= x + dx < 4 and 0 <= y + dy < 4
        walk = step(page, walk, action)
        assert walk["here"] == (x + dx + 4 * (y + dy) if inside else x + 4 * y)
        last = walk["steps"][-1]
        assert (last["moved"], last["symbol"]) == (inside, symbols[walk["here"]])
        assert walk["places"][walk["here"]]["symbol"] == symbols[walk["here"]]
    unseen = [one for one in walk["places"] if one["symbol"] is None]
    assert len(unseen) == 16 - len({(one["x"], one["y"]) for one in walk["drawn"]})


def test_the_last_side_of_a_square_is_foreseen_though_it_was_never_walked(page):
    walk = new(page)
    x, y = walk["here"] % 4, walk["here"] // 4
    first, then = (EAST if x < 3 else WEST), (NORTH if y < 3 else SOUTH)
    began = walk["places"][walk["here"]]["symbol"]
    for action in (first, then, (first + 2) % 4):
        walk = step(page, walk, action)
    ahead = walk["ahead"][(then + 2) % 4]
    assert ahead["foreseen"]["symbol"] == began
    walk = step(page, walk, (then + 2) % 4)
    assert walk["steps"][-1]["right"] is True
    assert walk["belief"] == {**walk["belief"], "known": True, "right": True}
    # The map is laid out by steps: four corners of a square around where it is.
    corners = {(one["x"], one["y"]) for one in walk["drawn"]}
    assert len(corners) == 4
    assert {abs(x) + abs(y) for x, y in corners} == {0, 1, 2}


def test_what_is_foreseen_is_what_the_library_foresees(page):
    walk = new(page, family="grid", size=3, seed=1)
    generator = torch.Generator().manual_seed(1)
    torch.randint(4, (), generator=generator)  # the size that is not drawn
    symbols = draw_symbols(batch([rectangle(3)]), 45, generator)[0].tolist()
    places, at = CognitiveMap(trained("grid")), walk["here"]
    places.begin(symbols[at])
    world = rectangle(3)
    for action in (EAST, WEST, WEST, EAST, NORTH, SOUTH, SOUTH, NORTH):
        to = int(world.neighbours[at, action])
        walk = step(page, walk, action)
        if to < 0:
            places.refuse(action)
            continue
        expected = places.foresee(action)
        where = places.observe(action, symbols[to])
        at = to
        guess = walk["steps"][-1]["guesses"][0]
        assert guess["chance"] == pytest.approx(float(expected.max()), abs=1e-4)
        assert (walk["belief"]["place"], walk["belief"]["known"]) == (where.place, where.known)
        assert walk["code"] == pytest.approx(places.code.tolist(), abs=1e-3)


def test_a_way_is_walked_to_its_symbol(page):
    walk = new(page)
    page.done(f"/api/map/walks/{walk['id']}/wander", {"steps": 60})
    walk = page.get(f"/api/map/walks/{walk['id']}").json()
    assert walk["count"] == 61
    assert walk["foreseen"] > 0.6 * walk["visited"]
    seen = {one["symbol"] for one in walk["drawn"]} - {walk["places"][walk["here"]]["symbol"]}
    symbol = max(seen)
    route = page.post(f"/api/map/walks/{walk['id']}/route", {"symbol": symbol}).json()
    assert len(route["actions"]) == len(route["names"]) == len(route["walked"]) > 0
    for action in route["actions"]:
        walk = step(page, walk, action)
    assert walk["places"][walk["here"]]["symbol"] == symbol


def test_a_known_world_is_known_again_elsewhere(page):
    walk = new(page)
    page.done(f"/api/map/walks/{walk['id']}/wander", {"steps": 80})
    number = page.get(f"/api/map/walks/{walk['id']}").json()["belief"]["map"]
    begun = page.post(f"/api/map/walks/{walk['id']}/begin").json()
    assert begun["steps"][-1]["action"] == ""
    page.done(f"/api/map/walks/{walk['id']}/wander", {"steps": 25})
    walk = page.get(f"/api/map/walks/{walk['id']}").json()
    assert walk["belief"]["map"] == number
    assert (walk["belief"]["decided"], walk["belief"]["right"]) == (True, True)


@pytest.mark.parametrize("family", ["hexagonal", "line", "maze", "objects", "borders"])
def test_every_family_is_walked(page, family):
    walk = new(page, family=family, size=4)
    action = next(i for i, one in enumerate(walk["ahead"]) if one["possible"])
    before, way = walk["places"][walk["here"]], walk["ahead"][action]
    after = step(page, walk, action)
    there = after["places"][after["here"]]
    assert (there["x"], there["y"]) == pytest.approx(
        (before["x"] + way["dx"], before["y"] + way["dy"]), abs=2e-3
    )


def test_rate_maps_are_the_librarys_and_vary(page):
    walk = new(page)
    found = page.done(f"/api/map/walks/{walk['id']}/cells", {"steps": 300, "units": 5})
    assert (found["steps"], len(found["units"]), len(found["places"])) == (300, 5, 16)
    assert len({one["unit"] for one in found["units"]}) == 5
    model, world = trained("grid"), rectangle(4)
    generator = torch.Generator().manual_seed(SQUARE["seed"] + 2)
    symbols = torch.tensor([drawn(WorldIn(**SQUARE))[1]])
    path = walk_of(batch([world]), symbols, 300, generator, named("grid").walk)
    codes = [model.positions.start(1)]
    for action in path.actions[0, 1:]:
        codes.append(model.positions.step(codes[-1], action[None]))
    activity = torch.cat(codes).detach()
    share = consistency(activity, path.places[0], 16)
    assert (found["explained"], found["of"]) == (int((share > 0.5).sum()), len(share))
    for one in found["units"]:
        assert one["consistency"] == pytest.approx(float(share[one["unit"]]), abs=1e-3)
        for place, rate in enumerate(one["rates"]):
            mean = activity[path.places[0] == place, one["unit"]].mean()
            assert rate == pytest.approx(float(mean), abs=1e-3)


def test_a_second_tab_sees_the_walk_that_was_begun_last(page):
    first = page.get("/api/map/walks/last").json()
    assert first["count"] == 1
    other = new(page)
    assert page.get("/api/map/walks/last").json()["id"] == other["id"] == first["id"] + 1


def test_what_makes_no_sense_is_told_in_one_line(page):
    walk = new(page)
    refused = page.post(f"/api/map/walks/{walk['id']}/step", {"action": 9})
    assert "actions 0 to 3, not 9" in page.refused(refused)
    unseen = next(s for s in range(45) if s not in {one["symbol"] for one in walk["drawn"]})
    refused = page.post(f"/api/map/walks/{walk['id']}/route", {"symbol": unseen})
    assert "was not seen in this world" in page.refused(refused)
    assert "walk 99" in page.refused(page.get("/api/map/walks/99"))
    assert "sizes 3 to 8" in page.refused(
        page.post("/api/map/walks", {"family": "line", "size": 12})
    )
    assert "family" in page.refused(page.post("/api/map/walks", {"family": "torus"}))
