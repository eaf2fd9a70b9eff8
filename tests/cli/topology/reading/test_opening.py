"""Complexes from files of all kinds, and files of no kind."""

import json
import shutil
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import trimesh
import xgi
from tests.cli.typed import refused

from unfrozen.cli.topology.reading import SourceArgument, open_complex
from unfrozen.errors import DataError, TopologyError
from unfrozen.topology.examples import EXAMPLES
from unfrozen.topology.statistics import measure

BALL = trimesh.creation.icosphere(1)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def opened(name, text=None):
    """A file with this in it, opened: the complex, labels, features by name, notes."""
    if text is not None:
        Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    found = open_complex(str(name))
    made = found.stored.complex
    features = {
        (rank, column): made.features[rank][:, at].tolist()
        for rank, names in found.stored.columns.items()
        for at, column in enumerate(names)
    }
    return made, found.stored.labels, features, found.notes


def edges(made):
    return [tuple(made.cells(1)[i].tolist()) for i in range(made.n_cells(1))]


# Betti numbers that are known of each; those of graphs are parts, and edges beyond a forest.
BETTI = {
    "torus": (1, 2, 1), "sphere": (1, 0, 1), "trefoil": (1, 2, 1), "creature": (1, 2, 1),
    "moebius": (1, 1, 0), "petersen": (1, 6), "dodecahedron": (1, 11), "karate": (1, 45),
    "fano": (None, None),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_what_they_are_said_to_be(name):
    found = open_complex(name).stored
    assert measure(found.complex).betti == BETTI[name]
    assert (found.places is not None) == (len(BETTI[name]) == 3)
    assert name in SourceArgument.__metadata__[0].help


def test_molecules_are_there_by_number():
    made, labels, features, notes = opened("MUTAG:0")
    assert (made.n_nodes, made.n_cells(1)) == (17, 19)
    assert labels is None
    assert np.sum(list(features.values()), axis=0).tolist() == [1] * 17
    assert not notes


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("e.csv", "a,b,2\nb,c,0.5\n"),
        ("e.csv", "\ufeffsource,target,weight\n# a comment\n\na, b, 2\r\nb,\"c\",0.5\n"),
        ("e.csv", "a;b;2\nb;c;0.5\n"),
        ("e.tsv", "name one\tname two\tweight\na\tb\t2\nb\tc\t0.5\n"),
        ("e.txt", "% of a collection\na b 2\nb   c\t0.5"),
        ("e.txt", "a,b,2\nb,c,0.5\n"),
        ("E.TXT", "a b 2\nb c 0.5\n"),
    ],
)  # fmt: skip
def test_lists_of_edges_are_read_however_they_are_written(name, text):
    made, labels, features, notes = opened(name, text)
    assert edges(made) == [(0, 1), (1, 2)]
    assert labels == ("a", "b", "c")
    assert features == {(1, "weight"): [2.0, 0.5]}
    named = "name" in text or "source" in text
    assert len(notes) == named


def test_numbers_are_nodes_in_their_order():
    made, labels, features, notes = opened("e.txt", "10 2\n2 0\n0 1\n")
    assert labels == ("0", "1", "2", "10")
    assert edges(made) == [(3, 2), (2, 0), (0, 1)]
    assert not features
    assert not notes
    assert opened("n.txt", "0 1\n1 2")[1] is None
    # A first line of words is an edge if the others are of words, too.
    assert opened("w.txt", "anna ben\nben carl")[0].n_cells(1) == 2


def test_what_a_complex_does_not_keep_is_told():
    made, _, features, notes = opened("e.csv", "a,b,1,x\nb,a,1,y\nc,c,1,z\nb,c,2,w\n")
    assert edges(made) == [(0, 1), (1, 2)]
    assert list(features.values()) == [[1.0, 2.0]]
    assert notes == (
        "left out: 1 column that are no numbers", "left out: 1 loop, 1 edge given before",
    )  # fmt: skip
    lone = opened("l.txt", "a a")
    assert (lone[0].n_nodes, lone[0].ranks) == (1, (0,))


