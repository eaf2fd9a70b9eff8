"""Many facts written at once: MEMIT, and how its batches are kept from eroding what came before."""

from collections.abc import Mapping
from typing import Any

from unfrozen.errors import ModelError
from unfrozen.language.editing.batch.alphaedit import NullSpaceSolver
from unfrozen.language.editing.batch.critical import critical_range
from unfrozen.language.editing.batch.encore import PreservingSolver
from unfrozen.language.editing.batch.memit import (
    BatchEdit,
    Memit,
    MemitSettings,
    RegularisedSolver,
    Solver,
)
from unfrozen.language.editing.batch.states import subject_keys

SOLVERS: dict[str, type[RegularisedSolver | NullSpaceSolver | PreservingSolver]] = {
    solver.__name__: solver for solver in (RegularisedSolver, NullSpaceSolver, PreservingSolver)
}
"""Every solver by the name that settings are kept with; a new one is one more."""


def described_settings(described: Mapping[str, Any]) -> MemitSettings:
    """The settings back from what `Memit.described` told of them.

    Raises:
        ModelError: they name a solver that is not known.
    """
    known = {name: described[name] for name in MemitSettings.__dataclass_fields__}
    solver = dict(known["solver"])
    name = solver.pop("name")
    if name not in SOLVERS:
        raise ModelError(f"settings name the solver {name!r}: known are {', '.join(SOLVERS)}")
    made = {**known, "layers": tuple(known["layers"]), "solver": SOLVERS[name](**solver)}
    return MemitSettings(**made)


__all__ = [
    "SOLVERS",
    "BatchEdit",
    "Memit",
    "MemitSettings",
    "NullSpaceSolver",
    "PreservingSolver",
    "RegularisedSolver",
    "Solver",
    "critical_range",
    "described_settings",
    "subject_keys",
]
