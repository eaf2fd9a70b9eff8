"""Work shared among processes and machines: pieces that do not meet, computed by workers on Ray.

```
with closing(share(items, partial(load, name), compute, workers=4)) as found:
    for key, result in found: ...
```

Ray is an extra, and is imported only by work that is shared.
"""

import contextlib
import pickle
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import torch

from unfrozen.errors import ScaleError, UnfrozenError
from unfrozen.language.scale.clusters import cluster, first_line, import_ray, last_line, places
from unfrozen.language.scale.packing import Packed, pack, unpack

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

# How often a piece is tried before it is held to be what kills its workers.
_ATTEMPTS = 3


def share(
    items: Mapping[str, T],
    setup: Callable[[], S],
    compute: Callable[[S, T], R],
    *,
    workers: int = 1,
    address: str | None = None,
    progress: Progress | None = None,
) -> Generator[tuple[str, R], None, None]:
    """Compute pieces that do not meet, here or by workers, and yield each when it is done.

    With one worker and no address everything is computed in this process, in order.  Otherwise
    each worker is a process of its own: of a Ray cluster that ends with the generator, or of one
    that is joined.  A worker that dies costs its piece again and nothing else.

    Results are those of one process to the last bit, as long as the processors are of one kind and
    pieces are computed with as many threads, since torch splits its sums among threads.  Workers
    on one machine divide the threads of this process, those of a cluster its processors.  Where
    the number of threads matters, ``setup`` says it (`torch.set_num_threads`); it is given back.

    Args:
        items: the pieces by their keys.
        setup: makes what all pieces need, a model for example; called once a process.  It travels
            once a call, with whatever it holds.
        compute: computes a piece from what ``setup`` made.
        workers: how many processes; no more are used than there are pieces, or processors in the
            cluster that is joined.
        address: of a Ray cluster: ``host:port``, or ``auto`` for the one that this machine is in.
            The package must be installed on all its machines.
        progress: called with how many pieces are done, and how many there are.

    Returns:
        Keys with their results, in the order in which they are done.  Close it when you leave it
        before its end: the workers then end at once.

    Raises:
        ScaleError: Ray is not installed, no cluster is at the address, or a piece has killed its
            worker several times.  What ``setup`` or ``compute`` raises comes as it is.

    Example:
        >>> dict(share({"a": 1, "b": 2}, lambda: 10, lambda state, item: state + item))
        {'a': 11, 'b': 12}
    """
    if workers < 1:
        raise ScaleError(f"work is shared among at least one worker, not {workers}")
    if workers == 1 and address is None:
        return _here(items, setup, compute, progress)
    import_ray()
    return _there(items, setup, compute, workers, address, progress)


class _Outcome(NamedTuple):
    """What a worker made of a piece: a result, or what was raised."""

    result: Any
    error: Exception | None


class _Worker:
    """A process that computes pieces; what they need is made before the first of them."""

    def __init__(self, job: Packed, threads: int):
        torch.set_num_threads(threads)
        self.setup, self.compute = unpack(job)
        self.state: Any = None
        self.ready = False

    def run(self, item: Any) -> _Outcome:
        """A piece computed; what it raises is a result like another."""
        try:
            if not self.ready:
                self.state, self.ready = self.setup(), True
            return _Outcome(self.compute(self.state, item), None)
        except Exception as error:
            return _Outcome(None, _portable(error))


def _portable(error: Exception) -> Exception:
    """An exception that can travel; with its traceback as a note, if it is a bug's."""
    if not isinstance(error, UnfrozenError):
        error.add_note("In a worker:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(import_ray().cloudpickle.dumps(error))
    except Exception:
        return ScaleError(f"a worker raised {type(error).__name__}: {first_line(error)}")
    return error


def _here(
    items: Mapping[str, T],
    setup: Callable[[], S],
    compute: Callable[[S, T], R],
    progress: Progress | None,
) -> Generator[tuple[str, R], None, None]:
    """Everything in this process."""
    if not items:
        return
    threads = torch.get_num_threads()
    told = _teller(progress, len(items))
    try:
        told(0)
        state = setup()
        for done, (key, item) in enumerate(items.items(), 1):
            result = compute(state, item)
            told(done)
            yield key, result
    finally:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def _there(
    items: Mapping[str, T],
    setup: Callable[[], S],
    compute: Callable[[S, T], R],
    workers: int,
    address: str | None,
    progress: Progress | None,
) -> Generator[tuple[str, R], None, None]:
    """Everything in workers: one piece each at a time, the next as soon as one is done."""
    if not items:
        return
    ray = import_ray()
    from ray.exceptions import RayActorError, RayError, RayTaskError

    told = _teller(progress, len(items))
    with cluster(workers, address):
        count, cpus, threads = places(ray, min(workers, len(items)))
        with _travelling("what all pieces need"):
            job = ray.put(pack((setup, compute)))
        made = ray.remote(num_cpus=cpus, max_restarts=0, max_task_retries=0)(_Worker)
        waiting, lost = deque(items), Counter[str]()
        idle: list[Any] = []
        busy: dict[Any, tuple[Any, str]] = {}

        def hand_out() -> None:
            while waiting and len(busy) < count:
                key = waiting.popleft()
                worker = idle.pop() if idle else made.remote(job, threads)
                with _travelling(key):
                    busy[worker.run.remote(items[key])] = worker, key

        def kill(worker: Any) -> None:
            with contextlib.suppress(RayError):  # it is dead, or was never begun
                ray.kill(worker)

        told(0)
        done = 0
        try:
            while waiting or busy:
                hand_out()
                (ended,), _ = ray.wait(list(busy))
                worker, key = busy.pop(ended)
                try:
                    outcome: _Outcome = ray.get(ended)
                except RayTaskError as error:
                    idle.append(worker)
                    raise ScaleError(
                        f"the result of {key} cannot travel: {last_line(error)}"
                    ) from error
                except RayError as error:
                    kill(worker)
                    if isinstance(error, RayActorError) and error.actor_init_failed:
                        raise ScaleError(
                            f"a worker cannot start ({last_line(error)}): is unfrozen installed "
                            "there, in this version?"
                        ) from error
                    lost[key] += 1
                    if lost[key] == _ATTEMPTS:
                        raise ScaleError(
                            f"{key} was given to {_ATTEMPTS} workers, and all of them died "
                            f"({first_line(error)}): give them more memory, or take fewer"
                        ) from error
                    waiting.appendleft(key)
                    continue
                idle.append(worker)
                if outcome.error is not None:
                    raise outcome.error
                hand_out()
                done += 1
                told(done)
                yield key, outcome.result
        finally:
            for worker in [*idle, *(worker for worker, _ in busy.values())]:
                kill(worker)


def _teller(progress: Progress | None, total: int) -> Callable[[int], None]:
    return lambda done: None if progress is None else progress("Computing pieces", done, total)


@contextlib.contextmanager
def _travelling(what: str) -> Iterator[None]:
    """Have what cannot be pickled said in one line."""
    try:
        yield
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise ScaleError(
            f"{what} cannot travel to other processes ({first_line(error)}): compute it in one"
        ) from error
