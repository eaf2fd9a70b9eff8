"""What pages of the documentation show: code runs, and commands have the options they are given."""

import doctest
import functools
import re
import shlex
from pathlib import Path

import pytest
import typer

from unfrozen.cli.main import build

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "docs" / "how-to").glob("*.md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page, *languages):
    return [text for language, text in FENCE.findall(page.read_text()) if language in languages]


def sessions():
    return [page for page in PAGES if blocks(page, "pycon")]


def commands():
    for page in PAGES:
        for line in "".join(blocks(page, "console", "sh")).replace("\\\n", " ").split("\n"):
            told = line.removeprefix("$ ").strip()
            if told.startswith("unfrozen "):
                yield pytest.param(told, id=f"{page.stem}: {told}")


@pytest.mark.parametrize("page", sessions(), ids=lambda p: p.stem)
def test_sessions_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "\n".join(blocks(page, "pycon"))
    test = doctest.DocTestParser().get_doctest(text, {}, page.stem, str(page), 0)
    found = doctest.DocTestRunner(verbose=False).run(test)
    assert found.attempted
    assert not found.failed


@functools.cache
def application():
    return typer.main.get_command(build())


@pytest.mark.parametrize("told", list(commands()))
def test_commands_have_these_options(told):
    words = shlex.split(told, comments=True)[1:]
    words = words[: words.index("|")] if "|" in words else words
    command = application()
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    for word in words:
        if word.startswith("-") and not re.fullmatch(r"-[\d.]*", word):
            assert word.split("=")[0] in known | {"--help"}, f"there is no option {word}"
