"""Rewrite a fact, measure it, take it back
========================================

A rank-one write to one layer's linear memory (ROME), kept as an entry of a workspace.
"""

import tempfile
from pathlib import Path

from unfrozen import Fact, LanguageModel, Rome, Workspace, edit_fact, evaluate
from unfrozen.data.models import weights_hash

lm = LanguageModel.from_pretrained()
fact = Fact(
    "Eiffel Tower",
    "The {} is located in the city of",
    target_true="Paris",
    target_new="Rome",
    paraphrases=("If you want to see the Eiffel Tower, travel to the city of",),
    neighbours=("The Louvre is located in the city of",),
)
edit = Rome(lm).edit(fact)
print("before:", lm.top(fact.text)[0])
with edit.applied(lm):
    print("after: ", lm.top(fact.text)[0])
    print(evaluate(lm, fact, written_tokens=0))
print("again: ", lm.top(fact.text)[0])

with tempfile.TemporaryDirectory() as folder:
    workspace = Workspace.init(Path(folder) / "facts", lm.name, weights_hash(lm.model))
    done = edit_fact(workspace, lm, fact, tokens=None)  # the identity as second moment
    print(done.entry)
