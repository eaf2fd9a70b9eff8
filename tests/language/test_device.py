"""Tensors are made where the model is: here with any other default device than the model's.

A machine without a second device cannot run the library on one.  But where the default device is
`meta`, whatever is made without saying where has no values, and does not mix with what has.
"""

import pytest
import torch

from unfrozen.language.covariance import SelfGenerated, second_moments
from unfrozen.language.editing.batch import (
    Memit,
    MemitSettings,
    NullSpaceSolver,
    PreservingSolver,
    RegularisedSolver,
)
from unfrozen.language.editing.fine_tune import FineTuneSettings, fine_tune
from unfrozen.language.editing.rome import Rome, RomeSettings
from unfrozen.language.evaluation import evaluate
from unfrozen.language.facts import Fact
from unfrozen.language.graph import Question, read_graph
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall import FactMemory
from unfrozen.language.tracing import KINDS, TraceSettings, trace

FACT = Fact(
    *("Eiffel Tower", "The {} is in the city of", "Paris", "Rome"),
    paraphrases=("Where is the Eiffel Tower? In",),
    neighbours=("Etna is in the city of",),
)


def by_tracing(lm, folder):
    found = trace(lm, FACT.prompt, FACT.subject, TraceSettings(samples=2, kinds=KINDS))
    return torch.stack(list(found.effects.values()))


def by_rome(lm, folder):
    moment = second_moments(lm, [1], 200, SelfGenerated(length=8), folder=folder)[1]
    settings = RomeSettings(layer=1, steps=3, prefix_lengths=(3,), prefixes_each=2)
    (update,) = Rome(lm, settings, moment).edit(FACT).updates.values()
    return update.dense()


def by_batches(lm, folder):
    moments = second_moments(lm, [1, 2], 200, SelfGenerated(length=8), folder=folder)
    for solver in (RegularisedSolver(1.0), PreservingSolver(1.0), NullSpaceSolver()):
        settings = MemitSettings(layers=(1, 2), steps=3, prefixes=2, solver=solver, anchor=True)
        edit = Memit(lm, settings, moments).edit([FACT])
        again = Memit(lm, settings, moments).edit([FACT], edit.keys)
    return torch.cat([u.dense() for u in again.updates.values()])


def by_recall(lm, folder):
    memory = FactMemory(lm, prose=("Etna is in Italy.", "We said that he came to Rome."))
    memory.remember([FACT])
    with memory.attached(), torch.no_grad():
        return lm.model(input_ids=lm.encode(FACT.text)).logits


def by_fine_tuning(lm, folder):
    settings = FineTuneSettings(1, steps=3, largest_change=1e-3)
    (change,) = fine_tune(lm, FACT, settings).dense.values()
    return change


def by_evaluation(lm, folder):
    found = evaluate(lm, FACT, written_tokens=4)
    return torch.tensor([found.efficacy.magnitude, found.fluency], device="cpu")


def by_graph(lm, folder):
    objects = ("Rome", "Paris", "the old tower")
    names = [f"{'ABCDEF'[i % 6]}{'aeiou'[i % 5]}{'lmnr'[i % 4]}{i:o}a" for i in range(60)]
    asked = [Question(n, "place", "Mount {} is in", objects, objects[ord(n[2]) % 3])
             for n in names]  # fmt: skip
    read = read_graph(lm, asked)
    assert read.familiarity is not None
    assert read.calibration is not None
    worth = [(a.confidence, a.familiarity) for a in read.graph.answers]
    return torch.tensor(worth, device="cpu")


def by_checking_itself(lm, folder):
    return LanguageModel(lm.model, lm.tokenizer).run(lm.encode("Etna"), read="last").logits


@pytest.mark.parametrize("tiny", ["llama", "gpt2", "gpt-neo"], indirect=True)
@pytest.mark.parametrize(
    "work",
    [
        by_tracing,
        by_rome,
        by_batches,
        by_recall,
        by_fine_tuning,
        by_evaluation,
        by_graph,
        by_checking_itself,
    ],
)
def test_work_is_done_on_the_models_device(work, tiny, tmp_path):
    expected = work(tiny.lm, tmp_path / "here")
    with torch.device("meta"):
        found = work(tiny.lm, tmp_path / "there")
    assert torch.equal(found, expected)
