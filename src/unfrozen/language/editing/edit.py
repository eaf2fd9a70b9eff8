"""What an editing method gives back: a change of some parameters, small and not yet applied."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from unfrozen.language.model import LanguageModel
from unfrozen.memory import LowRank


@dataclass(frozen=True)
class Edit:
    """A change of some parameters.

    Attributes:
        method: what made it.
        updates: parameter name -> low-rank change, in the parameter's own orientation.
        dense: parameter name -> full-rank change, of methods whose changes have no low rank.
        settings: with which settings.
        diagnostics: what was measured while it was made.
    """

    method: str
    updates: dict[str, LowRank] = field(default_factory=dict)
    dense: dict[str, Tensor] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def deltas(self) -> dict[str, Tensor]:
        """What is added to each parameter."""
        return {**{name: u.dense() for name, u in self.updates.items()}, **self.dense}

    @contextmanager
    def applied(self, lm: LanguageModel) -> Iterator[LanguageModel]:
        """The edited model, for the length of a block; the old weights come back to the bit."""
        with lm.edited(self.deltas()):
            yield lm
