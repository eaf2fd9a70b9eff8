"""The browser that the tests use: one that is installed, else playwright's own."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NAMED = "UNFROZEN_CHROMIUM"
ADVICE = (
    "no Chromium was found, and playwright could not fetch one: install it (Debian: apt-get "
    f"install chromium), or name one by {NAMED}=/path/to/chromium"
)


def chromium() -> str | None:
    """Path of the browser; None for the one that playwright has fetched.

    Raises:
        SystemExit: there is none.
    """
    named = os.environ.get(NAMED)
    if named:
        if shutil.which(named) is None:
            raise SystemExit(f"error: {NAMED} is {named}, which cannot be run")
        return named
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        command = [sys.executable, "-m", "playwright", "install", "chromium"]
        if subprocess.run(command, check=False).returncode != 0:
            raise SystemExit(f"error: {ADVICE}")
    return found