@pytest.mark.parametrize("kind", ["graphml", "gml", "g6"])
def test_graphs_of_networkx_are_as_they_were(kind):
    graph = nx.florentine_families_graph()
    if kind == "g6":
        graph = nx.convert_node_labels_to_integers(graph)
        nx.write_graph6(graph, "g.g6")
    else:
        for at, node in enumerate(graph):
            graph.nodes[node].update(x=float(at), y=2, colour="red")
        for at, edge in enumerate(graph.edges):
            graph.edges[edge]["since"] = 1400 + at
        getattr(nx, f"write_{kind}")(graph, f"g.{kind}")
    made, labels, features, notes = opened(f"g.{kind}")
    names = list(graph) if labels is None else labels
    assert {frozenset((names[a], names[b])) for a, b in edges(made)} == set(
        map(frozenset, graph.edges)
    )
    if kind != "g6":
        assert features[0, "x"] == list(range(15))
        assert features[0, "y"] == [2.0] * 15
        back = {frozenset((names[a], names[b])): at for at, (a, b) in enumerate(edges(made))}
        for a, b, since in graph.edges.data("since"):
            assert features[1, "since"][back[frozenset((a, b))]] == since
        assert notes == ("left out: attributes that are no numbers of single precision, 'colour'",)
        assert open_complex(f"g.{kind}").stored.places.shape == (15, 2)


def test_directions_loops_and_parallel_edges_are_left_out_and_told():
    graph = nx.MultiDiGraph([("a", "b"), ("b", "a"), ("a", "b"), ("c", "c")])
    graph.add_edge("b", "c", when=1_700_000_001)
    nx.write_graphml(graph, "g.graphml")
    made, labels, features, notes = opened("g.graphml")
    assert [(labels[a], labels[b]) for a, b in edges(made)] == [("a", "b"), ("b", "c")]
    assert not features
    assert notes == (
        "left out: directions", "left out: 1 loop, 2 edges given before",
        "left out: attributes that are no numbers of single precision, 'when'",
    )  # fmt: skip
    Path("n.gml").write_text("graph [ node [ id 7 ] node [ id 9 ] edge [ source 7 target 9 ] ]")
    assert opened("n.gml")[1] == ("7", "9")


def test_of_a_file_of_graphs_one_is_named():
    with Path("g.g6").open("wb") as file:
        for n in (3, 4, 5):
            nx.write_graph6(nx.cycle_graph(n), "one.g6")
            file.write(Path("one.g6").read_bytes().removeprefix(b">>graph6<<"))
    assert [opened(f"g.g6:{i}")[0].n_cells(1) for i in range(3)] == [3, 4, 5]
    for name, told in (("g.g6", "3 graphs: name one"), ("g.g6:3", "graphs 0 to 2, and no 3")):
        with pytest.raises(TopologyError, match=told):
            open_complex(name)


@pytest.mark.parametrize("kind", ["obj", "off", "ply", "stl", "stl_ascii"])
def test_meshes_are_as_they_were(kind):
    BALL.export(f"ball.{kind[:3]}", file_type=kind)
    made, labels, features, notes = opened(f"ball.{kind[:3]}")
    assert (made.n_nodes, made.n_cells(1), made.n_cells(2)) == (42, 120, 80)
    assert (labels, notes) == (None, ())
    places = np.stack([features[0, axis] for axis in "xyz"], 1)

    def triangles(points, faces):
        return sorted(sorted(map(tuple, points[face].round(4).tolist())) for face in faces)

    faces = made.cells(2).members.reshape(-1, 3)
    assert triangles(places, faces) == triangles(BALL.vertices, BALL.faces)
    if kind[:3] != "stl":
        assert places == pytest.approx(BALL.vertices, abs=1e-5)
    # They still go round as they did: outward.
    a, b, c = (places[faces[:, i]] for i in range(3))
    assert ((np.cross(b - a, c - a) * a).sum(1) > 0).all()
    assert measure(made).betti == (1, 0, 1)


def test_seams_and_faults_of_meshes_are_mended_and_told():
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nv 1 0 0\nf 1 2 3\nf 5 4 3\nf 3 2 1\nf 2 5 4\n"
    made, _, _, notes = opened("m.obj", text)
    assert (made.n_nodes, made.n_cells(1), made.n_cells(2)) == (4, 5, 2)
    assert notes == (
        "joined: 1 corner at the place of others", "left out: 1 triangle with a corner twice",
        "left out: 1 triangle given before",
    )  # fmt: skip
    quad = opened("q.off", "OFF\n4 1 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n")[0]
    assert quad.n_cells(2) == 2


