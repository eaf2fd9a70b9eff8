"""Worlds against what defines them: lattices, trees, networkx."""

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unfrozen.errors import MapError
from unfrozen.hippocampus.worlds import (
    FAMILIES,
    World,
    batch,
    borders,
    draw_symbols,
    family,
    from_networkx,
    hexagon,
    hierarchy,
    laps,
    line,
    maze,
    named,
    objects,
    rectangle,
    torus,
)
from unfrozen.hippocampus.worlds.grids import object_places

EVERY = sorted(FAMILIES)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def undirected(world):
    return nx.Graph(world.graph())


@pytest.mark.parametrize(
    ("world", "same"),
    [
        (rectangle(5, 4), nx.grid_2d_graph(5, 4)),
        (torus(5, 4), nx.grid_2d_graph(5, 4, periodic=True)),
        (rectangle(4, diagonal=True), nx.strong_product(nx.path_graph(4), nx.path_graph(4))),
        (line(6, reach=1), nx.path_graph(6)),
        (line(6), nx.complete_graph(6)),
        (hierarchy(4, reach=1), nx.strong_product(nx.path_graph(4), nx.path_graph(4))),
    ],
)
def test_lattices_are_those_of_networkx(world, same):
    assert nx.is_isomorphic(undirected(world), same)


@pytest.mark.parametrize(("edge", "places"), [(5, 61), (6, 91), (7, 127)])
def test_hexagons_have_the_published_sizes_and_six_neighbours_inside(edge, places):
    world = hexagon(edge)
    assert world.n_places == places
    assert int((world.neighbours >= 0).sum(1).max()) == 6
    assert world.coordinates is not None
    for place, action in torch.nonzero(world.possible).tolist():
        step = world.coordinates[world.neighbours[place, action]] - world.coordinates[place]
        assert step.norm().item() == pytest.approx(1, abs=1e-5)
        # The same action is the same step everywhere: 60 degrees times its number.
        angle = torch.atan2(step[1], step[0]).item() * 180 / torch.pi % 360
        assert angle == pytest.approx(60 * action, abs=1e-2)


def test_a_family_has_the_relations_that_its_tree_says():
    levels = 4
    world = family(levels)
    tree = nx.balanced_tree(2, levels - 1, create_using=nx.DiGraph)
    assert world.n_places == len(tree)
    parent = {child: one for one, child in tree.edges}
    children = {one: sorted(tree.successors(one)) for one in tree}

    def siblings(one):
        return [c for c in children.get(parent.get(one), []) if c != one]

    for one in tree:
        aunts = siblings(parent[one]) if one in parent else []
        cousins = [c for aunt in aunts for c in children[aunt]]
        nieces = [c for s in siblings(one) for c in children[s]]
        wanted = {
            "parent": [parent[one]] if one in parent else [],
            "grandparent": [parent[parent[one]]] if parent.get(one) in parent else [],
            "sibling": siblings(one),
            "aunt": aunts,
        }
        for name, group in (("child", children[one]), ("niece", nieces), ("cousin", cousins)):
            for k in (1, 2):
                wanted[f"{name} {k}"] = group[k - 1 : k]
        for name, people in wanted.items():
            got = int(world.neighbours[one, world.actions.index(name)])
            assert ([got] if got >= 0 else []) == people, (one, name)


def test_laps_look_alike_until_the_reward():
    world = laps(5, 3)
    symbols = draw_symbols(batch([world]), 45, generator())[0]
    tracks = symbols.reshape(3, 5)
    assert torch.equal(tracks[0], tracks[1])
    assert torch.equal(tracks[0, :-1], tracks[2, :-1])
    assert symbols[-1] == 0
    assert (symbols[:-1] > 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.integers(2, 8), st.floats(0, 1), st.integers(0, 100))
def test_a_maze_is_part_of_its_rectangle_and_every_place_can_be_reached(w, h, openings, seed):
    world = maze(w, h, openings=openings, generator=generator(seed))
    graph, whole = undirected(world), undirected(rectangle(w, h))
    assert nx.is_connected(graph)
    assert set(graph.edges) <= set(whole.edges) | {(b, a) for a, b in whole.edges}
    if openings == 0:
        assert nx.is_tree(graph)
    if openings == 1:
        assert graph.size() == whole.size()
    # A wall is one from both sides.
    for place, action in torch.nonzero(world.possible).tolist():
        assert world.neighbours[world.neighbours[place, action], world.reverse[place, action]] == (
            place
        )


def test_objects_look_the_same_in_every_world_and_nothing_else_looks_like_them():
    world = objects(6, number=3, generator=generator(3))
    places = object_places(world)
    assert len(places) == 3
    for seed in range(3):
        symbols = draw_symbols(batch([world]), 45, generator(seed))[0]
        assert symbols[places].tolist() == [0, 1, 2]
        assert (symbols == 0).sum() == 1


def test_walls_attract():
    world = borders(5, bias=3.0)
    assert world.attraction is not None
    inner = (world.neighbours >= 0).all(1)
    assert (world.attraction[inner] == 1).all()
    assert (world.attraction[~inner] == 3).all()


