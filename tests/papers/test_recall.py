"""The paper on memory beside a model, from end to end on a tiny model; its measures by hand."""

import json
import math

import pytest
import torch

from unfrozen.data.manuals import manual_chapters
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall import FactMemory, RecallSettings
from unfrozen.papers import recall
from unfrozen.papers.recall import documents, items
from unfrozen.papers.running import runner

PLACES = ("Spain", "Italy", "France")


@pytest.fixture
def rivers(tmp_path):
    path = tmp_path / "rivers.jsonl"
    names = [f"{'ABCDEFGH'[i % 8]}{'aeiou'[i % 5]}{'lmnrst'[i % 6]}{i:o}a" for i in range(40)]
    lines = [
        {
            "subject": name,
            "prompt": "The {} flows through",
            "target_true": PLACES[i % 3],
            "target_new": PLACES[(i + 1) % 3],
            "paraphrases": [f"Through which country does {name} flow? Through"],
            "neighbours": [f"The {i}th flows through"],
            "relation": "river",
        }
        for i, name in enumerate(names)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_every_claim_is_measured(rivers, tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(items, "_WRITTEN", 2)
    small = recall._Budget((5, 20), 6, 2, 2, 60, 20, 256)
    monkeypatch.setitem(recall._BUDGETS, "quick", small)
    done = runner.run("recall", "quick", model=str(tiny_folder), facts=rivers, out=tmp_path / "out")
    found = {c.id: c for c in done.record.claims}
    assert set(found) == {
        "recall.efficacy", "recall.locality", "recall.time", "recall.documents",
    }  # fmt: skip
    assert all(c.value is not None and math.isfinite(c.value) for c in found.values())
    # Twenty facts are not ten thousand.
    assert not any(found[f"recall.{name}"].holds for name in ("efficacy", "locality", "time"))
    sizes, methods, read = done.outcome.tables
    assert [row[0] for row in sizes.rows] == [5, 20]
    assert [row[0] for row in methods.rows] == ["remember", "memit", "rome, each alone"]
    assert len(read.rows) == 2
    chosen_on = list(manual_chapters())[:4]
    assert not {row[0] for row in read.rows} & set(chosen_on)


def test_what_is_recalled_and_left_alone_is_counted(tiny_folder):
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    facts = [
        Fact("Rome", "The city of {} is in", None, "France", (), ("Paris is in", "It is old")),
        Fact("Etna", "Mount {} is in", None, "Spain", ("Where is Etna? In",)),
    ]
    memory = FactMemory(lm, RecallSettings(subject_threshold=0.99, relation_threshold=0.99))
    memory.remember(facts[:1])
    found = items.measure_memory(lm, memory, facts)
    # One of the two was remembered, and nothing else is like it.
    assert found["efficacy"]["value"] == 0.5
    assert found["paraphrase"] == {"value": 0.0, "half_width": math.inf, "n": 1}
    assert found["locality"]["value"] == 1.0
    assert found["locality"]["n"] == 2


def test_losses_of_continuations_are_those_of_a_plain_pass(tiny_folder):
    lm = LanguageModel.from_pretrained(str(tiny_folder))
    ids = lm.encode("The city of Rome is in Italy, and Paris is old and in France.")[0]
    with torch.no_grad():
        logs = lm.model(input_ids=ids[None], use_cache=False).logits[0].log_softmax(-1)
    each = [-float(logs[t - 1, ids[t]]) for t in range(1, len(ids))]
    assert documents.loss(lm, ids) == pytest.approx(sum(each) / len(each), rel=1e-5)
    # Behind four tokens of context the fifth, too, is told by the fourth alone, as above.
    assert documents.loss(lm, ids, 4) == pytest.approx(sum(each[4:]) / len(each[4:]), rel=1e-5)