@pytest.mark.parametrize("form", ["hif", "former"])
def test_hypergraphs_of_xgi_are_as_they_were(form):
    given = xgi.Hypergraph()
    given.add_nodes_from(["a", "b", "c", "d", "lone"], age=3)
    given.add_edge(["a", "b", "c"], weight=3.5, place="here")
    given.add_edge(["c", "d"], weight=2, place="there")
    given.add_edge(["d"], weight=1, place="there")
    if form == "hif":
        xgi.write_hif(given, "h.json")
    else:
        Path("h.json").write_text(json.dumps(xgi.to_hypergraph_dict(given)))
    made, labels, features, notes = opened("h.json")
    rows = [made.cells(1)[i].tolist() for i in range(2)]
    assert [{labels[i] for i in row} for row in rows] == [{"a", "b", "c"}, {"c", "d"}]
    assert set(labels) == {"a", "b", "c", "d", "lone"}
    assert features == {(0, "age"): [3.0] * 5, (1, "weight"): [3.5, 2.0]}
    assert notes == (
        "left out: attributes that are no numbers of single precision, 'place'",
        "left out: 1 edge of one node or of the nodes of another",
    )


def test_ranks_simplices_and_directions_of_hypergraphs():
    ranked = xgi.Hypergraph()
    ranked.add_edge([0, 1], rank=1)
    ranked.add_edge([0, 1, 2], rank=4)
    xgi.write_hif(ranked, "r.json")
    assert opened("r.json")[0].ranks == (0, 1, 4)
    xgi.write_hif(xgi.SimplicialComplex([[0, 1, 2]]), "s.json")
    made = opened("s.json")[0]
    assert [made.n_cells(rank) for rank in made.ranks] == [3, 3, 1]
    xgi.write_hif(xgi.DiHypergraph([[{0, 1}, {2}]]), "d.json")
    made, _, _, notes = opened("d.json")
    assert (made.n_cells(1), notes) == (1, ("left out: directions",))


def tu(folder, **more):
    Path(folder).mkdir()
    texts = {
        "A": "1, 2\n2, 1\n2, 3\n3, 2\n4, 5\n5, 4\n4, 4\n", "graph_indicator": "1\n1\n1\n2\n2\n",
        "graph_labels": "1\n-1\n", "node_labels": "0\n1\n0\n1\n1\n",
    }  # fmt: skip
    for name, text in {**texts, **more}.items():
        if text is not None:
            (Path(folder) / f"{Path(folder).name}_{name}.txt").write_text(text)


def test_folders_of_graphs_are_read_by_number():
    tu("SET")
    made, _, features, notes = opened("SET:0")
    assert edges(made) == [(0, 1), (1, 2)]
    assert features == {(0, "kind 0"): [1.0, 0.0, 1.0], (0, "kind 1"): [0.0, 1.0, 0.0]}
    assert not notes
    assert opened("SET:1")[3] == ("left out: 1 loop",)
    tu("PLAIN", node_labels=None)
    assert opened("PLAIN:0")[0].n_nodes == 3
    for name, told in (("SET", "set of 2 graphs: name one"), ("SET:2", "0 to 1, and no 2")):
        with pytest.raises(TopologyError, match=told):
            open_complex(name)
    tu("GONE", A=None)
    tu("CUT", A="1, 2\n2")
    tu("MIXED", graph_indicator="1\n2\n1\n2\n2\n")
    for name in ("GONE:0", "CUT:0", "MIXED:0"):
        with pytest.raises(DataError, match=name[:-2]):
            open_complex(name)


@pytest.mark.usefixtures("unchecked")
def test_folders_of_empty_files_are_refused():
    tu("EMPTY", A="", graph_indicator="", graph_labels="", node_labels="")
    tu("FAR", A="1, 9\n")
    Path("BARE").mkdir()
    for name in ("EMPTY:0", "FAR:0", "BARE:0"):
        with pytest.raises((DataError, TopologyError)):
            open_complex(name)


def whole_files():
    """A good file of each kind that can be cut short."""
    BALL.export("w.off")
    BALL.export("w.ply")
    BALL.export("w.stl")
    graph = nx.convert_node_labels_to_integers(nx.petersen_graph())
    nx.write_graphml(graph, "w.graphml")
    nx.write_gml(graph, "w.gml")
    nx.write_graph6(graph, "w.g6")
    xgi.write_hif(xgi.Hypergraph([[0, 1, 2], [2, 3]]), "w.json")
    return sorted(Path().glob("w.*"))


