import io
import json
import time

import pytest
from rich.console import Console

from unfrozen.cli import console
from unfrozen.papers.claim import Table


def _shown(table, width):
    stream = io.StringIO()
    console.print_table(table, Console(file=stream, width=width))
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_table_loses_nothing_and_takes_nothing_for_markup(width):
    words = ("[red]not", "markup[/]", "αβγ", "a" * 60)
    table = Table(
        "The [bold] title", ("text", "n"), ((" ".join(words), 1234567), ("x", None)), "ok"
    )
    text = _shown(table, width)
    assert max(map(len, text.splitlines())) <= width
    flat = "".join(text.split())
    for word in (*words[:3], "1,234,567", "The[bold]title", "–", "ok"):
        assert word in flat
    assert text.count("a") >= 60


def test_words_stay_whole_where_there_is_room():
    table = Table("t", ("name", "text"), (("some-long-name-of-28-letters", "word " * 40),))
    assert "some-long-name-of-28-letters" in _shown(table, 60)


def test_numbers_are_on_the_right():
    lines = _shown(Table("t", ("n", "s"), ((1, "a"), (1000, "b"))), 40).splitlines()
    assert [line.rstrip() for line in lines if line.endswith(("a ", "b "))] == [
        "     1  a", " 1,000  b",
    ]  # fmt: skip


def test_json_goes_to_stdout_or_whole_to_a_file(tmp_path, capfd):
    payload = {"a": [1, None, "é"]}
    console.emit_json("-", payload)
    assert json.loads(capfd.readouterr().out) == payload
    console.emit_json(tmp_path / "new" / "x.json", payload)
    assert json.loads((tmp_path / "new" / "x.json").read_text()) == payload
    with pytest.raises(ValueError, match="JSON compliant"):
        console.emit_json(tmp_path / "new" / "y.json", float("nan"))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["x.json"]


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("after", "shown"), [(0.0, True), (60.0, False)])
def test_progress_is_shown_on_a_terminal_once_it_takes_a_while(monkeypatch, after, shown):
    terminal = _Terminal()
    monkeypatch.setattr(console.sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with console.progress(after) as bars:
        assert bars is not None
        task = bars.add_task("counting sheep", total=3)
        bars.advance(task)
        time.sleep(0.3)
    assert ("counting sheep" in terminal.getvalue()) is shown


def test_progress_is_silent_elsewhere(monkeypatch):
    monkeypatch.setattr(console.sys, "stderr", io.StringIO())
    with console.progress() as bars:
        assert bars is None
