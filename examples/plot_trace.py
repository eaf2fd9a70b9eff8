"""Where is a fact?
================

Noise on the subject's embeddings makes the model forget; putting single states back shows which
of them carry the fact (Meng et al. 2022, section 2).
"""

from unfrozen import LanguageModel, TraceSettings, trace
from unfrozen.language.plots import heat_map

lm = LanguageModel.from_pretrained()
found = trace(
    lm, "The Eiffel Tower is located in the city of", "Eiffel Tower", TraceSettings(samples=1)
)
print(f"p({found.answer}) = {found.clean:.2f}, corrupted {found.corrupted:.2f}")
figure = heat_map(found)
