"""Counting the patterns of heads, against a plain loop over the model's own attention."""

import statistics

import pytest
import torch
from matplotlib.figure import Figure

from unfrozen.errors import DataError, ModelError
from unfrozen.language.covariance import SelfGenerated, TextCorpus
from unfrozen.language.heads import CLASSES, analyse_heads
from unfrozen.language.heads.analysis import classify
from unfrozen.language.heads.plots import head_classes
from unfrozen.language.model import LanguageModel


@pytest.fixture
def lm(tiny_folder):
    return LanguageModel.from_pretrained(str(tiny_folder))


def test_patterns_are_counted_as_by_hand(lm):
    corpus = SelfGenerated(seed=3, length=12)
    heads = analyse_heads(lm, 3, corpus)
    rows = next(corpus.batches(lm, 0))[:3]
    lm.model.set_attn_implementation("eager")
    counts: dict[tuple[int, int], list[int]] = {}
    shares: dict[tuple[int, int], list[float]] = {}
    for row in rows:
        shown = lm.model(input_ids=row[None], output_attentions=True).attentions
        for layer, weights in enumerate(shown):
            for head in range(weights.shape[1]):
                for position in range(6, 12):
                    left, count = 0.9, 0
                    for weight in sorted(weights[0, head, position].tolist(), reverse=True):
                        if left <= 0:
                            break
                        left, count = left - weight, count + 1
                    counts.setdefault((layer, head), []).append(count)
                    shares.setdefault((layer, head), []).append(count / (position + 1))
    assert heads.queries == 18
    for (layer, head), found in counts.items():
        assert heads.patterns[layer][head] == statistics.median_low(found)
        share = statistics.median_low(shares[layer, head])
        assert heads.share[layer][head] == pytest.approx(share, abs=1e-5)
        assert heads.classes[layer][head] == classify(heads.share[layer][head])


def test_the_model_is_left_as_it_was(lm):
    before = lm.model.config._attn_implementation
    logits = lm.run(torch.tensor([[1, 2, 3]])).logits
    analyse_heads(lm, 1, SelfGenerated(length=8))
    assert lm.model.config._attn_implementation == before
    assert torch.equal(lm.run(torch.tensor([[1, 2, 3]])).logits, logits)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (1.0, "I"),
        (0.51, "I"),
        (0.5, "II"),
        (0.126, "II"),
        (0.125, "III"),
        (1 / 32, "IV"),
        (0.0, "IV"),
    ],
)
def test_classes_are_the_papers(share, expected):
    assert classify(share) == expected


def test_heads_without_preference_average(lm):
    with torch.no_grad():
        for name, weight in lm.model.named_parameters():
            if "q_proj" in name:
                weight.zero_()
    heads = analyse_heads(lm, 1, SelfGenerated(length=64))
    assert {c for layer in heads.classes for c in layer} == {"I"}
    assert heads.share[0][0] == pytest.approx(0.9, abs=0.03)


def test_it_is_drawn_and_kept(lm):
    heads = analyse_heads(lm, 1, SelfGenerated(length=16))
    assert isinstance(head_classes(heads), Figure)
    kept = heads.to_json()
    assert kept["format"] == 1
    assert len(kept["patterns"]) == lm.n_layers
    assert set(CLASSES) >= {c for layer in kept["classes"] for c in layer}


def test_what_makes_no_sense_is_refused(lm, tmp_path):
    with pytest.raises(ModelError, match="rows are positive"):
        analyse_heads(lm, 0)
    (tmp_path / "a.txt").write_text("short")
    with pytest.raises(DataError, match="no row of text long enough"):
        analyse_heads(lm, 1, TextCorpus([tmp_path], length=64))
