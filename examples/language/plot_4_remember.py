r"""Let a model use a document that is not in its context
=====================================================

Every position of a document is a pair: the state that enters the head there, and the token that
came next. While the model reads, its own state is a query to a modern Hopfield network of such keys
:math:`k_i` (Ramsauer et al. 2021, equation 3). Next tokens are mixed as nearest-neighbour language
models do (Khandelwal et al. 2020, equation 3),

.. math::

   p(y) = (1-\lambda)\,p_{LM}(y)
   + \lambda \sum_{i:\,y_i = y} \operatorname{softmax}_i(\beta\,k_i\cdot q),

with a share :math:`\lambda` that grows as stored states are liker the query, and is nothing where a
null pattern wins. No weight changes.
"""

import matplotlib.pyplot as plt

from unfrozen import LanguageModel
from unfrozen.language.recall import DocumentMemory

lm = LanguageModel.from_pretrained()
prose = [
    "The sea was calm that morning, and the boats went out early to fish.",
    "Bread is made of flour, water, salt and a little patience.",
]
memory = DocumentMemory(lm, prose=prose)
memory.remember({"note": "The gate of the old harbour in Brindlemere is opened by Captain Oswin."})
asked = {
    "the note's gate": "The gate of the old harbour in Brindlemere is opened by",
    "in other words": "In Brindlemere, the old harbour's gate is opened by",
    "something else": "The Eiffel Tower is located in the city of",
}

# %%
# The token to come is " Captain" where the note is asked about, and " Paris" elsewhere.


def said(text: str) -> float:
    """Probability of what should come next."""
    wanted = " Paris" if "Eiffel" in text else " Captain"
    return {t.text: t.probability for t in lm.top(text, 500)}.get(wanted, 0.0)


alone = [said(text) for text in asked.values()]
with memory.attached():
    beside = [said(text) for text in asked.values()]
    print("with the note:", lm.generate([asked["the note's gate"]], 4)[0])
for name, one, other in zip(asked, alone, beside, strict=True):
    print(f"{name}: {one:.3f} alone, {other:.3f} beside the note")

# %%
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
at = range(len(asked))
axes.bar([k - 0.2 for k in at], alone, 0.4, label="alone", color="#999999")
axes.bar([k + 0.2 for k in at], beside, 0.4, label="beside the note", color="#0072b2")
axes.set(ylabel="probability of what is right", xticks=list(at), xticklabels=list(asked))
axes.legend()

# %%
# **What to look at.** The note is used where it is asked about, and less so in other words; the
# third prompt is answered as before, to the bit, because nothing stored is like it. Forget the note
# (``memory.forget([0])``) and nothing of it is left. In full runs, perplexity of how remembered
# documents go on was :claim:`recall.documents` in units of the bare model's.
