"""How soon does the workbench show its first page, answer, and draw a trace?"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

QUESTION = "seconds from the command to the first page and to a trace; answers under load, in ms"
PROMPT, SUBJECT = "The Eiffel Tower is located in the city of", "Eiffel Tower"
# What is promised: 3 s to the first page, 20 s to a trace, 200 ms to any answer.
FIRST, TRACE, ANSWER = 3.0, 20.0, 200.0
_ROUNDS = 15
# What each page asks when it is opened.
_FIRST_ASKED = {
    "knowledge": "/api/knowledge/states", "memory": "/api/memory/letters",
    "map": "/api/map/families", "learning": "/api/learning/runs",
    "complexes": "/api/complexes/examples", "agent": "/api/agent/lives", "papers": "/api/papers",
}  # fmt: skip


def run() -> dict[str, float]:
    """Start a workbench as a user does, and time it from outside."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        with _workbench(home) as asking:
            asking.text("/knowledge")
            first = time.perf_counter() - began
            found["first page, s"] = first
            found["first page over what is promised"] = first / FIRST
            found["slowest answer while the model loads, ms"] = asking.slowest(until=1)
            loaded = asking.follow(1)
            found["model loaded, s in the background"] = loaded["seconds"]
            found |= {
                f"first answer of {name}, ms": asking.milliseconds(path)
                for name, path in _FIRST_ASKED.items()
            }
            found |= _answers(asking, "at rest")
            for times in ("first", "second"):
                job = asking.post("/api/knowledge/ask", {"prompt": PROMPT})
                found[f"{times} question, s"] = asking.follow(job["id"])["seconds"]
            asked = {"prompt": PROMPT, "subject": SUBJECT, "samples": 4}
            job = asking.post("/api/knowledge/trace", asked)
            found["slowest answer while a trace is drawn, ms"] = asking.slowest(until=job["id"])
            took = asking.follow(job["id"])["seconds"]
            found["trace of three kinds, 4 samples, s"] = took
            found["trace over what is promised"] = took / TRACE
    worst = max(value for name, value in found.items() if name.endswith(", ms"))
    found["slowest answer over what is promised"] = worst / ANSWER
    return found


class _Asking:
    """Asks a running workbench as a script does."""

    def __init__(self, address: str) -> None:
        self._root, _, self._token = address.partition("/?token=")

    def text(self, path: str, body: dict[str, Any] | None = None) -> str:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._root + path, data, headers)
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return json.loads(self.text(path, body))

    def job(self, number: int) -> dict[str, Any]:
        return json.loads(self.text(f"/api/jobs/{number}"))

    def follow(self, number: int) -> dict[str, Any]:
        while not (job := self.job(number))["over"]:
            time.sleep(0.1)
        return job

    def milliseconds(self, path: str, body: dict[str, Any] | None = None) -> float:
        began = time.perf_counter()
        self.text(path, body)
        return 1000 * (time.perf_counter() - began)

    def slowest(self, until: int) -> float:
        """The slowest answer that a page would wait for, as long as a job goes on."""
        slowest = 0.0
        while not self.job(until)["over"]:
            slowest = max(slowest, self.milliseconds("/memory"))
            slowest = max(slowest, self.milliseconds("/api/jobs?page=knowledge"))
            time.sleep(0.05)
        return slowest


def _answers(asking: _Asking, when: str) -> dict[str, float]:
    letters = json.loads(asking.text("/api/memory/letters"))["patterns"]
    recall = {"patterns": letters, "network": {"kind": "dense"}}
    asking.text("/api/memory/recall", recall)  # imports
    asking.text("/api/knowledge/states")
    ways: dict[str, tuple[str, dict[str, Any] | None]] = {
        "page": ("/knowledge", None),
        "states": ("/api/knowledge/states", None),
        "jobs": ("/api/jobs?page=knowledge", None),
        "recall": ("/api/memory/recall", recall),
    }
    return {
        f"{name} {when}, ms": statistics.median(asking.milliseconds(*way) for _ in range(_ROUNDS))
        for name, way in ways.items()
    }


@contextlib.contextmanager
def _workbench(home: str) -> Iterator[_Asking]:
    command = [sys.executable, "-m", "unfrozen.cli.main", "workbench", home]
    process = subprocess.Popen(
        [*command, "--port", "0", "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield _Asking(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
