"""The ``unfrozen`` command: every command in one table, and one line for every error.

A command is a function with typer's annotations in a module that imports nothing heavy at its
top, so that ``unfrozen --help`` is instant; its examples stand in the module's ``EXAMPLES``.
"""

import contextlib
import errno
import importlib
import inspect
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.markup import escape

from unfrozen._version import __version__
from unfrozen.errors import UnfrozenError


@dataclass(frozen=True)
class Command:
    """A command of the command line.

    Attributes:
        name: what the user types: a word, or the word of a group and one of its own.
        function: ``module:function``.
        panel: heading under which ``--help`` lists it.
    """

    name: str
    function: str
    panel: str


_WORKSPACES = "Workspaces"
_MODELS = "Models"
_MEMORIES = "Memories"
_MAPS = "Maps"
_COMPLEXES = "Complexes"
_AGENTS = "Agents"
_PAPERS = "Papers"
_PAGES = "Pages"

GROUPS = {
    "memory": ("Keep vectors or texts in a folder, and read them by likeness.", _MEMORIES),
    "map": ("Learn the structure of worlds, and find the way in new ones.", _MAPS),
    "topology": ("Measure, lift and draw graphs, meshes and other complexes.", _COMPLEXES),
    "world": ("Train a model of rooms without reward, look through it, and plan with it.", _AGENTS),
    "agent": (
        "Let an agent live in a changing town, and ask it why it does what it does.",
        _AGENTS,
    ),
}
"""The first words that several commands share -> what they are for, and their heading."""

COMMANDS: tuple[Command, ...] = (
    Command("demo", "unfrozen.cli.language.demo:demo", _MODELS),
    Command("models", "unfrozen.cli.models:models", _MODELS),
    Command("doctor", "unfrozen.cli.doctor.command:doctor", _MODELS),
    Command("ask", "unfrozen.cli.language.ask:ask", _MODELS),
    Command("trace", "unfrozen.cli.language.trace:trace", _MODELS),
    Command("heads", "unfrozen.cli.language.heads:heads", _MODELS),
    Command("calibrate", "unfrozen.cli.editing.calibrate:calibrate", _MODELS),
    Command("evaluate", "unfrozen.cli.evaluation.evaluate:evaluate", _MODELS),
    Command("graph", "unfrozen.cli.graph.knowledge:graph", _MODELS),
    Command("init", "unfrozen.cli.workspaces:init", _WORKSPACES),
    Command("edit", "unfrozen.cli.editing.edit:edit", _WORKSPACES),
    Command("tune", "unfrozen.cli.tuning:tune", _WORKSPACES),
    Command("remember", "unfrozen.cli.editing.remember:remember", _WORKSPACES),
    Command("forget", "unfrozen.cli.editing.remember:forget", _WORKSPACES),
    Command("log", "unfrozen.cli.workspaces:log", _WORKSPACES),
    Command("show", "unfrozen.cli.workspaces:show", _WORKSPACES),
    Command("revert", "unfrozen.cli.workspaces:revert", _WORKSPACES),
    Command("restore", "unfrozen.cli.workspaces:restore", _WORKSPACES),
    Command("diff", "unfrozen.cli.graph.difference:diff", _WORKSPACES),
    Command("bisect", "unfrozen.cli.history:bisect", _WORKSPACES),
    Command("compact", "unfrozen.cli.history:compact", _WORKSPACES),
    Command("merge", "unfrozen.cli.history:merge", _WORKSPACES),
    Command("export", "unfrozen.cli.workspaces:export", _WORKSPACES),
    Command("import", "unfrozen.cli.workspaces:import_", _WORKSPACES),
    Command("materialize", "unfrozen.cli.workspaces:materialize", _WORKSPACES),
    Command("memory create", "unfrozen.cli.memory.commands:create", _MEMORIES),
    Command("memory write", "unfrozen.cli.memory.commands:write", _MEMORIES),
    Command("memory read", "unfrozen.cli.memory.commands:read", _MEMORIES),
    Command("memory stats", "unfrozen.cli.memory.commands:stats", _MEMORIES),
    Command("memory forget", "unfrozen.cli.memory.commands:forget", _MEMORIES),
    Command("map explore", "unfrozen.cli.map.explore:explore", _MAPS),
    Command("map train", "unfrozen.cli.map.train:train", _MAPS),
    Command("topology stats", "unfrozen.cli.topology.stats:stats", _COMPLEXES),
    Command("topology lift", "unfrozen.cli.topology.lift:lift", _COMPLEXES),
    Command("topology draw", "unfrozen.cli.topology.draw:draw", _COMPLEXES),
    Command("world train", "unfrozen.cli.world.train:train", _AGENTS),
    Command("world plan", "unfrozen.cli.world.plan:plan", _AGENTS),
    Command("agent run", "unfrozen.cli.agent.run:run", _AGENTS),
    Command("agent report", "unfrozen.cli.agent.report:report", _AGENTS),
    Command("agent why", "unfrozen.cli.agent.why:why", _AGENTS),
    Command("agent watch", "unfrozen.cli.agent.watch:watch", _AGENTS),
    Command("agent compare", "unfrozen.cli.agent.report:compare", _AGENTS),
    Command("reproduce", "unfrozen.cli.reproduce:reproduce", _PAPERS),
    Command("workbench", "unfrozen.cli.workbench:workbench", _PAGES),
)
"""All commands, in the order in which ``--help`` lists them."""

