"""Memories of a workspace: facts and documents beside its model, remembered and forgotten."""

from unfrozen.workspace.remembering.recalling import (
    Memories,
    memories_in,
    memories_of,
    recalling,
)
from unfrozen.workspace.remembering.writing import (
    Forgotten,
    forget,
    remember_documents,
    remember_facts,
)

__all__ = [
    "Forgotten",
    "Memories",
    "forget",
    "memories_in",
    "memories_of",
    "recalling",
    "remember_documents",
    "remember_facts",
]
