"""What else an edit changed: unrelated prompts, neighbours, prose, and questions."""

from unfrozen.language.evaluation.side.drift import Drift, divergences, drift, next_logs
from unfrozen.language.evaluation.side.near import NearEdit, near_edit, prompts_after_edit
from unfrozen.language.evaluation.side.unrelated import (
    unrelated,
    unrelated_prompts,
    unrelated_questions,
    unrelated_texts,
)

__all__ = [
    "Drift",
    "NearEdit",
    "divergences",
    "drift",
    "near_edit",
    "next_logs",
    "prompts_after_edit",
    "unrelated",
    "unrelated_prompts",
    "unrelated_questions",
    "unrelated_texts",
]