_INTERRUPTED = 130
_SPACE = {errno.ENOSPC, errno.EDQUOT}
# What a disk or its owner refuses: the user can act on it, so it is no bug of ours.
_REFUSED = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG, errno.EIO,
    errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG,
}  # fmt: skip


def build(commands: Sequence[Command] = COMMANDS) -> typer.Typer:
    """The application made of these commands."""
    application = typer.Typer(
        name="unfrozen",
        help="Find, rewrite, measure and take back what a language model knows.",
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="[bold]unfrozen COMMAND --help[/] shows examples.",
    )
    application.callback()(_options)
    groups: dict[str, typer.Typer] = {}
    for command in commands:
        path, function = command.function.split(":")
        module = importlib.import_module(path)
        group, _, word = command.name.rpartition(" ")
        if group and group not in groups:
            told, panel = GROUPS[group]
            groups[group] = typer.Typer(name=group, help=told, no_args_is_help=True)
            application.add_typer(groups[group], rich_help_panel=panel)
        (groups[group] if group else application).command(
            word,
            help=_help(getattr(module, function)),
            epilog=_epilog(module, command.name),
            rich_help_panel=command.panel,
        )(getattr(module, function))
    return application


def main(arguments: Sequence[str] | None = None, application: typer.Typer | None = None) -> int:
    """Run a command line.

    Args:
        arguments: what the user typed after ``unfrozen``; None for what is in ``sys.argv``.
        application: for tests; None for all `COMMANDS`.

    Returns:
        The exit code: 0 done, 1 what a command says with it, 2 bad input or a disk that refuses,
        130 interrupted.
    """
    typed = sys.argv[1:] if arguments is None else list(arguments)
    try:
        with contextlib.suppress(AttributeError):
            for stream in (sys.stdout, sys.stderr):
                # A terminal that lacks a sign shows another; that is no reason to fail.
                stream.reconfigure(errors="replace")  # pyright: ignore[reportAttributeAccessIssue]
        application = application or build()
        code = application(args=typed or ["--help"], prog_name="unfrozen", standalone_mode=False)
        sys.stdout.flush()
        if code == _INTERRUPTED:  # what typer makes of Ctrl-C
            return _fail("interrupted", _INTERRUPTED)
        return code if isinstance(code, int) else 0
    except UnfrozenError as error:
        return _fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", _INTERRUPTED)
    except OSError as error:
        return _system_error(error)
    except Exception as error:
        # Usage errors share no public base class; they are known by the code they carry.
        message = getattr(error, "format_message", None)
        if message is None or not hasattr(error, "exit_code"):
            raise
        context = getattr(error, "ctx", None)
        where = context.command_path if context is not None else "unfrozen"
        return _fail(f"{message().rstrip('.')} (see {where} --help)")


def _show_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"unfrozen {__version__}")
        raise typer.Exit
    return wanted


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    """Options that stand before a command."""


def _help(function: Any) -> str:
    """A command's docstring with a line a paragraph, which the terminal then wraps."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(escape(" ".join(paragraph.split())) for paragraph in paragraphs)


def _epilog(module: Any, name: str) -> str:
    """A command's examples as typer shows them: paragraphs become lines."""
    examples = getattr(module, "EXAMPLES", {}).get(name, ())
    return "\n\n".join(["[bold]Examples[/]", *(escape(example) for example in examples)])


def _fail(message: str, code: int = 2) -> int:
    """Say what went wrong in exactly one line."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"error: {' '.join(message.split())}\n")
        sys.stderr.flush()
    return code


def _system_error(error: OSError) -> int:
    """What the system refused, if the user can act on it; a bug of ours is raised on."""
    if error.errno == errno.EPIPE:
        _silence_stdout()  # the reader, `head` perhaps, has seen enough
        return 1  # as typer does
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in _SPACE:
        _silence_stdout()
        return _fail(f"the disk is full{where}: free some space and run the same command again")
    if error.errno in _REFUSED:
        return _fail(f"{error.strerror}{where}: name a place that can be written")
    raise error


def _silence_stdout() -> None:
    """Give what is left unwritten somewhere to go, so that leaving Python does not fail again."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


if __name__ == "__main__":
    sys.exit(main())
