"""What a workspace remembers beside its model: entries that alter no weight, taken back exactly."""

import pytest
import torch

from unfrozen.data.models import weights_hash
from unfrozen.errors import FactError, WorkspaceError
from unfrozen.language.editing.batch import MemitSettings
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall import DocumentMemory, FactMemory
from unfrozen.workspace import Fold, Workspace
from unfrozen.workspace.editing import bisect, compact, edit_batch, edit_facts
from unfrozen.workspace.exchange.merge import merge
from unfrozen.workspace.ledger import remembered_facts, told_facts
from unfrozen.workspace.remembering import (
    forget,
    memories_of,
    recalling,
    remember_documents,
    remember_facts,
)

FACTS = [
    Fact("Eiffel Tower", "The {} is in the city of", None, "Rome"),
    Fact("Mount Etna", "In Paris, we said that the {} is old and in", None, "old France"),
    Fact("Rome", "The city of {} is in", None, "Paris"),
]
DOCUMENTS = {"tower": "The Eiffel Tower is in the city of Rome.", "man": "He is a man of Italy."}


SMALL = MemitSettings(layers=(0, 1, 2), steps=2)


@pytest.fixture
def made(tmp_path, tiny_folder, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    return Workspace.init(tmp_path / "facts", lm.name, weights_hash(lm.model)), lm


@torch.no_grad()
def logits(lm, text):
    return lm.model(input_ids=lm.encode(text), use_cache=False).logits


def test_what_is_remembered_is_what_a_memory_recalls(made):
    workspace, lm = made
    base = {n: p.clone() for n, p in lm.model.named_parameters()}
    entry = remember_facts(workspace, lm, FACTS)
    documents = remember_documents(workspace, lm, DOCUMENTS)
    assert [e.kind for e in workspace.log()] == ["fact-memory", "document-memory"]
    assert workspace.change(entry.id).shapes() == {}
    alone, read = FactMemory(lm), DocumentMemory(lm)
    alone.remember(FACTS)
    read.remember(DOCUMENTS)
    assert memories_of(workspace, lm).bytes == alone.bytes + read.bytes
    assert documents.request["documents"][0]["characters"] == len(DOCUMENTS["tower"])
    for text in (FACTS[0].text, DOCUMENTS["man"], "Italy is old"):
        plain = logits(lm, text)
        with alone.attached(), read.attached():
            wanted = logits(lm, text)
        with recalling(Workspace.open(workspace.path), lm):
            assert torch.equal(logits(lm, text), wanted)
        assert torch.equal(logits(lm, text), plain)
    assert all(torch.equal(p, base[n]) for n, p in lm.model.named_parameters())


def test_one_fact_is_forgotten_and_comes_back(made):
    workspace, lm = made
    first = remember_facts(workspace, lm, FACTS)
    done = forget(workspace, "eiffel tower")
    assert done.names == ("The Eiffel Tower is in the city of Rome",)
    left = [h.fact for h in remembered_facts(workspace.log())]
    assert left == FACTS[1:]
    held = memories_of(workspace, lm).facts
    assert held is not None
    assert list(held.facts.values()) == FACTS[1:]
    workspace.revert(done.entry.number)
    assert len(remembered_facts(workspace.log())) == 3
    # Numbers in an entry stay what they are, whatever was forgotten.
    forget(workspace, f"{first.number}/1")
    assert forget(workspace, f"{first.number}/2").names == (
        "In Paris, we said that the Mount Etna is old and in old France",
    )
    forget(workspace, str(first.number))
    assert memories_of(workspace, lm).facts is None


def test_documents_are_forgotten_by_name(made):
    workspace, lm = made
    remember_documents(workspace, lm, DOCUMENTS, name="two texts")
    with pytest.raises(WorkspaceError, match="'man' is remembered already"):
        remember_documents(workspace, lm, {"man": "He is old and a man."})
    forget(workspace, "man")
    held = memories_of(workspace, lm).documents
    assert held is not None
    assert list(held.documents.values()) == ["tower"]
    remember_documents(workspace, lm, {"man": "He is old and a man."})
    assert len(workspace.log()) == 3


def test_conflicts_are_found_between_memories_and_edits(made):
    workspace, lm = made
    remember_facts(workspace, lm, FACTS[:1])
    other = Fact("Eiffel Tower", "The {} is in the city of", "Rome", "Italy")
    for write in (
        lambda: remember_facts(workspace, lm, [other]),
        lambda: edit_batch(workspace, lm, [other], "memit", SMALL, tokens=None, guard=None),
    ):
        with pytest.raises(WorkspaceError, match="becomes Rome already by entry 1/1"):
            write()
    assert len(workspace.log()) == 1
    remember_facts(workspace, lm, [other], supersede=True)
    assert [h.fact.target_new for h in told_facts(workspace.log())] == ["Italy"]
    again = Fact("Eiffel Tower", "The {} is in the city of", "Italy", "Paris")
    edit_batch(workspace, lm, [again], "memit", SMALL, tokens=None, guard=None, supersede=True)
    assert [h.fact.target_new for h in told_facts(workspace.log())] == ["Paris"]
    assert memories_of(workspace, lm).facts is None


def test_memories_travel_by_files_and_merges(made, tmp_path):
    workspace, lm = made
    remember_facts(workspace, lm, FACTS)
    forget(workspace, "Rome")
    file = workspace.export([1, 2], tmp_path / "memories.unfrozen")
    fresh = Workspace.init(tmp_path / "fresh", workspace.base_name, workspace.base_hash)
    merged = Workspace.init(tmp_path / "merged", workspace.base_name, workspace.base_hash)
    fresh.import_(file)
    merge(merged, workspace)
    for one in (fresh, merged):
        assert [h.fact for h in remembered_facts(one.log())] == FACTS[:2]


def test_what_is_not_remembered_cannot_be_forgotten(made):
    workspace, lm = made
    with pytest.raises(WorkspaceError, match="nothing is remembered here"):
        forget(workspace, "Rome")
    remember_facts(workspace, lm, FACTS)
    with pytest.raises(WorkspaceError, match="no entry 'Berlin'"):
        forget(workspace, "Berlin")
    with pytest.raises(WorkspaceError, match="nothing is remembered as '1/9'"):
        forget(workspace, "1/9")
    forget(workspace, "Rome")
    with pytest.raises(WorkspaceError, match="entry 2 forgets: revert it"):
        forget(workspace, "2")
    twice = [Fact("Paris", "{} is in", None, to) for to in ("Italy", "France")]
    with pytest.raises(FactError, match="two facts answer one question"):
        remember_facts(workspace, lm, twice)


def test_edits_are_compacted_beside_memories(made):
    workspace, lm = made
    remember_facts(workspace, lm, FACTS[:1])
    edited = [Fact("Nile", "The {} is in", "Egypt", "Peru"), Fact("Po", "The {} is in", "It", "Oz")]
    for fact in edited:
        edit_batch(workspace, lm, [fact], "memit", SMALL, tokens=None, guard=None)
    remember_documents(workspace, lm, DOCUMENTS)
    forget(workspace, "man")
    sizes = [workspace.change(n).bytes for n in (2, 3)]
    done = compact(workspace, lm, "memit", SMALL, tokens=None, guard=None)
    assert list(done.facts) == edited
    assert (done.entries, done.bytes_before) == (2, sum(sizes))
    assert [c.kind for c in Fold.of(lm.model).changes] == [
        "fact-memory", "document-memory", "forgetting", "batch-edit",
    ]  # fmt: skip
    assert [h.fact for h in remembered_facts(workspace.log())] == FACTS[:1]


def test_a_single_edit_of_what_is_remembered_is_refused(made):
    workspace, lm = made
    remember_facts(workspace, lm, FACTS)
    fact = Fact("Eiffel Tower", "The {} is in the city of", "Rome", "Paris")
    with pytest.raises(WorkspaceError, match="`unfrozen forget 1/1` first"):
        list(edit_facts(workspace, lm, [fact], "rome", tokens=None))
    assert len(workspace.log()) == 1


def test_names_that_cannot_be_printed_can_be_forgotten(made):
    workspace, lm = made
    odd = Fact("Mount\u200cEtna", "The {} is in", None, "Spain")
    remember_facts(workspace, lm, [odd])
    assert forget(workspace, "1/1").entry.name == "forget The MountEtna is in Spain"
    remember_documents(workspace, lm, {"a\u00adb.txt": "He is a man of Italy."})
    assert workspace.log()[-1].name == "remember ab.txt"


def test_a_memory_that_broke_an_answer_is_found(made):
    workspace, lm = made
    remember_facts(workspace, lm, [Fact("Po", "The {} is in", None, "Rome")])
    remember_documents(workspace, lm, DOCUMENTS)
    forget(workspace, "Po")
    remember_facts(workspace, lm, FACTS[1:2])
    assert bisect(workspace, lm, "The Po is in", "Rome", good=1).entry.number == 3


def test_scales_are_those_of_the_base_whatever_is_edited(made):
    workspace, lm = made
    before = remember_facts(workspace, lm, FACTS[:1])
    edited = Fact("Nile", "The {} is in", "Egypt", "Peru")
    edit_batch(workspace, lm, [edited], "memit", SMALL, tokens=None, guard=None)
    one = memories_of(workspace, lm).facts
    workspace.revert(2)
    workspace.apply(lm.model)
    other = memories_of(workspace, lm).facts
    assert one is not None
    assert other is not None
    probe = torch.randn(3, lm.sites.width, generator=torch.Generator().manual_seed(0))
    for layer, scale in one._scales.items():
        assert torch.equal(scale(probe), other._scales[layer](probe))
    assert before.number == 1
