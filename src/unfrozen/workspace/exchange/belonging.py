"""What means the same in another workspace, and what does not."""

from collections.abc import Iterable
from pathlib import Path

from unfrozen.errors import WorkspaceError
from unfrozen.workspace.change import Change
from unfrozen.workspace.kinds import EXPERIENCE
from unfrozen.workspace.log import Entry


def check_movable(changes: Iterable[Change | Entry], source: Path) -> None:
    """Whether changes can be added to a workspace in which they were not made.

    Args:
        changes: to be added.
        source: where they come from.

    Raises:
        WorkspaceError: one is what an agent's errand left.  Its numbers, of places, slots and
            errands, go on from those before it, so that they are others in another life.
    """
    for change in changes:
        if change.kind == EXPERIENCE:
            raise WorkspaceError(
                f"{change.name!r} of {source} is an experience of an agent, and belongs to the "
                "life in which it was made: copy that life's whole folder instead"
            )
