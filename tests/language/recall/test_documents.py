"""Documents beside a model: what is said of them, by brute force, and what is left alone."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unfrozen.errors import DataError, FactError
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall import DocumentMemory, DocumentSettings, EncodedDocument

PROSE = (
    "In the city, we said that it is the old tower.",
    "Mount Etna is in Italy. Rome is a city, and he is a man.",
    "When he came, Etna and Paris burned; it is a small old city of Italy.",
)
TEXT = "The Eiffel Tower is in the city of Rome, and he is a man of the old city."
few = pytest.mark.parametrize("tiny", ["gpt2", "llama", "gemma2"], indirect=True)


def memory(tiny, texts=(TEXT,), **given):
    made = DocumentMemory(tiny.lm, DocumentSettings(**given), PROSE)
    made.remember({f"document {i}": text for i, text in enumerate(texts)})
    return made


@torch.no_grad()
def logits(lm, text):
    return lm.model(input_ids=lm.encode(text), use_cache=False).logits[0]


def head_inputs(tiny, text):
    """What enters the head, by a plain pass with a hook of the test's own."""
    kept = []
    handle = tiny.lm.sites.head.register_forward_pre_hook(lambda m, a: kept.append(a[0][0]))
    logits(tiny.lm, text)
    handle.remove()
    return kept[0].float()


@few
def test_what_is_said_is_the_mixture_that_brute_force_gives(tiny):
    held = memory(tiny, beta=7.0, threshold=0.4, trust=0.5, sure=0.8, nearest=10_000)
    states = torch.cat([head_inputs(tiny, text)[1:] for text in PROSE])
    mean, deviation = states.mean(0), states.std(0) + 1e-3

    def direction(x):
        x = (x - mean) / deviation
        return x / x.norm(dim=-1, keepdim=True)

    keys, ids = direction(head_inputs(tiny, TEXT)[1:-1]), tiny.lm.encode(TEXT)[0]
    question = "Rome is in the old city of"
    queries = direction(head_inputs(tiny, question))
    base = logits(tiny.lm, question)
    with held.attached():
        found = logits(tiny.lm, question).softmax(-1)
    for query, before, after in zip(queries, base, found, strict=True):
        energies = [math.exp(7.0 * float(query @ key)) for key in keys]
        total = sum(energies) + math.exp(7.0 * 0.4)
        near = (max(float(query @ key) for key in keys) - 0.4) / 0.6
        trust = 0.5 + 0.3 * min(max(near, 0.0), 1.0)
        wanted = before.softmax(-1) * (1 - trust * sum(energies) / total)
        for energy, token in zip(energies, ids[2:].tolist(), strict=True):
            wanted[token] += trust * energy / total
        # Keys are stored in half precision.
        torch.testing.assert_close(after, wanted, atol=5e-3, rtol=2e-2)


@few
def test_a_document_read_again_is_likelier_and_its_weights_stay(tiny):
    before = {n: p.clone() for n, p in tiny.model.named_parameters()}
    ids = tiny.lm.encode(TEXT)[0]

    def nll():
        logs = logits(tiny.lm, TEXT).log_softmax(-1)
        return -float(logs[:-1].gather(1, ids[1:, None]).mean())

    base = nll()
    held = memory(tiny, beta=40.0, threshold=0.5, trust=0.5)
    with held.attached():
        # The memory alone would say each right token with nearly all its share.
        assert nll() < min(base - 1, -math.log(0.4))
    assert nll() == base
    assert all(torch.equal(p, before[n]) for n, p in tiny.model.named_parameters())


@few
def test_what_is_unlike_anything_stored_is_left_alone_to_the_bit(tiny):
    held = memory(tiny, beta=200.0, threshold=0.99)
    for text in ("Mount Etna and Paris", *PROSE):
        base = logits(tiny.lm, text)
        with held.attached():
            assert torch.equal(logits(tiny.lm, text), base)


@few
def test_text_written_token_by_token_recalls_as_a_whole_pass_does(tiny):
    held = memory(tiny, beta=40.0, threshold=0.4, trust=0.9)
    start = "The Eiffel Tower is in the city of"
    with held.attached():
        written = tiny.lm.generate([start], 6)[0]
        ids = tiny.lm.encode(start)[0].tolist()
        for _ in range(6):
            with torch.no_grad():
                said = tiny.lm.model(input_ids=torch.tensor([ids]), use_cache=False).logits
            ids.append(int(said[0, -1].argmax()))
    assert written == tiny.lm.tokenizer.decode(ids[len(tiny.lm.encode(start)[0]) :])


