"""A Ray cluster for the length of a block: started on this machine, or joined."""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from unfrozen.errors import ScaleError

# How long a cluster may take to answer at its address, in seconds; Ray itself waits for minutes.
_PATIENCE = 10.0


@contextlib.contextmanager
def cluster(workers: int, address: str | None = None) -> Iterator[None]:
    """Keep one Ray cluster for several calls of `share`, which otherwise start one each.

    With one worker and no address there is nothing to keep: `share` then works in this process.

    Args:
        workers: as for `share`; the calls inside use no more of a cluster that is started here.
        address: as for `share`.

    Raises:
        ScaleError: Ray is not installed, or no cluster is at the address.
    """
    if workers <= 1 and address is None:
        yield
        return
    ray = import_ray()
    with _STATE.lock:
        # One that the program has started or joined by itself is used, and left alone.
        ours = _STATE.users > 0 or not ray.is_initialized()
        if ours and _STATE.users == 0:
            _STATE.local = address is None
            _STATE.handler = signal.getsignal(signal.SIGTERM)
            _talking(ray, False)
            try:
                _start(ray, workers) if address is None else _join(ray, address)
            except BaseException:
                _end(ray)
                raise
        _STATE.users += ours
    try:
        yield
    finally:
        with _STATE.lock:
            _STATE.users -= ours
            if ours and _STATE.users == 0:
                _end(ray)


class _State:
    """The cluster that this process has started or joined for its work, and who uses it."""

    lock = threading.RLock()
    users = 0
    local = False
    handler: Any = None


_STATE = _State()


def import_ray() -> Any:
    """Ray, if it is installed.

    Raises:
        ScaleError: it is not.
    """
    try:
        import ray
    except ImportError as error:
        raise ScaleError(
            "work is shared among processes by Ray: run `pip install unfrozen[scale]`"
        ) from error
    return ray


def _start(ray: Any, workers: int) -> None:
    """A cluster on this machine that imports what this process would, and tells nobody of it."""
    path = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path)
    with _environment(PYTHONPATH=path, RAY_USAGE_STATS_ENABLED="0"):
        try:
            ray.init(address="local", num_cpus=workers, include_dashboard=False, **_quiet())
        except Exception as error:
            raise ScaleError(
                f"Ray does not start on this machine ({first_line(error)}): work in one process"
            ) from error


def _join(ray: Any, address: str) -> None:
    """Join a cluster, or say at once that there is none."""
    host, _, port = address.rpartition(":")
    try:
        if host and "//" not in address and port.isdigit():
            socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
        ray.init(address=address, **_quiet())
    except Exception as error:
        raise ScaleError(
            f"no Ray cluster can be joined at {address} ({first_line(error)}): start one with "
            "`ray start --head`, give the address that it tells, and set RAY_AUTH_MODE=token if "
            "it asks for its token"
        ) from error


def _end(ray: Any) -> None:
    """Leave the cluster, or end it; what Ray has changed in this process is put back."""
    ray.shutdown()
    _talking(ray, True)
    with contextlib.suppress(AttributeError):
        # A cluster of our own asks for a token; one that is joined later may not.
        ray._raylet.Config.initialize("")
        ray._raylet.AuthenticationTokenLoader.instance().reset_cache()
    if threading.current_thread() is threading.main_thread() and _STATE.handler is not None:
        signal.signal(signal.SIGTERM, _STATE.handler)


def _quiet() -> dict[str, Any]:
    return {"logging_level": logging.ERROR, "log_to_driver": False}


def _talking(ray: Any, loud: bool) -> None:
    """Whether Ray tells of workers that die: on stdout, where a command's JSON goes.

    No setting turns that off, so this is done as Ray's own debugger does it.
    """
    ray._private.worker._worker_logs_enabled = loud


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Variables for the processes that are started inside; what Ray itself sets goes, too."""
    before = {name: os.environ.get(name) for name in (*variables, "RAY_AUTH_MODE")}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class Places(NamedTuple):
    """How many workers there can be, what each reserves, and with how many threads it computes."""

    workers: int
    cpus: int
    threads: int


def places(ray: Any, wanted: int) -> Places:
    """Where workers go: as many threads each as all of them find room for.

    Raises:
        ScaleError: the cluster has no processor.
    """
    nodes = [int(n["Resources"].get("CPU", 0)) for n in ray.nodes() if n["Alive"]]
    if not sum(nodes):
        raise ScaleError("the Ray cluster has no processor to work on: add machines to it")
    count = min(wanted, sum(nodes))
    if _STATE.users and _STATE.local:
        return Places(count, 1, max(1, torch.get_num_threads() // count))
    room = range(max(nodes), 0, -1)
    cpus = next(cpus for cpus in room if sum(n // cpus for n in nodes) >= count)
    return Places(count, cpus, cpus)


def first_line(error: BaseException) -> str:
    """What an error says first."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".:")[:200]


def last_line(error: BaseException) -> str:
    """What an error says last: of one with a traceback in it, the error's own line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip().rstrip(".:")[:200]
