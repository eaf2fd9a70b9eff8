"""``unfrozen workbench``: all of it in a browser, on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from unfrozen.cli.console import output

EXAMPLES = {
    "workbench": (
        "unfrozen workbench                        the workspaces of this folder",
        "unfrozen workbench facts                  one workspace",
        "unfrozen workbench --port 9000 --no-browser",
    )
}


def workbench(
    folder: Annotated[
        Path, typer.Argument(help="A workspace, or the folder that workspaces are in.")
    ] = Path(),
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port; 0 for any that is free. By default 8421, or a free one if it is taken.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Interface; by default only this machine reaches the pages."
        ),
    ] = "127.0.0.1",
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Language model to begin with; see `unfrozen models`."),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Show the pages of the workbench in a browser until it is interrupted.

    The address that is printed holds a token: whoever has it may do what you may in this folder.
    Nothing outside the folder is opened.
    """
    import contextlib

    from unfrozen.errors import WorkbenchError
    from unfrozen.workbench import serve
    from unfrozen.workbench.settings import LOOPBACK, PORT, Settings

    home = folder.absolute()
    if not home.is_dir():
        raise WorkbenchError(f"{folder} is no folder: name a workspace, or make the folder")
    settings = Settings(home, host, PORT if port is None else port, model, browser=browser)
    console = output()

    def ready(address: str) -> None:
        console.print(f"The workbench of {home} is at", markup=False, soft_wrap=True)
        console.print(address, markup=False, soft_wrap=True)
        if host not in (LOOPBACK, "localhost", "::1"):
            console.print(
                f"Whoever reaches {host} with the token gets in; nothing is encrypted on the way.",
                markup=False,
                soft_wrap=True,
            )
        console.print("Ctrl-C ends it.", markup=False)

    with contextlib.suppress(KeyboardInterrupt):
        serve(settings, ready)
