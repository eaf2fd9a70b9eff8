"""How much memory does a store on disk take, and how long until it answers?"""

import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from unfrozen.memory.store import MappedStore

QUESTION = "ten million patterns of 64 features on disk: memory, opening, and reading"
PATTERNS, WIDTH, PART = 10_000_000, 64, 250_000
# In a process of its own, so that nothing but the reading is in its memory.
_READ = """
import json, pathlib, sys, time
import torch
from unfrozen.memory.store import MappedStore, nearest, read
torch.manual_seed(1)

def resident():
    # Not what getrusage says, which counts the parent's memory before this program began.
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])

queries = torch.randn(8, 64)
before, start = resident(), time.perf_counter()
store = MappedStore.open(sys.argv[1])
opened = time.perf_counter() - start
times = {}
for name, ask in (
    ("certified, beta 2", lambda: read(store, queries, 2.0)),
    ("streamed, beta 1/8", lambda: read(store, queries, 0.125, method="streamed")),
    ("nearest 10", lambda: nearest(store, queries, 10)),
):
    ask()
    start = time.perf_counter()
    ask()
    times[name] = time.perf_counter() - start
print(json.dumps({"before": before, "peak": resident(), "opened": opened, "times": times}))
"""


def run() -> dict[str, float]:
    """Write them, then read them in another process."""
    import json
    import time

    with tempfile.TemporaryDirectory() as folder:
        store = MappedStore.create(Path(folder) / "store", WIDTH)
        store.sync = False
        generator = torch.Generator().manual_seed(0)
        start = time.perf_counter()
        for _ in range(PATTERNS // PART):
            store.append(torch.randn(PART, WIDTH, generator=generator))
        written = time.perf_counter() - start
        run = subprocess.run(
            [sys.executable, "-c", _READ, str(store.folder)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    said = json.loads(run.stdout)
    size = PATTERNS * WIDTH * 4
    return {
        "patterns, MB": size / 1e6,
        "writing, patterns a second": PATTERNS / written,
        "opening, ms": 1e3 * said["opened"],
        "peak memory of the reading process, MB": said["peak"] / 1e6,
        "of which before the store was opened, MB": said["before"] / 1e6,
        **{f"reading, {name}, seconds": t for name, t in said["times"].items()},
    }