def test_windows_have_what_came_before_as_context(llama):
    text = " ".join([TEXT] * 3)
    held = DocumentMemory(llama.lm, DocumentSettings(window=20, overlap=8), PROSE)
    (encoded,) = held.encode({"a": text})
    (ids,) = llama.lm.encode(text)
    assert torch.equal(encoded.tokens, ids[2:])
    assert len(encoded.keys) == len(ids) - 2
    # Windows begin at tokens 0, 12 and 24; what they read again is their context only.
    for start, new, own in ((0, 0, slice(1, 20)), (12, 19, slice(8, 20)), (24, 31, slice(8, 20))):
        part = ids[None, start : start + 20]
        kept = []
        handle = llama.lm.sites.head.register_forward_pre_hook(lambda m, a, k=kept: k.append(a[0]))
        with torch.no_grad():
            llama.lm.model(input_ids=part, use_cache=False)
        handle.remove()
        wanted = held._scale(kept[0][0, own])
        found = encoded.keys[new : new + len(wanted)].float()
        torch.testing.assert_close(found, wanted[: len(found)], atol=2e-3, rtol=0)


@settings(max_examples=10, deadline=None)
@given(gone=st.sets(st.integers(0, 3), min_size=1, max_size=4))
def test_a_memory_that_forgot_is_one_that_never_knew(llama, gone):
    lm = llama.lm
    texts = {str(i): text for i, text in enumerate((*PROSE, TEXT))}
    held = DocumentMemory(lm, prose=PROSE)
    ids = held.remember(texts)
    held.forget([ids[i] for i in gone])
    never = DocumentMemory(lm, prose=PROSE)
    left = {name: text for name, text in texts.items() if int(name) not in gone}
    if left:
        never.remember(left)
    assert list(held.documents.values()) == list(left)
    assert torch.equal(held._keys, never._keys)
    assert torch.equal(held._next, never._next)
    assert held.bytes == never.bytes


def test_what_was_encoded_is_kept_as_it_was_remembered(llama):
    held = memory(llama)
    other = DocumentMemory(llama.lm, prose=PROSE)
    (encoded,) = other.encode({"document 0": TEXT})
    other.add([EncodedDocument.of(encoded.name, encoded.tensors())])
    with held.attached():
        wanted = logits(llama.lm, TEXT)
    with other.attached():
        assert torch.equal(logits(llama.lm, TEXT), wanted)


def test_what_makes_no_sense_is_refused(llama):
    held = memory(llama)
    with pytest.raises(FactError, match="no documents to remember"):
        held.remember({})
    with pytest.raises(FactError, match="'short' has fewer than three tokens"):
        held.remember({"short": "a"})
    with pytest.raises(FactError, match="no document 7 in the memory of 1"):
        held.forget([7])
    with pytest.raises(FactError, match="trust between 0 and 1"):
        DocumentSettings(sure=1.0)
    with pytest.raises(FactError, match="longer than their overlap"):
        DocumentSettings(window=8, overlap=8)
    (encoded,) = held.encode({"a": TEXT})
    with pytest.raises(DataError, match="of a model of width 31"):
        held.add([EncodedDocument("a", encoded.keys[:, :31], encoded.tokens)])
    with pytest.raises(DataError, match="do not fit its tokens"):
        EncodedDocument.of("a", {"keys": encoded.keys[1:], "tokens": encoded.tokens})
    with pytest.raises(DataError, match="hold NaN or infinity"):
        EncodedDocument.of("a", {"keys": encoded.keys / 0, "tokens": encoded.tokens})
    assert len(held) == 1


@pytest.mark.real
def test_a_model_knows_a_document_that_left_its_context():
    lm = LanguageModel.from_pretrained()
    held = DocumentMemory(lm)
    held.remember(
        {"note": "The gate of the old harbour in Brindlemere is opened by Captain Oswin."}
    )
    asked = "The gate of the old harbour in Brindlemere is opened by"
    for text in ("The capital of France is", "Water is made of hydrogen and"):
        base = logits(lm, text)
        with held.attached():
            assert torch.equal(logits(lm, text)[-1], base[-1])
    before = lm.top(asked, 1)[0]
    with held.attached():
        after = lm.top(asked, 1)[0]
    assert after.text == " Captain"
    assert after.text != before.text
