"""Memories written to files and read back."""

import pytest
import safetensors.torch
import torch

from unfrozen.errors import DataError
from unfrozen.language.facts import Fact
from unfrozen.language.recall import (
    DocumentMemory,
    DocumentSettings,
    EncodedFacts,
    FactMemory,
    RecallSettings,
    load_memory,
    save_memory,
)

FACTS = [
    Fact("Eiffel Tower", "The {} is in the city of", "Paris", "Rome"),
    Fact("Mount Etna", "In Paris, we said that the {} is old and in", "Italy", "old France"),
    Fact("Rome", "The city of {} is in", None, "old France", relation="country", id="r1"),
]
DOCUMENTS = {"tower": "The Eiffel Tower is in the city of Rome.", "man": "He is a man of Italy."}


@torch.no_grad()
def logits(lm, text):
    return lm.model(input_ids=lm.encode(text), use_cache=False).logits


@pytest.mark.parametrize("tiny", ["gpt2", "llama"], indirect=True)
def test_facts_come_back_as_they_were(tiny, tmp_path):
    made = FactMemory(tiny.lm, RecallSettings(subject_depth=0.5), ("It is old.", "He is a man."))
    made.remember(FACTS[:1])
    ids = made.remember(FACTS[1:])
    made.forget(ids[:1])
    path = save_memory(made, tmp_path / "facts.safetensors")
    back = load_memory(path, tiny.lm)
    assert isinstance(back, FactMemory)
    assert list(back.facts.values()) == [FACTS[0], FACTS[2]]
    assert back.bytes == made.bytes
    assert (back.settings, back.prose) == (made.settings, made.prose)
    for fact in FACTS:
        with made.attached():
            wanted = logits(tiny.lm, fact.text)
        with back.attached():
            assert torch.equal(logits(tiny.lm, fact.text), wanted)


def test_documents_come_back_as_they_were(llama, tmp_path):
    made = DocumentMemory(llama.lm, DocumentSettings(beta=5.0), ("It is old and small.",) * 2)
    made.remember({"gone": "Mount Etna is in Italy.", **DOCUMENTS})
    made.forget([0])
    back = load_memory(save_memory(made, tmp_path / "d.safetensors"), llama.lm)
    assert isinstance(back, DocumentMemory)
    assert list(back.documents.values()) == list(DOCUMENTS)
    for text in DOCUMENTS.values():
        with made.attached():
            wanted = logits(llama.lm, text)
        with back.attached():
            assert torch.equal(logits(llama.lm, text), wanted)


def test_facts_without_some_are_what_the_others_alone_are(llama):
    made = FactMemory(llama.lm)
    encoded = made.encode(FACTS)
    left = encoded.without([1])
    alone = made.encode([FACTS[0], FACTS[2]])
    assert left.facts == alone.facts
    assert torch.equal(left.tokens, alone.tokens)
    assert torch.equal(left.words, alone.words)
    for name in ("subjects", "relations", "values"):
        torch.testing.assert_close(
            getattr(left, name).float(), getattr(alone, name).float(), atol=5e-3, rtol=1e-2
        )


def test_other_weights_are_told(llama, tmp_path):
    lm = llama.lm
    made = FactMemory(lm)
    made.remember(FACTS[:1])
    path = save_memory(made, tmp_path / "facts.safetensors")
    with lm.edited({lm.down_projection(0).parameter_name: torch.full((32, 48), 0.01)}):
        with pytest.raises(DataError, match=r"other weights of llama: .* any_weights=True"):
            load_memory(path, lm)
        assert load_memory(path, lm, any_weights=True).bytes == made.bytes
    assert load_memory(path, lm).bytes == made.bytes


def test_what_is_no_memory_is_refused(llama, tmp_path):
    with pytest.raises(DataError, match="holds no memory"):
        load_memory(tmp_path / "none.safetensors", llama.lm)
    (tmp_path / "torn").write_bytes(b"\x00\x01")
    with pytest.raises(DataError, match="holds no memory"):
        load_memory(tmp_path / "torn", llama.lm)
    safetensors.torch.save_file({"x": torch.zeros(2)}, tmp_path / "other")
    with pytest.raises(DataError, match="no memory of format 1"):
        load_memory(tmp_path / "other", llama.lm)
    made = FactMemory(llama.lm)
    encoded = made.encode(FACTS)
    tensors = encoded.tensors()
    with pytest.raises(DataError, match="do not fit its facts"):
        EncodedFacts.of(FACTS[:2], tensors)
    with pytest.raises(DataError, match=r"holds subjects, beginnings, .* not"):
        EncodedFacts.of(FACTS, {k: v for k, v in tensors.items() if k != "words"})
    with pytest.raises(DataError, match="do not fit its facts"):
        EncodedFacts.of(FACTS, {**tensors, "words": tensors["words"][1:]})
    with pytest.raises(DataError, match=r"tokens of a memory are torch\.float32"):
        EncodedFacts.of(FACTS, {**tensors, "tokens": tensors["tokens"].float()})
