"""Names from a browser as folders, none of them outside the workbench's own."""

import re
from pathlib import Path

from unfrozen.errors import WorkbenchError

HERE = "."
"""The name of the workbench's folder itself, where that is a workspace."""

_NAME = re.compile(r"\w[\w .-]{0,79}")


def inside(home: Path, name: str) -> Path:
    """The folder or file of a name.

    Args:
        home: the folder that it must be in.
        name: one part of a path; `HERE` for the folder itself.

    Raises:
        WorkbenchError: the name has more parts, or leads out of the folder by a link.
    """
    if name == HERE:
        return home
    if not _NAME.fullmatch(name) or name.endswith((".", " ")):
        raise WorkbenchError(
            f"{name!r} is no name here: use up to 80 letters, digits, blanks, dots and dashes"
        )
    path = home / name
    if not path.resolve().is_relative_to(home.resolve()):
        raise WorkbenchError(f"{name!r} leads out of {home}: only what is in it is opened")
    return path


def workspaces(home: Path) -> list[str]:
    """The names of the workspaces: the folder itself, if it is one, and those in it."""
    found = [HERE] if (home / "workspace.json").is_file() else []
    folders = sorted(path.parent for path in home.glob("*/workspace.json") if path.is_file())
    home = home.resolve()
    return found + [
        folder.name
        for folder in folders
        if _NAME.fullmatch(folder.name) and folder.resolve().is_relative_to(home)
    ]
