"""Texts in a folder: found by likeness, kept over a restart, forgotten for good."""

import json

import pytest
import torch

from unfrozen.errors import DataError, FactError, MemoryShapeError
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall import Embedding, TextMemory

TEXTS = ["The cat sleeps on the sofa.", "Rust is a language.", "Übermut tut selten gut."]


@pytest.fixture(scope="module")
def lm(tiny_folder):
    return LanguageModel.from_pretrained(str(tiny_folder))


@pytest.fixture
def memory(lm, tmp_path):
    made = TextMemory.create(tmp_path / "m", lm)
    made.store.sync = False
    return made


def test_vectors_have_norm_one_and_are_those_of_the_texts_alone(lm):
    embed = Embedding(lm)
    together = embed(TEXTS)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))
    for text, vector in zip(TEXTS, together, strict=True):
        torch.testing.assert_close(embed([text])[0], vector)
    assert embed([]).shape == (0, embed.width)
    assert embed(["a"]).isfinite().all()


def test_a_text_is_found_by_itself(memory, lm):
    ids = memory.write(TEXTS)
    for number, text in zip(ids, TEXTS, strict=True):
        found = memory.recall(text, k=3)
        assert (found[0].id, found[0].text) == (number, text)
        assert found[0].similarity == pytest.approx(1, abs=1e-5)
        assert sum(f.weight for f in found) == pytest.approx(1, abs=1e-5)
    again = TextMemory.open(memory.folder, lm)
    assert again.recall(TEXTS[2], k=1)[0].text == TEXTS[2]
    assert len(again) == 3


def test_an_empty_memory_recalls_nothing(memory):
    assert memory.recall("anything") == []


def test_what_is_forgotten_is_gone_from_the_disk(memory, lm):
    first, *_ = memory.write(TEXTS)
    memory.forget([first])
    assert all(found.text != TEXTS[0] for found in memory.recall(TEXTS[0], k=5))
    words = (memory.folder / "texts.jsonl").read_text(encoding="utf-8")
    assert TEXTS[0] not in words
    assert TEXTS[1] in words
    with pytest.raises(MemoryShapeError, match="no pattern"):
        memory.forget([first])


def test_what_a_crash_left_is_not_taken_for_a_text(memory, lm):
    memory.write(TEXTS[:1])
    # Words whose vectors never came, the last of them torn.
    with (memory.folder / "texts.jsonl").open("a") as file:
        file.write(json.dumps({"id": 1, "text": "ghost"}) + '\n{"id": 2, "te')
    memory.write(TEXTS[1:])
    assert [memory.recall(text, 1)[0].text for text in TEXTS] == TEXTS


def test_what_makes_no_sense_is_refused(memory, lm, tmp_path):
    with pytest.raises(FactError, match="is empty"):
        memory.write(["fine", "  "])
    assert len(memory) == 0
    with pytest.raises(MemoryShapeError, match="no texts"):
        memory.write([])
    with pytest.raises(DataError, match="there is no store"):
        TextMemory.open(tmp_path / "nowhere", lm)
    settings = memory.folder / "texts.json"
    settings.write_text(settings.read_text().replace(str(lm.name), "another"))
    with pytest.raises(DataError, match="was made with another"):
        TextMemory.open(memory.folder, lm)
    settings.write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        TextMemory.open(memory.folder, lm)
    settings.unlink()
    with pytest.raises(DataError, match="holds vectors"):
        TextMemory.open(memory.folder, lm)
    memory.write(TEXTS)
    (memory.folder / "texts.jsonl").write_text("")
    with pytest.raises(DataError, match="lacks text 0"):
        memory.recall("a", 3)


@pytest.mark.real
def test_a_question_finds_its_answer(tmp_path):
    lm = LanguageModel.from_pretrained()
    memory = TextMemory.create(tmp_path / "m", lm)
    memory.write(
        [
            "The meeting with the bank is on Thursday.",
            "The red bicycle belongs to Anna.",
            "Water boils at one hundred degrees.",
            "Our dog is afraid of thunder.",
        ]
    )
    for question, answer in (
        ("When do we meet the bank?", "Thursday"),
        ("Whose bicycle is it?", "Anna"),
        ("At how many degrees does water boil?", "hundred"),
        ("What is the dog afraid of?", "thunder"),
    ):
        assert answer in memory.recall(question, 1)[0].text
