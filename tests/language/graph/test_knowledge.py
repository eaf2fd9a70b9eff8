import json

import networkx as nx
import pytest
from tests.language.graph.hand import answered, graph

from unfrozen.errors import FactError
from unfrozen.language.graph import Question, ask_graph, complete, write_graphml

GRAPH = graph(
    answered("France", {"Paris": 0.9, "Rome": 0.1}, truth="paris", familiarity=0.75),
    answered("France", {"Euro": 0.6, "Franc": 0.2}, relation="currency", rest=0.2),
    answered("Nowhere", {"Paris": 0.3, "Rome": 0.2}, extrapolated=True, confidence=0.1),
    answered("Str\x00ange & <odd>", {"Paris": 0.5, "Ro\x1bme": 0.4}),
    model="tiny",
)


def test_a_graph_has_an_edge_an_answer():
    drawn = GRAPH.graph()
    assert drawn.number_of_edges() == 4
    edge = drawn.edges["France", "Paris", "capital"]
    assert edge["share"] == pytest.approx(0.9)
    assert (edge["truth"], edge["familiarity"]) == ("paris", 0.75)
    assert drawn.edges["France", "Euro", "currency"]["share"] == pytest.approx(0.6)
    assert drawn.edges["Nowhere", "Paris", "capital"]["extrapolated"] is True
    assert GRAPH.answers[0].right is True
    assert GRAPH.answers[1].right is None
    assert "Nowhere" not in GRAPH.graph(least=0.2)
    assert json.loads(json.dumps(GRAPH.to_json(), allow_nan=False))["answers"][1]["rest"] == 0.2


def test_networkx_reads_back_what_was_written(tmp_path):
    path = tmp_path / "new" / "g.graphml"
    drawn = GRAPH.graph()
    write_graphml(drawn, path)
    back = nx.read_graphml(path, force_multigraph=True)
    assert back.graph["model"] == "tiny"
    clean = {n: n.replace("\x00", "").replace("\x1b", "") for n in drawn}
    expected = {
        (clean[a], clean[b], d["relation"], d["share"], d["extrapolated"])
        for a, b, d in drawn.edges(data=True)
    }
    found = {
        (a, b, d["relation"], d["share"], d["extrapolated"]) for a, b, d in back.edges(data=True)
    }
    assert found == expected
    assert set(back) == set(clean.values())
    # Other readers want ids that are unique in the file.
    text = path.read_text()
    assert [f'id="{i}"' in text for i in range(4)] == [True] * 4
    # What was written from is left as it was.
    assert all("number" not in d for *_, d in drawn.edges(data=True))


def test_a_graph_is_asked_of_a_model(llama):
    objects = ("Paris", "Rome", "Italy")
    asked = [
        Question("Etna", "place", "Mount {} is in", objects, "Italy"),
        Question("Eiffel Tower", "place", "The {} is in", objects),
    ]
    found = ask_graph(llama.lm, asked)
    expected = complete(llama.lm, ["Mount Etna is in", "The Eiffel Tower is in"], [objects] * 2)
    assert [a.completions for a in found.answers] == expected
    assert [a.confidence for a in found.answers] == [a.share for a in found.answers]
    assert found.model == llama.lm.name
    assert ask_graph(llama.lm, asked, model="mine") == ask_graph(llama.lm, asked, model="mine")
    with pytest.raises(FactError, match="nothing to ask"):
        ask_graph(llama.lm, [])