@pytest.mark.parametrize("name", EVERY)
def test_every_family_draws_worlds_of_its_sizes_that_share_actions(name):
    chosen = named(name)
    g = generator(1)
    drawn = [chosen.draw(g) for _ in range(20)]
    sizes = {chosen.make(size, generator()).n_places for size in chosen.sizes}
    assert {world.n_places for world in drawn} <= sizes
    assert len({world.n_places for world in drawn}) == len(sizes)
    together = batch(drawn)
    assert together.n_places == max(sizes)
    assert len(together) == 20
    for world in drawn:
        assert nx.is_strongly_connected(nx.DiGraph(world.graph()))


@pytest.mark.parametrize("name", [n for n in EVERY if FAMILIES[n].commutes])
def test_where_actions_commute_their_order_does_not_matter(name):
    world = named(name).draw(generator(2))
    table = world.neighbours
    for place in range(world.n_places):
        for a in range(world.n_actions):
            for b in range(a):
                one, other = table[place, a], table[place, b]
                if one >= 0 and other >= 0 and table[one, b] >= 0 and table[other, a] >= 0:
                    assert table[one, b] == table[other, a]


def test_family_trees_do_not_commute():
    world = family(4)
    up, beside = world.actions.index("parent"), world.actions.index("sibling")
    assert (
        world.neighbours[world.neighbours[3, up], beside]
        != (world.neighbours[world.neighbours[3, beside], up])
    )
    assert not FAMILIES["family"].commutes


def test_symbols_are_drawn_uniformly_and_anew_for_every_world():
    worlds = batch([rectangle(10)] * 200)
    symbols = draw_symbols(worlds, 45, generator())
    counts = torch.bincount(symbols.flatten(), minlength=45).double()
    expected = symbols.numel() / 45
    # Chi-square of 44 degrees: 99.9 % lie below 78.7.
    assert ((counts - expected) ** 2 / expected).sum() < 78.7
    assert not torch.equal(symbols[0], symbols[1])


def test_networkx_graphs_become_worlds_and_come_back():
    world = from_networkx(hexagon(3).graph())
    assert torch.equal(world.neighbours[:, :6].sort(1).values, hexagon(3).neighbours.sort(1).values)
    plain = from_networkx(nx.karate_club_graph())
    assert nx.is_isomorphic(undirected(plain), nx.Graph(nx.karate_club_graph()))
    placed = nx.path_graph(3)
    nx.set_node_attributes(placed, {i: (float(i), 0.0) for i in placed}, "pos")
    assert from_networkx(placed).coordinates.tolist() == [[0, 0], [1, 0], [2, 0]]


def test_the_way_back_is_found():
    world = rectangle(3)
    assert world.reverse[4].tolist() == [2, 3, 0, 1]
    assert laps(3, 2).reverse.flatten().tolist() == [-1] * 6


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: rectangle(1), "at least 2 places"),
        (lambda: torus(2), "at least 3 places"),
        (lambda: line(2), "at least 3 ranks"),
        (lambda: line(5, 0), "actions of 1"),
        (lambda: family(1), "at least 2 generations"),
        (lambda: laps(1), "at least 2 places"),
        (lambda: hierarchy(1), "at least 2 ranks"),
        (lambda: maze(3, openings=2.0), "share"),
        (lambda: objects(2, number=5), "do not fit"),
        (lambda: World("w", torch.tensor([[3], [0]]), ("a",)), "outside"),
        (lambda: World("w", torch.tensor([[1], [-1]]), ("a",)), "no way out"),
        (lambda: World("w", torch.tensor([[1], [0]]), ("a", "b")), "actions"),
        (lambda: World("w", torch.tensor([[1], [0]]), ("a",), senses=torch.arange(3)), "senses"),
        (
            lambda: World("w", torch.tensor([[1], [0]]), ("a",), attraction=torch.zeros(2)),
            "above zero",
        ),
        (lambda: batch([]), "at least one"),
        (lambda: batch([rectangle(3), hexagon(3)]), "cannot share a batch"),
        (lambda: draw_symbols(batch([objects(3, number=4)]), 4, generator()), "symbols"),
        (lambda: named("sphere"), "choose from"),
        (lambda: from_networkx(nx.empty_graph(3)), "no world"),
    ],
)
def test_what_is_no_world_is_refused(make, told, unchecked):
    with pytest.raises(MapError, match=told):
        make()


def test_a_graph_whose_actions_are_unclear_is_refused():
    graph = nx.DiGraph([(0, 1), (0, 2), (1, 0), (2, 0)])
    nx.set_edge_attributes(graph, "go", "action")
    with pytest.raises(MapError, match="two places"):
        from_networkx(graph)
    graph = nx.DiGraph([(0, 1), (1, 0)])
    graph.edges[0, 1]["action"] = "go"
    with pytest.raises(MapError, match="name all or none"):
        from_networkx(graph)
