"""What a workbench is started with."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"
PORT = 8421


def new_token() -> str:
    """A token nobody guesses: 256 bits."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Settings:
    """Where the pages are served, and over which folder.

    Attributes:
        home: the folder of workspaces, or a workspace; nothing outside it is read or written.
        host: the interface; only programs of this machine reach the default.
        port: TCP port; 0 for any that is free.
        model: language model to begin with; None for the default one.
        token: whoever has it may do everything.
        most_bytes: largest upload.
        most_json_bytes: largest JSON request.
        browser: whether to open a browser.
    """

    home: Path
    host: str = LOOPBACK
    port: int = PORT
    model: str | None = None
    token: str = field(default_factory=new_token, repr=False)
    most_bytes: int = 64_000_000
    most_json_bytes: int = 1_000_000
    browser: bool = False

    @property
    def cookie(self) -> str:
        """Name of the cookie; browsers share cookies among the ports of a machine."""
        return f"unfrozen-{self.port}"

    @property
    def address(self) -> str:
        """Where the pages are, without the token."""
        host = LOOPBACK if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
