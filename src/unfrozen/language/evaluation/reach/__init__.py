"""How far an edit reaches: every token, what follows from the new object, and the way back."""

from unfrozen.language.evaluation.reach.asking import ASKED, Asking, Kind
from unfrozen.language.evaluation.reach.portability import (
    Hop,
    Portability,
    find_hops,
    portability,
)
from unfrozen.language.evaluation.reach.reversal import reversal, reversed_prompts
from unfrozen.language.evaluation.reach.tokens import TokenAccuracy, token_accuracy

__all__ = [
    "ASKED",
    "Asking",
    "Hop",
    "Kind",
    "Portability",
    "TokenAccuracy",
    "find_hops",
    "portability",
    "reversal",
    "reversed_prompts",
    "token_accuracy",
]
