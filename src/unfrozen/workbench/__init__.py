"""The workbench: unfrozen in a browser, on this machine.

A page is one folder in ``pages/`` (its routes), one in ``static/pages/`` (its HTML and modules),
and one line in `unfrozen.workbench.pages.PAGES`.
"""

from typing import TYPE_CHECKING

from unfrozen.errors import WorkbenchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from unfrozen.workbench.settings import Settings

__all__ = ["serve"]


def serve(settings: "Settings", ready: "Callable[[str], None]") -> None:
    """Serve the pages until interrupted.

    Args:
        settings: where, and over which folder.
        ready: called with the address once it answers.

    Raises:
        WorkbenchError: what it needs is not installed, or the port is taken.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise WorkbenchError(
            f"the workbench needs {error.name}: run `pip install unfrozen[workbench]`"
        ) from error
    from unfrozen.workbench.server.serving import run

    run(settings, ready)
