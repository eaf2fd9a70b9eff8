import errno
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from unfrozen._version import __version__
from unfrozen.cli import main as cli
from unfrozen.errors import FactError

NAMES = [command.name for command in cli.COMMANDS]


def _application(error):
    """An application whose one command raises."""
    application = typer.Typer(pretty_exceptions_enable=False)
    application.callback()(lambda: None)

    @application.command("fail")
    def fail() -> None:
        raise error

    return application


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (FactError("no subject in\n  the prompt"), 2, "error: no subject in the prompt"),
        (KeyboardInterrupt(), 130, "error: interrupted"),
        (typer.Abort(), 130, "error: interrupted"),
        (
            OSError(errno.ENOSPC, "No space left on device", "a/b"),
            2,
            "error: the disk is full (a/b): free some space and run the same command again",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "a/b"),
            2,
            "error: Permission denied (a/b): name a place that can be written",
        ),
    ],
)
def test_what_a_user_can_act_on_is_one_line(capfd, error, code, line):
    assert cli.main(["fail"], _application(error)) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err == line + "\n"


@pytest.mark.parametrize("error", [ZeroDivisionError("ours"), FileNotFoundError(2, "no", "x")])
def test_a_bug_of_ours_is_not_dressed_up(error):
    with pytest.raises(type(error)):
        cli.main(["fail"], _application(error))


def test_the_exit_code_of_a_command_is_passed_on():
    assert cli.main(["fail"], _application(typer.Exit(1))) == 1


@pytest.mark.parametrize(
    "typed", ["nonsense", "--nonsense", "models --nonsense", "models stray", "reproduce --seed x"]
)
def test_a_usage_error_is_one_line_that_names_the_help(capfd, typed):
    assert cli.main(shlex.split(typed)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "--help" in err


def test_version(capfd):
    assert cli.main(["--version"]) == 0
    assert capfd.readouterr().out == f"unfrozen {__version__}\n"


def test_without_a_command_the_help_lists_them_all(capfd):
    assert cli.main([]) == 0
    out = capfd.readouterr().out
    assert all(name.split()[0] in out for name in NAMES)


def test_a_group_without_a_command_lists_its_own(capfd):
    assert cli.main(["memory"]) in (0, 2)
    assert "forget" in capfd.readouterr().out


@pytest.mark.parametrize("command", cli.COMMANDS, ids=NAMES)
def test_every_command_shows_examples_that_its_own_parser_takes(command, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    typed = command.name.split()
    assert cli.main([*typed, "--help"]) == 0
    out = capfd.readouterr().out
    module = __import__(command.function.split(":")[0], fromlist=["EXAMPLES"])
    examples = module.EXAMPLES[command.name]
    assert len(examples) >= 1
    parser = typer.main.get_command(cli.build())
    for word in typed:
        parser = parser.commands[word]
    for example in examples:
        line, _, _ = example.partition("   ")
        words = shlex.split(line)
        assert words[: 1 + len(typed)] == ["unfrozen", *typed]
        parser.make_context(command.name, words[1 + len(typed) :])
        assert line in out


def test_the_help_loads_nothing_heavy():
    code = (
        "import sys; from unfrozen.cli.main import main; assert main(['--help']) == 0; "
        "heavy = {'torch', 'transformers', 'numpy', 'matplotlib'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("typed", ["--help", "--version"])
def test_a_full_disk_behind_stdout_is_one_line(typed):
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "unfrozen.cli.main", typed],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert run.returncode == 2
    assert run.stderr.startswith("error: the disk is full")
    assert run.stderr.count("\n") == 1
