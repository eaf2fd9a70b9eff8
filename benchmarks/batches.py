"""How long does a fact take in a batch, against the same fact alone?"""

import torch

from unfrozen.data.sets import relations
from unfrozen.language.covariance import second_moments
from unfrozen.language.editing.batch import Memit, MemitSettings
from unfrozen.language.editing.rome import Rome, RomeSettings
from unfrozen.language.facts import distinct_counterfactuals, relation_facts
from unfrozen.language.model import LanguageModel
from unfrozen.papers.running.growth import measured

QUESTION = "seconds and peak memory of MEMIT in a batch, against one fact at a time"
FACTS, ALONE, TOKENS = 100, 6, 8192


def run() -> dict[str, float]:
    """Edit facts at once; then some of them one by one, by MEMIT and by ROME."""
    lm = LanguageModel.from_pretrained()
    source = [fact for one in relations() for fact in relation_facts(one)]
    facts = distinct_counterfactuals(source, FACTS, 0).facts
    settings, layer = MemitSettings(), RomeSettings().layer_for(lm)
    moments = second_moments(lm, sorted({*settings.layers_for(lm), layer}), TOKENS)
    memit, rome = Memit(lm, settings, moments), Rome(lm, second_moment=moments[layer])
    memit.edit(facts[:1])
    rome.edit(facts[0])
    edit, batch, grown = measured(lambda: memit.edit(facts))
    _, alone, _ = measured(lambda: [memit.edit([fact]) for fact in facts[:ALONE]])
    _, single, _ = measured(lambda: [rome.edit(fact) for fact in facts[:ALONE]])
    steps = torch.tensor([float(one["steps"]) for one in edit.each])
    return {
        "batch, seconds a fact": batch / FACTS,
        "batch, steps a fact": float(steps.mean()),
        "batch, peak MB": grown / 1e6,
        "alone, seconds a fact": alone / ALONE,
        "ROME, seconds a fact": single / ALONE,
        "alone, times slower": alone / ALONE / (batch / FACTS),
        "ROME, times slower": single / ALONE / (batch / FACTS),
    }
