"""Every error that unfrozen raises on purpose.

A message is one line that says what was wrong, where, and what to do about it.  The command line
prints that line and exits with 2; a traceback reaches a user only for a bug of ours.
"""


class UnfrozenError(Exception):
    """Base of every error that unfrozen raises on purpose."""


class DataError(UnfrozenError):
    """A model, a data set or a file is missing, malformed, or not the one that was meant."""


class ModelError(UnfrozenError):
    """A model lacks a part that is needed, or does not behave as its adapter says."""


class FactError(UnfrozenError):
    """A fact cannot be used as it was given (subject not in the prompt, empty target, ...)."""


class MemoryShapeError(UnfrozenError):
    """Keys, values or queries do not fit the associative memory they were given to."""


class WorkspaceError(UnfrozenError):
    """A workspace is missing, damaged, or of another base model."""


class PaperError(UnfrozenError):
    """An experiment is unknown or was asked for something it cannot do."""


class EnergyError(UnfrozenError):
    """A state does not fit an energy, or a descent was asked for what makes no sense."""


class ScaleError(UnfrozenError):
    """Work could not be shared: Ray is missing, has no cluster there, or a piece kills workers."""


class MapError(UnfrozenError):
    """A world, a walk or a map cannot be used as it was given."""


class LearningError(UnfrozenError):
    """A training without backpropagation was set up wrongly, or its record does not fit."""


class TopologyError(UnfrozenError):
    """Cells make no combinatorial complex, or a matrix, layer or file does not fit one."""


class WorldError(UnfrozenError):
    """A world, a model of one or a plan in it is not what it has to be."""


class AgentError(UnfrozenError):
    """An agent, its memory or a record of its life is not what it has to be."""


class WorkbenchError(UnfrozenError):
    """The workbench cannot start, or was asked for what it does not open."""
