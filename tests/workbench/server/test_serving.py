"""The server itself: its socket, its address, and an end by Ctrl-C."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from unfrozen.cli.main import main
from unfrozen.errors import WorkbenchError
from unfrozen.workbench import serve
from unfrozen.workbench.settings import Settings


def test_the_command_prints_an_address_that_answers_and_ends_well(tmp_path, tiny_folder):
    command = [sys.executable, "-m", "unfrozen.cli.main", "workbench", str(tmp_path)]
    command += ["--port", "0", "--no-browser", "--model", str(tiny_folder)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "40"}
    )
    try:
        assert process.stdout.readline() == f"The workbench of {tmp_path} is at\n"
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address) as answer:
            assert "SameSite=Strict" in answer.headers["set-cookie"]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(address.partition("?")[0])
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def test_a_port_that_is_taken_is_told(tmp_path):
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WorkbenchError, match="--port"):
            serve(Settings(tmp_path, port=port), print)


def test_without_its_extra_the_workbench_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(WorkbenchError, match=r"pip install unfrozen\[workbench\]"):
        serve(Settings(tmp_path), print)


def test_a_folder_that_is_none_is_told(tmp_path, capfd):
    assert main(["workbench", str(tmp_path / "none"), "--no-browser"]) == 2
    assert "is no folder" in capfd.readouterr().err


def test_the_help_has_examples(capfd):
    assert main(["workbench", "--help"]) == 0
    assert "--port 9000 --no-browser" in capfd.readouterr().out
