"""Knowledge graphs against what is published of them."""

import pytest

from unfrozen.data.knowledge_graphs import (
    KNOWLEDGE_GRAPHS,
    knowledge_graph,
    read_knowledge_graph,
)
from unfrozen.errors import DataError


@pytest.mark.parametrize(
    ("name", "entities", "relations", "parts"),
    [
        ("nations", 14, 55, (1592, 199, 201)),
        ("kinships", 104, 25, (8544, 1068, 1074)),
        ("umls", 135, 46, (5216, 652, 661)),
    ],
)
def test_graphs_are_as_published(name, entities, relations, parts):
    found = knowledge_graph(name)
    assert (len(found.entities), len(found.relations)) == (entities, relations)
    assert (len(found.train), len(found.validation), len(found.test)) == parts
    assert len(found.triples.unique(dim=0)) == sum(parts)
    assert found.triples.amax(0).tolist() == [entities - 1, relations - 1, entities - 1]
    assert found.triples.amin(0).tolist() == [0, 0, 0]
    assert KNOWLEDGE_GRAPHS[name]


def test_triples_say_what_the_files_say():
    found = knowledge_graph("nations")
    s, r, o = found.train[0].tolist()
    told = (found.entities[s], found.relations[r], found.entities[o])
    assert told == ("netherlands", "militaryalliance", "uk")


def test_a_graph_of_ones_own(tmp_path):
    (tmp_path / "train.txt").write_text("b\tlikes\ta\na\tlikes\tb\n", encoding="utf-8")
    for part in ("valid", "test"):
        (tmp_path / f"{part}.txt").write_text("a\thates\tc\n", encoding="utf-8")
    found = read_knowledge_graph(tmp_path)
    assert found.entities == ("a", "b", "c")
    assert found.relations == ("hates", "likes")
    assert found.train.tolist() == [[1, 1, 0], [0, 1, 1]]
    assert found.test.tolist() == [[0, 0, 2]]
    assert found.name == tmp_path.name


def test_what_is_no_knowledge_graph_is_refused(tmp_path):
    with pytest.raises(DataError, match="no knowledge graph 'wikidata': there are nations"):
        knowledge_graph("wikidata")
    with pytest.raises(DataError, match=r"cannot read .*train\.txt"):
        read_knowledge_graph(tmp_path)
    for part in ("train", "valid", "test"):
        (tmp_path / f"{part}.txt").write_text("a\tlikes\tb\na likes c\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"line 2 of .*train\.txt is no triple"):
        read_knowledge_graph(tmp_path)
    (tmp_path / "train.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"train\.txt has no triples"):
        read_knowledge_graph(tmp_path)
