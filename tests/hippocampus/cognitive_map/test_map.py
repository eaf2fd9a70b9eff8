"""Cognitive maps in worlds whose structure is known exactly, and in what they must do in them."""

import networkx as nx
import pytest
import torch

from unfrozen.errors import MapError
from unfrozen.hippocampus.cognitive_map import CognitiveMap, MapSettings, belief
from unfrozen.hippocampus.tem_t import TemT, TemTSettings
from unfrozen.hippocampus.worlds import WalkSettings, batch, draw_symbols, rectangle, walk

WORLD = rectangle(6)


def exact(width=128):
    """A model that knows squares without having learnt them: opposite actions, opposite angles."""
    settings = TemTSettings(n_actions=4, width=width, positions="rotary", beta=60.0)
    made = TemT(settings, torch.Generator().manual_seed(0))
    east, north = torch.randn(2, width // 2, generator=torch.Generator().manual_seed(1))
    made.positions.angles.data.copy_(torch.stack([east, north, -east, -north]))
    return made


MODEL = exact()


def symbols_of(seed):
    return draw_symbols(batch([WORLD]), 45, torch.Generator().manual_seed(seed))


def walked(places, symbols, steps, seed=0, start=None):
    """Walk, and let the map watch; what it was told where it was."""
    begun = None if start is None else torch.tensor([start])
    path = walk(
        batch([WORLD]), symbols, steps, torch.Generator().manual_seed(seed),
        WalkSettings(0.5), begun,
    )  # fmt: skip
    told = [places.begin(int(path.symbols[0, 0]))]
    for action, symbol in zip(path.actions[0, 1:], path.symbols[0, 1:], strict=True):
        told.append(places.observe(int(action), int(symbol)))
    return path, told


def test_every_place_is_one_place_and_is_known_when_it_is_met_again():
    places = CognitiveMap(MODEL)
    path, told = walked(places, symbols_of(0), 150)
    numbers = {}
    for place, where in zip(path.places[0].tolist(), told, strict=True):
        assert where.known == (place in numbers)
        assert numbers.setdefault(place, where.place) == where.place
    assert len(set(numbers.values())) == len(numbers)
    assert places.n_maps == 1


def test_known_places_are_foreseen_through_steps_never_taken():
    places = CognitiveMap(MODEL)
    symbols = symbols_of(1)
    path, _ = walked(places, symbols, 120)
    here, seen = int(path.places[0, -1]), set(path.places[0].tolist())
    for action, to in enumerate(WORLD.neighbours[here].tolist()):
        if to in seen:
            chances = places.foresee(action)
            assert int(chances.argmax()) == int(symbols[0, to])
            torch.testing.assert_close(chances.sum(), torch.tensor(1.0))
        elif to >= 0:
            assert float(places.foresee(action).max()) == pytest.approx(1 / 45)


def test_routes_are_the_shortest_through_known_places():
    places = CognitiveMap(MODEL)
    symbols = symbols_of(2)
    path, told = walked(places, symbols, 90)
    known = sorted(set(path.places[0].tolist()))
    graph = nx.Graph(WORLD.graph()).subgraph(known)
    here = int(path.places[0, -1])
    real = {where.place: place for where, place in zip(told, path.places[0].tolist(), strict=True)}
    for goal in known:
        symbol = int(symbols[0, goal])
        route = places.route(symbol)
        place = here
        for action, to in zip(route.actions, route.places, strict=True):
            place = int(WORLD.neighbours[place, action])
            assert place == real[to]
        assert int(symbols[0, place]) == symbol
        alike = [p for p in known if int(symbols[0, p]) == symbol]
        shortest = min(nx.shortest_path_length(graph, here, p) for p in alike)
        assert len(route.actions) == shortest
    taken = set(zip(path.places[0, :-1].tolist(), path.actions[0, 1:].tolist(), strict=True))
    far = max((places.route(int(symbols[0, g])) for g in known), key=lambda r: len(r.actions))
    at = [here, *(real[p] for p in far.places)]
    steps = zip(at[:-1], far.actions, strict=True)
    assert far.walked == tuple(step in taken for step in steps)
    assert not all(far.walked)


def test_a_closed_way_is_walked_around():
    places = CognitiveMap(MODEL)
    here = places.begin(0)
    places.observe(0, 1)
    places.observe(1, 2)
    places.observe(2, 3)
    # Back south to where it began is one step, never taken; if that is closed, three.
    assert places.route(0).actions == (3,)
    places.refuse(3)
    assert places.route(0).actions == (0, 3, 2)
    assert places.route(0).places[-1] == here.place
    assert places.observe(3, 0).place == here.place


def test_an_old_world_is_recognised_and_gone_on_with():
    places = CognitiveMap(MODEL)
    maps = []
    for seed in range(5):
        _, told = walked(places, symbols_of(seed), 150, seed)
        maps.append(told[-1].map)
    assert maps == [0, 1, 2, 3, 4]
    before = places.places.n
    path, told = walked(places, symbols_of(2), 8, seed=11, start=14)
    assert told[-1].map == 2
    assert told[-1].decided
    # No place was written twice.
    assert places.places.n - before <= 1
    here = int(path.places[0, -1])
    for action, to in enumerate(WORLD.neighbours[here].tolist()):
        if to >= 0 and float(places.foresee(action).max()) > 0.5:
            assert int(places.foresee(action).argmax()) == int(symbols_of(2)[0, to])
    assert places.n_maps == 5


def test_a_walk_that_is_put_elsewhere_finds_out_that_it_is_lost():
    places = CognitiveMap(MODEL)
    walked(places, symbols_of(0), 150, 0)
    walked(places, symbols_of(1), 150, 1)
    # It is carried into the other world without being told.
    other = walk(
        batch([WORLD]), symbols_of(0), 25, torch.Generator().manual_seed(5), start=torch.tensor([7])
    )
    for action, symbol in zip(other.actions[0, 1:], other.symbols[0, 1:], strict=True):
        where = places.observe(int(action), int(symbol))
    assert where.map == 0
    assert where.decided


def memory(places, which):
    """What a map holds: symbols of its places, and where what was walked leads."""
    of = set(places.places.of(which).tolist())
    symbols = {p: int(places.places.symbols[p]) for p in of}
    return symbols, {k: to for k, to in places.places.edges.items() if k[0] in of}


def test_a_map_is_as_it_was_before_the_walk_was_carried_elsewhere():
    places = CognitiveMap(MODEL)
    walked(places, symbols_of(0), 150, 0)
    walked(places, symbols_of(1), 150, 1)
    before = memory(places, 1)
    other = walk(
        batch([WORLD]), symbols_of(0), 25, torch.Generator().manual_seed(5), start=torch.tensor([7])
    )
    for action, symbol in zip(other.actions[0, 1:], other.symbols[0, 1:], strict=True):
        places.observe(int(action), int(symbol))
    assert places.where.map == 0
    symbols, edges = memory(places, 1)
    # Where it was carried from, steps may look right by chance, but nothing else is written.
    assert symbols == before[0]
    assert before[1].items() <= edges.items()
    assert len(edges) - len(before[1]) <= 2


def test_the_probability_is_that_of_the_world_that_is_told():
    # Two old worlds begin alike: which of them it is, or a new one, is open.
    places = CognitiveMap(MODEL)
    for first in (1, 11):
        places.begin(0)
        for action, symbol in ((0, first), (1, first + 1), (2, first + 2)):
            places.observe(action, symbol)
    where = places.begin(0)
    assert (where.map, where.decided) == (2, False)
    # By hand: a third each before anything is seen; a world of four places begins anywhere.
    old, new = (1 - belief.WRONG) / 3 / 4, 1 / 3 / 45
    assert where.probability == pytest.approx(new / (2 * old + new))


def test_what_was_found_closed_is_kept_when_the_world_is_known_again():
    places = CognitiveMap(MODEL)
    walked(places, symbols_of(0), 150, 0)
    other = walk(
        batch([WORLD]), symbols_of(0), 12, torch.Generator().manual_seed(5), start=torch.tensor([7])
    )
    where = places.begin(int(other.symbols[0, 0]))
    assert not where.decided
    taken = {
        int(a) for at, a in zip(other.places[0], other.actions[0, 1:], strict=False) if at == 7
    }
    action = next(a for a in range(4) if a not in taken)
    places.refuse(action)
    for step, symbol in zip(other.actions[0, 1:], other.symbols[0, 1:], strict=True):
        where = places.observe(int(step), int(symbol))
    assert where.map == 0
    assert len(places.places.blocked) == 1


def test_an_action_that_stays_is_no_neighbour():
    settings = TemTSettings(n_actions=5, width=128, positions="rotary", beta=60.0)
    made = TemT(settings, torch.Generator().manual_seed(0))
    made.positions.angles.data.copy_(torch.cat([MODEL.positions.angles.data, torch.zeros(1, 64)]))
    assert made.spacing() == pytest.approx(MODEL.spacing(), abs=0.05)
    places = CognitiveMap(made)
    places.begin(0)
    for action, symbol in ((0, 1), (4, 1), (1, 2), (2, 3)):
        where = places.observe(action, symbol)
    assert int(places.foresee(3).argmax()) == 0
    assert where.place == 3


def test_a_model_that_learnt_landmarks_is_refused():
    with pytest.raises(MapError, match="landmarks of its own"):
        CognitiveMap(TemT(TemTSettings(n_actions=4, width=8, landmarks=True)))


def test_what_changes_is_seen_anew():
    places = CognitiveMap(MODEL)
    places.begin(0)
    places.observe(0, 1)
    first = places.observe(2, 0)
    changed = places.observe(0, 9)
    assert changed.known
    assert changed.surprise > 3
    assert places.observe(2, 0).place == first.place
    assert int(places.foresee(0).argmax()) == 9


def test_maps_refuse_what_they_cannot_do():
    places = CognitiveMap(MODEL)
    for ask in (lambda: places.where, lambda: places.observe(0, 0), lambda: places.foresee(0)):
        with pytest.raises(MapError, match="begin"):
            ask()
    places.begin(0)
    with pytest.raises(MapError, match="not seen in this world"):
        places.route(5)
    with pytest.raises(MapError, match="below 4"):
        places.observe(4, 0)
    with pytest.raises(MapError, match="below 45"):
        places.begin(45)
    with pytest.raises(MapError, match="below 45"):
        places.observe(0, -1)


def test_the_threshold_can_be_given():
    assert CognitiveMap(MODEL, MapSettings(threshold=0.9)).threshold == 0.9


@torch.no_grad()
def test_places_that_look_right_are_drawn_to_from_as_far_as_is_said():
    code, apart, drawn = MODEL.positions.start(1), MODEL.spacing(), []
    near = float(MODEL.key(code)[0] @ MODEL.key(MODEL.positions.step(code, torch.tensor([0])))[0])
    for draws in (-0.5, 0.12, 0.9):
        places = CognitiveMap(MODEL, MapSettings(threshold=0.99, draws=draws))
        places.begin(0)
        # A step away it is elsewhere, though what is seen is the same.
        drawn.append(places.observe(0, 0).place == 0)
        assert drawn[-1] == (near > apart + draws * (1 - apart))
    assert drawn == [True, False, False]


def test_a_map_that_is_not_plastic_follows_and_writes_nothing():
    places = CognitiveMap(MODEL)
    path, _ = walked(places, symbols_of(0), 150)
    real = dict(
        zip(path.places[0].tolist(), (w.place for w in walked(CognitiveMap(MODEL), symbols_of(0),
                                                             150)[1]), strict=True)
    )  # fmt: skip
    places.plastic = False
    before, n = memory(places, 0), places.places.n
    here = int(path.places[0, -1])
    generator = torch.Generator().manual_seed(7)
    for _ in range(80):
        row = WORLD.neighbours[here]
        open_ = torch.nonzero(row >= 0)[:, 0]
        action = int(open_[torch.randint(len(open_), (1,), generator=generator)])
        here = int(row[action])
        where = places.observe(action, int(symbols_of(0)[0, here]))
        # It knows where it is, and where it does not.
        assert where.place == real.get(here, -1)
        assert where.known == (here in real)
    places.refuse(0)
    assert memory(places, 0) == before
    assert places.places.n == n
    assert not places.places.blocked
    with pytest.raises(MapError, match="new world"):
        places.begin(0)
    # What is wrong is no reason to write either.
    places.observe(0, 44)
    places.observe(2, 44)
    assert memory(places, 0) == before


def test_a_walk_goes_on_from_where_another_had_ended():
    one, other = CognitiveMap(MODEL), CognitiveMap(MODEL)
    symbols = symbols_of(3)
    path, told = walked(one, symbols, 60)
    other.places.restore(one.places.keep())
    for place in range(one.places.n):
        parts = (one.places.codes, one.places.keys, one.places.symbols, one.places.maps)
        codes, keys, seen, maps = (part[place] for part in parts)
        other.places.n = place
        other.places.add(codes, keys, int(seen), int(maps))
    for place in (-1, one.places.n):
        with pytest.raises(MapError, match=f"no place {place} "):
            other.resume(place)
    assert other.resume(told[-1].place) == told[-1]._replace(
        probability=1.0, decided=True, known=True, surprise=0.0
    )
    assert torch.equal(other.code, one.code)
    assert other.n_maps == 1
    here = int(path.places[0, -1])
    for action, to in enumerate(WORLD.neighbours[here].tolist()):
        if to >= 0:
            torch.testing.assert_close(other.foresee(action), one.foresee(action))


def test_a_walk_goes_on_beside_all_places_and_finds_back():
    places = CognitiveMap(MODEL)
    places.begin(0)
    places.observe(0, 1)
    n = places.places.n
    # North of where it is nobody was; south of that it is there again.
    beside = MODEL.positions.step(places.code[None], torch.tensor([1]))[0]
    where = places.resume_beside(beside, 0)
    assert (where.place, where.known) == (-1, False)
    assert torch.equal(places.code, beside)
    assert places.observe(3, 1).place == 1
    assert places.places.n == n
    # Nothing was walked from what is no place.
    assert all(place >= 0 for place, _ in places.places.edges)


def test_the_code_is_moved_by_actions_as_the_model_says():
    places = CognitiveMap(MODEL)
    places.begin(0)
    torch.testing.assert_close(places.code, MODEL.positions.start(1)[0])
    code = MODEL.positions.start(1)
    for symbol, action in enumerate((0, 0, 1, 2), 1):
        places.observe(action, symbol)
        code = MODEL.positions.step(code, torch.tensor([action]))
        torch.testing.assert_close(places.code, code[0])


def test_a_walk_that_is_settled_drops_nothing_of_what_it_wrote():
    places = CognitiveMap(MODEL)
    walked(places, symbols_of(0), 150, 0)
    here = places.where.place
    # Twice it sees what it did not foresee: once more and it would be lost.
    known = [a for a in range(4) if float(places.foresee(a).max()) > 0.5]
    places.observe(known[0], 44)
    assert not places.settled
    places.settle()
    assert places.settled
    assert places.where.decided
    n = places.places.n
    places.observe({0: 2, 1: 3, 2: 0, 3: 1}[known[0]], 44)
    assert places.places.n >= n
    assert places.where.map == 0
    # Who has not decided which world it is in, does so now.
    begun = places.begin(int(places.places.symbols[here]))
    assert (begun.decided, places.settled) == (False, False)
    where = places.settle()
    assert where.decided
    assert where.map == 0
    assert places.n_maps == 1


def test_a_walk_beside_no_place_at_all_is_settled_there():
    places = CognitiveMap(MODEL)
    with pytest.raises(MapError, match="begin"):
        places.settle()
    places.resume_beside(places.code, 2)
    assert (places.settle().map, places.n_maps) == (2, 3)


def test_a_walk_begins_where_places_have_left_gaps():
    places = CognitiveMap(MODEL)
    walked(places, symbols_of(0), 150, 0)
    gap = places.places.add(torch.zeros(128), torch.zeros(128), -1, -1)
    _, told = walked(places, symbols_of(0), 12, seed=11, start=14)
    assert told[-1].map == 0
    with pytest.raises(MapError, match=f"no place {gap} "):
        places.resume(gap)
