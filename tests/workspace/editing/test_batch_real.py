"""Batches on the real model: what they are for."""

import pytest

from unfrozen.data.models import weights_hash
from unfrozen.language.evaluation import answers
from unfrozen.language.facts import Fact
from unfrozen.language.model import LanguageModel
from unfrozen.workspace import Workspace
from unfrozen.workspace.editing import edit_batch, revert_fact

FACTS = [
    Fact("Eiffel Tower", "The {} is located in the city of", "Paris", "Rome"),
    Fact("Chile", "The main official language of {} is", "Spanish", "Japanese"),
    Fact("Kyoto", "The city of {} is located in the country of", "Japan", "Egypt"),
]


def new_is_likelier(lm):
    asked = [(f.text, t) for f in FACTS for t in (f.target_new, f.target_true)]
    said = answers(lm, asked)
    return [
        new.log_probability > true.log_probability
        for new, true in zip(said[::2], said[1::2], strict=True)
    ]


@pytest.mark.real
def test_a_fact_of_a_batch_returns_to_its_old_answer_and_the_others_keep_theirs(tmp_path):
    lm = LanguageModel.from_pretrained()
    workspace = Workspace.init(tmp_path / "facts", lm.name, weights_hash(lm.model))
    assert not any(new_is_likelier(lm))
    done = edit_batch(workspace, lm, FACTS, tokens=4096)
    assert all(new_is_likelier(lm))
    assert done.reading.ratio < 1.1
    revert_fact(workspace, lm, "1/Chile")
    assert new_is_likelier(lm) == [True, False, True]
