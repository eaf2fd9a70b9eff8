"""Pictures hold what the complex holds, in colours that all can tell apart."""

import networkx as nx
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgb
from matplotlib.path import Path as Outline
from tests.topology.complexes import CUBE, grid
from tests.topology.lifting.drawn import complex_of

from unfrozen.errors import TopologyError
from unfrozen.topology.complex import Complex
from unfrozen.topology.drawing import draw
from unfrozen.topology.drawing.painting import _COLOURS
from unfrozen.topology.drawing.placing import projected
from unfrozen.topology.lifting import balls, rings
from unfrozen.topology.tasks.meshes import torus

CORNERS = torch.tensor(
    [[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]]
)


def named(figure, name):
    return [each for each in figure.axes[0].get_children() if each.get_gid() == name]


def keys(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def note(figure):
    return [text.get_text() for text in figure.axes[0].texts if text.get_text().startswith("Drawn")]


def names(figure):
    return [t.get_text() for t in figure.axes[0].texts if not t.get_text().startswith("Drawn")]


def test_rings_are_polygons_in_cyclic_order_by_size(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    molecule = nx.cycle_graph(6)
    nx.add_cycle(molecule, [0, 1, 6, 7, 8])
    complex_ = rings(complex_of(molecule), 6)
    figure = draw(complex_)
    filled, outlines = named(figure, "polygons")
    assert keys(figure) == ["pentagons (1)", "hexagons (1)"]
    assert figure.axes[0].get_title() == "9 nodes, 10 of rank 1, 2 of rank 2"
    (nodes,) = named(figure, "nodes")
    spots = np.asarray(nodes.get_offsets())
    paths = sorted(filled.get_paths(), key=lambda path: len(path.vertices))
    for path, ring in zip(paths, (complex_.cells(2)[0], complex_.cells(2)[1]), strict=True):
        corners = path.vertices[:-1]
        # Each a little within its place, and so near to it.
        away = np.linalg.norm(corners - spots[ring], axis=1)
        assert (away < 0.2).all()
        assert (
            not Outline(spots[ring])
            .contains_points(corners + 10 * (corners - corners.mean(0)))
            .any()
        )
    fills = {to_hex(colour) for colour in filled.get_facecolor()}
    assert fills == {_COLOURS[2], _COLOURS[3]}
    assert ((filled.get_facecolor()[:, 3] > 0.05) & (filled.get_facecolor()[:, 3] < 0.5)).all()
    assert len(outlines.get_paths()) == 2
    (edges,) = named(figure, "edges")
    ends = {frozenset(map(tuple, segment)) for segment in edges.get_segments()}
    assert ends == {frozenset((tuple(spots[a]), tuple(spots[b]))) for a, b in molecule.edges}
    assert names(figure) == list("012345678")
    assert not figure.axes[0].axison
    assert not list(tmp_path.iterdir())


def test_other_sets_are_hulls_around_their_nodes_and_no_more():
    path = complex_of(nx.path_graph(7))
    figure = draw(balls(path))
    complex_ = balls(path)
    (nodes,) = named(figure, "nodes")
    spots = np.asarray(nodes.get_offsets())
    fills = [patch for patch in named(figure, "hulls") if patch.get_fill()]
    assert len(fills) == complex_.n_cells(2)
    wanted = sorted(sorted(complex_.cells(2)[i].tolist()) for i in range(complex_.n_cells(2)))
    inside = [np.flatnonzero(Outline(p.get_xy()).contains_points(spots)).tolist() for p in fills]
    assert sorted(inside) == wanted
    assert keys(figure) == ["sets of rank 2, each in a colour (5)"]
    assert {to_hex(p.get_facecolor()) for p in fills} <= set(_COLOURS)


def test_hypergraphs_and_complexes_without_edges_are_drawn():
    lines = [[i, (i + 1) % 7, (i + 3) % 7] for i in range(7)]
    for rank in (1, 2, 5):
        figure = draw(Complex({rank: lines}))
        assert len(named(figure, "hulls")) == 2 * 7
        assert keys(figure) == [f"sets of rank {rank}, each in a colour (7)"]
    lone = draw(Complex({}, n_nodes=5))
    (nodes,) = named(lone, "nodes")
    assert len(np.unique(np.asarray(nodes.get_offsets()), axis=0)) == 5
    assert not keys(lone)
    assert len(named(draw(Complex({}, n_nodes=1)), "nodes")) == 1


def test_a_surface_is_seen_from_the_back_to_the_front():
    view = (20.0, 30.0)
    figure = draw(CUBE, CORNERS, view=view)
    seen = projected(CORNERS.double().numpy(), view)
    (faces,) = named(figure, "polygons")
    depths = []
    for path in faces.get_paths():
        (which,) = [
            cell
            for cell in (CUBE.cells(2)[i] for i in range(6))
            if np.allclose(path.vertices[:-1], seen.places[cell])
        ]
        depths.append(seen.depth[which].mean())
    assert len(depths) == 6
    assert depths == sorted(depths)
    # Sides are lit otherwise, and all are shades of the one colour.
    shades = np.unique(faces.get_facecolor()[:, :3].round(6), axis=0)
    assert len(shades) == 3
    blue = np.array(to_rgb(_COLOURS[1]))
    assert all(np.corrcoef(shade, blue)[0, 1] > 0.95 for shade in shades)
    # Its edges are those of its polygons, and nodes would hide it.
    assert not named(figure, "edges")
    (nodes,) = named(figure, "nodes")
    assert len(nodes.get_offsets()) == 0
    assert not names(figure)
    assert keys(figure) == ["squares (6)"]


def test_what_is_on_no_polygon_of_a_surface_is_drawn_too():
    more = Complex(
        {1: [*([CUBE.cells(1)[i].tolist() for i in range(12)]), [0, 8]], 2: CUBE.cells(2)}
    )
    figure = draw(more, torch.cat([CORNERS, torch.tensor([[2.0, 2.0, 2.0]])]), named=True)
    (edges,) = named(figure, "edges")
    assert len(edges.get_segments()) == 1
    (nodes,) = named(figure, "nodes")
    assert len(nodes.get_offsets()) == 1
    assert names(figure) == ["8"]


def test_sets_on_a_surface_are_colours_of_its_polygons():
    pieces = CUBE.with_cells(3, [[0, 1, 2, 3, 4, 5]])
    figure = draw(pieces, CORNERS)
    (faces,) = named(figure, "polygons")
    assert not named(figure, "hulls")
    grey = [np.ptp(colour[:3]) < 1e-6 for colour in faces.get_facecolor()]
    # Two of the six lie in the piece: the one below and the one ahead.
    assert sum(grey) == 4
    assert keys(figure) == ["sets of rank 3, each in a colour (1)"]


def test_places_in_the_plane_have_axes():
    square = Complex({1: [[0, 1], [1, 2], [2, 3], [3, 0]], 2: [[0, 1, 2, 3]]})
    flat = torch.tensor([[0.0, 0], [3, 0], [3, 2], [0, 2]])
    upright = torch.stack([flat[:, 0], torch.full((4,), 0.1), flat[:, 1]], 1)
    for places, axes in ((flat, ("x", "y")), (upright, ("x", "z"))):
        figure = draw(square, places)
        assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == axes
        assert figure.axes[0].axison
        (nodes,) = named(figure, "nodes")
        assert np.asarray(nodes.get_offsets()) == pytest.approx(flat.numpy())


def test_names_are_as_they_are_and_where_they_are_wanted():
    graph = complex_of(nx.path_graph(3))
    assert names(draw(graph, labels=["$a$", "Ben_1", "ç"])) == ["$a$", "Ben_1", "ç"]
    assert not names(draw(graph, named=False))
    many = complex_of(nx.path_graph(41))
    assert not names(draw(many))
    assert len(names(draw(many, named=True))) == 41
    assert draw(graph, title="$x$ of $").axes[0].get_title() == "$x$ of $"


def test_of_very_many_nodes_some_are_drawn_and_a_note_says_so():
    figure = draw(complex_of(nx.path_graph(5_000)))
    (nodes,) = named(figure, "nodes")
    assert len(nodes.get_offsets()) == 600
    assert note(figure) == ["Drawn: the 600 of 5,000 nodes around one with most neighbours."]


def test_of_very_many_cells_some_are_drawn_and_a_note_says_so():
    whole = grid(10, 8)
    places = torch.rand(80, 2, generator=torch.Generator().manual_seed(0))
    figure = draw(whole, places, most=100)
    (edges,) = named(figure, "edges")
    assert len(edges.get_segments()) == 80
    assert len(named(figure, "polygons")[0].get_paths()) == 80
    assert note(figure) == [
        "Drawn: 80 of 160 polygons, evenly spaced; 80 of 240 edges, evenly spaced."
    ]
    hulls = draw(Complex({2: [[i, i + 1, i + 2] for i in range(0, 162, 2)]}))
    assert len(named(hulls, "hulls")) == 2 * 27
    assert note(hulls) == ["Drawn: 27 of 81 sets, evenly spaced."]


def test_a_surface_of_very_many_polygons_is_made_of_dots():
    surface = torus(12, 8)
    places = torch.from_numpy(surface.vertices)
    figure = draw(surface.complex(geometry=False), places, most=100)
    (dots,) = named(figure, "polygons")
    assert len(dots.get_offsets()) == len(surface.faces) == 192
    assert note(figure) == ["Drawn: 192 polygons as dots."]
    seen = projected(surface.vertices)
    middles = np.sort(seen.places[surface.faces].mean(1), axis=0)
    assert np.sort(np.asarray(dots.get_offsets()), axis=0) == pytest.approx(middles)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"positions": torch.zeros(3, 2)}, "not two or three numbers for each of 4"),
        ({"positions": torch.zeros(4, 4)}, "not two or three numbers"),
        ({"positions": torch.zeros(4)}, "not two or three numbers"),
        ({"positions": torch.full((4, 2), torch.nan)}, "finite"),
        ({"labels": ["a"]}, "1 labels are not one for each of 4 nodes"),
    ],
)
def test_what_does_not_fit_is_refused(more, told):
    with pytest.raises(TopologyError, match=told):
        draw(complex_of(nx.path_graph(4)), **more)


def test_nodes_that_are_all_at_one_place_are_drawn():
    figure = draw(complex_of(nx.path_graph(4)), torch.ones(4, 3))
    (nodes,) = named(figure, "nodes")
    assert len(nodes.get_offsets()) == 4
    figure.canvas.draw()
