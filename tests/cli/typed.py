"""Commands as a user types them."""

import shlex

from unfrozen.cli.main import main


def run(line, capfd, code=0):
    """What a command writes to stdout."""
    capfd.readouterr()
    assert main(shlex.split(line)) == code
    return capfd.readouterr().out


def refused(line, capfd):
    """The one line of a command that cannot be done."""
    capfd.readouterr()
    assert main(shlex.split(line)) == 2
    (told,) = capfd.readouterr().err.splitlines()
    return told
