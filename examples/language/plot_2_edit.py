r"""Rewrite a fact, measure it, take it back
========================================

The down-projection of an MLP is a linear memory, :math:`W k = v`. ROME (Meng et al. 2022, section
3) finds the key :math:`k_*` of the subject and a value :math:`v_*` that makes the model say the new
object (equation 4), and writes the pair with the least change of :math:`W` in the metric of all
keys (equation 2):

.. math::

   \hat W = W + \Lambda\,(C^{-1}k_*)^\top, \qquad
   \Lambda = \frac{v_* - W k_*}{(C^{-1}k_*)^\top k_*}, \qquad C = \mathbb E\,[k k^\top].

Here :math:`C` is the identity, which needs no pass over text; ``Rome(lm, second_moment=...)`` and
the command ``unfrozen edit`` take the second moment itself.
"""

import matplotlib.pyplot as plt

from unfrozen import Fact, LanguageModel, Rome

lm = LanguageModel.from_pretrained()
fact = Fact(
    "Eiffel Tower",
    "The {} is located in the city of",
    target_true="Paris",
    target_new="Rome",
)
prompts = {
    "the prompt": fact.text,
    "a paraphrase": "If you want to see the Eiffel Tower, travel to the city of",
    "a neighbour": "The Louvre is located in the city of",
}
edit = Rome(lm).edit(fact)


def said() -> dict[str, tuple[float, float]]:
    """Probabilities of the true and of the new object, by prompt."""
    told = {}
    for name, text in prompts.items():
        shares = {token.text: token.probability for token in lm.top(text, 200)}
        told[name] = shares.get(" Paris", 0.0), shares.get(" Rome", 0.0)
    return told


# %%
# The edit is applied for the length of a block; afterwards the weights are the old ones to the bit.

before = said()
with edit.applied(lm):
    after = said()
again = said()
for name, told in (("before", before), ("after", after)):
    print(f"{name}: Paris {told['the prompt'][0]:.3f}, Rome {told['the prompt'][1]:.3f}")
print("taken back, the same as before:", again == before)

# %%
figure, panels = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
for axes, told, title in zip(panels, (before, after), ("before", "after the edit"), strict=True):
    for i, (name, colour) in enumerate((("Paris", "#0072b2"), ("Rome", "#d55e00"))):
        at = [k + 0.4 * i for k in range(len(prompts))]
        axes.bar(at, [pair[i] for pair in told.values()], 0.4, label=name, color=colour)
    axes.set(title=title, xticks=[k + 0.2 for k in range(len(prompts))], ylim=(0, 1))
    axes.set_xticklabels(list(prompts))
panels[0].set_ylabel("probability")
panels[0].legend()

# %%
# **What to look at.** The prompt and its paraphrase say Rome, though only the prompt was written.
# Does the neighbour keep Paris? That is what :math:`C` is for: in the full run, weighing the write
# by the second moment gained :claim:`rome.second-moment` in neighbourhood score over the identity.
# The score S of all three was :claim:`rome.score`.