SUFFIXES = [
    ".json", ".csv", ".tsv", ".txt", ".graphml", ".gml", ".g6", ".graph6", ".obj", ".off", ".ply",
    ".stl",
]  # fmt: skip


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_of_something_else_are_refused_in_one_line(suffix, capfd):
    path = Path(f"bad{suffix}")
    bad = {
        "empty": b"", "blank": b"\n \n", "binary": bytes(range(128, 256)) * 8,
        "a page": b"<html><body>404</body></html>", "null": b"\0" * 84,
    }  # fmt: skip
    for text in bad.values():
        path.write_bytes(text)
        for command in (f"topology stats {path}", f"topology draw {path} -o p.png"):
            assert str(path) in refused(command, capfd)
    assert "bad" in refused(f"topology lift {path} --to rings -o out.json", capfd)
    assert list(Path().iterdir()) == [path]


def test_files_that_are_cut_short_are_refused_in_one_line(capfd):
    for path in whole_files():
        whole = path.read_bytes().rstrip()
        for share in (0.3, 0.6, 0.95):
            path.write_bytes(whole[: int(share * len(whole))])
            assert str(path) in refused(f"topology stats {path}", capfd), (path, share)
    Path("e.csv").write_text("a,b\nb,c\nc")
    assert "line 3 of e.csv names no two nodes" in refused("topology stats e.csv", capfd)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("e.csv", "source,target\n", "holds no edge"),
        ("e.csv", "a,\n", "line 1 of e.csv names no two nodes"),
        ("e.csv", "a,b,1\nb,a,2\n", "lines 1 and 2 of e.csv give the edge b, a different"),
        ("e.csv", 'a,"b\nb,c\n', "cannot be read as a list of edges"),
        ("g.gml", "graph [ ]", "without nodes"),
        ("m.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\n", "holds no triangles"),
        ("m.obj", "v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "m.obj"),
        ("m.obj", "v 0 0 0\nv 1 0 0\nf 1 2 3\n", "m.obj"),
        ("m.off", "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n", "4"),
        ("h.json", '{"incidences": []}', "without nodes"),
        ("h.json", '{"incidences": [{"node": 1}]}', "cannot be read as a hypergraph"),
        ("h.json", '{"a": 1}', "neither a complex"),
        ("h.json", "[]", "neither a complex"),
        ("c.json", '{"kind": "complex", "format": 7, "nodes": 1}', "of format 7"),
        ("molecule.smi", "CCO", "of no known kind: its name ends in none of .json"),
        ("noext", "a b", "of no known kind"),
    ],
)
def test_what_cannot_be_taken_is_told(name, text, told, capfd):
    Path(name).write_text(text)
    assert told in refused(f"topology stats {name}", capfd)


def test_names_of_nothing_list_what_there_is(capfd):
    told = refused("topology stats toras", capfd)
    assert all(name in told for name in (*EXAMPLES, "MUTAG:0"))
    assert "188 graphs" in refused("topology stats MUTAG", capfd)
    assert "graphs 0 to 187" in refused("topology stats MUTAG:188", capfd)
    Path("e.csv").write_text("a,b")
    assert "holds one complex" in refused("topology stats e.csv:0", capfd)
    Path("folder.csv").mkdir()
    assert refused("topology stats folder.csv:0", capfd)


def test_a_file_comes_before_an_example_of_its_name(capfd):
    shutil.copyfile(_written("torus.csv"), "torus.csv")
    assert open_complex("torus").stored.complex.n_nodes == 288
    Path("torus").write_text("a b")
    assert "of no known kind" in refused("topology stats torus", capfd)


def _written(name):
    path = Path("of") / name
    path.parent.mkdir()
    path.write_text("a,b\n")
    return path


@pytest.mark.parametrize("library", ["trimesh", "xgi"])
def test_what_is_not_installed_is_named(library, capfd, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, library, None)
    Path("m.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    Path("h.json").write_text('{"incidences": [{"node": 1, "edge": 1}]}')
    name = {"trimesh": "m.obj", "xgi": "h.json"}[library]
    assert "pip install unfrozen[topology]" in refused(f"topology stats {name}", capfd)
