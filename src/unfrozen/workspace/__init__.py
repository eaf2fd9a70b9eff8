"""A frozen base model, and an append-only log of the changes over it.

`Workspace` is the folder, `Change` one plastic change, `Entry` one line of the log, and `Fold` sets
a model to its base plus any changes, exact to the bit.
"""

from unfrozen.workspace.change import Change
from unfrozen.workspace.fold import Fold
from unfrozen.workspace.log import Entry
from unfrozen.workspace.workspace import Workspace

__all__ = ["Change", "Entry", "Fold", "Workspace"]
