r"""Where is a fact?
================

Causal tracing (Meng et al. 2022, section 2) runs a prompt three times. The clean run answers it.
The corrupted run has noise on the embeddings of the subject and answers it no more. A restored run
is the corrupted one with a single state :math:`h_i^{(l)}` put back to what it was. The state's
indirect effect is what the answer's probability gains by it:

.. math::

   \mathrm{IE}(i, l) = P_{*,\ \text{clean } h_i^{(l)}}[o] - P_*[o].
"""

from unfrozen import LanguageModel, TraceSettings, trace
from unfrozen.language.plots import heat_map

lm = LanguageModel.from_pretrained()
found = trace(
    lm, "The Eiffel Tower is located in the city of", "Eiffel Tower", TraceSettings(samples=1)
)
print(f"p({found.answer}) = {found.clean:.2f}, corrupted {found.corrupted:.2f}")
figure = heat_map(found)

# %%
# **What to look at.** Two sites bring the answer back: early layers at the last token of the
# subject, and late layers at the last token of the prompt. The first is where the fact is read out
# of the MLPs, the second where it is about to be said. One sample of noise is rough;
# ``TraceSettings(samples=10)`` is the paper's number. Tracing does not tell where an edit works
# best (Hase et al. 2023): that is what ``unfrozen calibrate`` is for. Over many facts, the effect
# of MLP outputs at their peak was :claim:`tracing.mlp-site` in the full run.
