"""Neural networks whose memory stays plastic.

The names below are loaded when they are first used, so that ``import unfrozen`` is instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unfrozen._version import __version__

if TYPE_CHECKING:
    from unfrozen.errors import UnfrozenError
    from unfrozen.language.editing.rome import Rome, RomeSettings
    from unfrozen.language.evaluation import evaluate
    from unfrozen.language.facts import Fact
    from unfrozen.language.model import LanguageModel
    from unfrozen.language.tracing import Trace, TraceSettings, trace
    from unfrozen.workspace import Workspace
    from unfrozen.workspace.editing import edit_fact, edit_facts

_HOMES = {
    "Fact": "unfrozen.language.facts",
    "LanguageModel": "unfrozen.language.model",
    "Rome": "unfrozen.language.editing.rome",
    "RomeSettings": "unfrozen.language.editing.rome",
    "Trace": "unfrozen.language.tracing",
    "TraceSettings": "unfrozen.language.tracing",
    "UnfrozenError": "unfrozen.errors",
    "Workspace": "unfrozen.workspace",
    "edit_fact": "unfrozen.workspace.editing",
    "edit_facts": "unfrozen.workspace.editing",
    "evaluate": "unfrozen.language.evaluation",
    "trace": "unfrozen.language.tracing",
}

__all__ = [
    "Fact",
    "LanguageModel",
    "Rome",
    "RomeSettings",
    "Trace",
    "TraceSettings",
    "UnfrozenError",
    "Workspace",
    "__version__",
    "edit_fact",
    "edit_facts",
    "evaluate",
    "trace",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'unfrozen' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
