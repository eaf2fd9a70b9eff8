"""The batched trace and the straightforward one, held against each other on a tiny model."""

from typing import Any

import pytest
import torch

from unfrozen.language.model import LanguageModel
from unfrozen.language.tracing import TraceSettings, trace
from unfrozen.papers.naive_tracing import naive_trace


@pytest.fixture(scope="module")
def lm(tiny_folder: Any) -> LanguageModel:
    return LanguageModel.from_pretrained(str(tiny_folder))


@pytest.mark.parametrize("kind", ["state", "mlp", "attention"])
@pytest.mark.parametrize("share", [True, False])
def test_both_ways_agree(lm, kind, share):
    settings = TraceSettings(samples=2, kinds=(kind,), window=2)
    prompt, subject = "The Eiffel Tower is in", "Eiffel Tower"
    ours = trace(lm, prompt, subject, settings, sigma=0.5)
    naive = naive_trace(lm, prompt, subject, kind, 0.5, settings, samples_share=share)
    torch.testing.assert_close(naive, ours.effects[kind], rtol=0, atol=1e-5)
    assert float(ours.effects[kind].abs().max()) > 0
