"""Texts as vectors: the mean state of a language model's lower layers, on a scale of its own.

States of language models have a few features that are large everywhere and say nothing.  Means and
deviations over a handful of everyday sentences take them away; what is left is compared by angle.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import FactError
from unfrozen.language.model import LanguageModel

_EVERYDAY = (
    "The weather was fine.",
    "I do not know what to say about it.",
    "She opened the door and went out.",
    "It costs more than before.",
    "There are many ways to do this.",
    "He works in an office.",
    "We had dinner at home.",
    "This is a short note.",
    "What is it?",
    "Who said that, and why?",
    "Where can I find one?",
)
_DEPTH = 1 / 15
_LEAST = 1e-3


class Embedding:
    """Maps texts to vectors of norm one.

    Args:
        lm: the model.
        layer: after which layer states are taken; by default a fifteenth of the way up, where
            words have met their neighbours and have not yet become a prediction.

    Raises:
        ModelError: there is no such layer.
    """

    def __init__(self, lm: LanguageModel, layer: int | None = None) -> None:
        self.lm = lm
        self.layer = lm.layer(round(lm.n_layers * _DEPTH) if layer is None else layer)
        everyday = torch.cat([self._states(text) for text in _EVERYDAY])
        self._mean, self._scale = everyday.mean(0), everyday.std(0) + _LEAST

    @property
    def width(self) -> int:
        """Features of a vector."""
        return self.lm.sites.width

    def __call__(self, texts: Sequence[str]) -> Float[Tensor, "n width"]:
        """A vector a text.

        Raises:
            FactError: a text is empty.
            ModelError: a text is longer than the model reads.
        """
        found = []
        for text in texts:
            if not text.strip():
                raise FactError("a text to be remembered or asked for is empty")
            found.append(((self._states(text) - self._mean) / self._scale).mean(0))
        if not found:
            return torch.empty(0, self.width)
        return torch.nn.functional.normalize(torch.stack(found), dim=1).float().cpu()

    def _states(self, text: str) -> Float[Tensor, "time width"]:
        ids = self.lm.encode(text)
        self.lm.check_length(ids.shape[1])
        kept = self.lm.run(ids, keep=("state",), stop_after=self.layer).kept["state"]
        states = kept[self.layer][0]
        # The first position of a decoder sees nothing but itself, and most models park there.
        return states[1:] if len(states) > 1 else states
