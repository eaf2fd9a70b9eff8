"""The server: a socket, the application on it, and a browser."""

import socket
import webbrowser
from collections.abc import Callable
from dataclasses import replace

import uvicorn

from unfrozen.errors import WorkbenchError
from unfrozen.workbench.server.app import create_app
from unfrozen.workbench.settings import PORT, Settings


def run(settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve until interrupted; see `unfrozen.workbench.serve`."""
    bound = _bind(settings)
    settings = replace(settings, port=bound.getsockname()[1])
    address = f"{settings.address}/?token={settings.token}"
    config = uvicorn.Config(
        create_app(settings), log_level="warning", access_log=False, timeout_graceful_shutdown=2
    )
    server = _Server(config, lambda: _announce(address, ready, settings.browser))
    with bound:
        server.run(sockets=[bound])


class _Server(uvicorn.Server):
    """Tells when it answers."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._told = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._told()


def _announce(address: str, ready: Callable[[str], None], browser: bool) -> None:
    ready(address)
    if browser:
        webbrowser.open(address)


def _bind(settings: Settings) -> socket.socket:
    """A socket that listens where it was asked; beside a second workbench, at any free port."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    ports = (PORT, 0) if settings.port == PORT else (settings.port,)
    problem: OSError | None = None
    for port in ports:
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((settings.host, port))
        except OSError as error:
            bound.close()
            problem = error
        else:
            return bound
    raise WorkbenchError(
        f"{settings.host}:{settings.port} cannot be listened on ({problem}): give a free port by "
        "--port, or --port 0"
    )
