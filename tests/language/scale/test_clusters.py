"""Work in a Ray cluster that was there before, and stays."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from unfrozen.errors import ScaleError
from unfrozen.language.scale import clusters, share

HOST = """
import sys, ray
context = ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
print(context.address_info["gcs_address"], flush=True)
sys.stdin.read()
"""


def test_a_cluster_is_joined_and_left():
    import ray

    ours, pipe = psutil.Process(), subprocess.PIPE
    before = set(ours.children())
    with subprocess.Popen(
        [sys.executable, "-c", HOST],
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "RAY_AUTH_MODE": "disabled"},
    ) as host:
        assert host.stdout
        address = host.stdout.readline().strip()
        compute = lambda pid, item: (pid, item * item)  # noqa: E731
        found = dict(share({"a": 2, "b": 3}, os.getpid, compute, workers=2, address=address))
        assert {key: square for key, (_, square) in found.items()} == {"a": 4, "b": 9}
        assert not ray.is_initialized()
        # It is there for others: what has worked in it is no child of ours, and it goes on.
        new = [" ".join(c.cmdline()) for c in set(ours.children()) - before if c.pid != host.pid]
        assert not [line for line in new if "ray" in line]
        assert host.poll() is None


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nowhere"])
def test_a_cluster_that_is_not_there_is_told_at_once(address):
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ScaleError, match=rf"joined at {address} \(.*`ray start --head`"):
        next(share({"a": 1}, os.getpid, pow, address=address))
    assert signal.getsignal(signal.SIGTERM) == handler


@pytest.mark.parametrize(
    ("nodes", "wanted", "expected"),
    [
        ([8], 2, (2, 4, 4)),
        ([8], 3, (3, 2, 2)),
        ([8, 8], 3, (3, 4, 4)),
        ([16, 4, 0], 5, (5, 4, 4)),
        ([2, 1], 9, (3, 1, 1)),
    ],
)
def test_workers_divide_the_processors_of_a_cluster(nodes, wanted, expected):
    class Cluster:
        @staticmethod
        def nodes():
            return [{"Alive": True, "Resources": {"CPU": float(n)}} for n in nodes]

    assert clusters.places(Cluster, wanted) == expected
    workers, cpus, _ = expected
    assert sum(n // cpus for n in nodes) >= workers


def test_a_cluster_without_processors_is_an_error():
    class Empty:
        @staticmethod
        def nodes():
            return [{"Alive": False, "Resources": {"CPU": 8.0}}, {"Alive": True, "Resources": {}}]

    with pytest.raises(ScaleError, match="no processor"):
        clusters.places(Empty, 2)
