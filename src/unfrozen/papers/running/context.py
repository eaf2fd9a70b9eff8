"""What an experiment is given besides budget and seed: model, facts, checkpoints, progress."""

import contextlib
import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from unfrozen.data.lines import read_lines
from unfrozen.data.models import DEFAULT_MODEL
from unfrozen.errors import DataError, PaperError
from unfrozen.papers.running.measure import Meter, machine, versions

Item = TypeVar("Item")


@runtime_checkable
class Progress(Protocol):
    """The part of rich's progress bar that is used."""

    def add_task(
        self, description: str, start: bool = True, total: float | None = 100.0, completed: int = 0
    ) -> Any:
        """Begin a bar."""
        ...

    def advance(self, task_id: Any, advance: float = 1) -> None:
        """Move it."""
        ...


@dataclass(frozen=True)
class RunContext:
    """What an experiment is given besides budget and seed.

    Attributes:
        folder: where checkpoints go, and whatever else a resumed run needs.
        model: name of the language model, for `unfrozen.data.models.load_pretrained`.
        seed: of the run.
        facts: the user's facts, a file or a folder; None for those that the project finds.
        progress: a rich progress bar, None for silence.
        meter: counts operations and takes over what an interrupted run spent.
        code: hash of the code that computes; what other code left is not used.
    """

    folder: Path
    model: str = DEFAULT_MODEL
    seed: int = 0
    facts: Path | None = None
    progress: Progress | None = None
    meter: Meter = field(default_factory=Meter)
    code: str = ""

    def checkpoint(
        self,
        name: str,
        settings: object,
        items: Mapping[str, Item],
        compute: Callable[[Item], Any],
        *,
        sample: int | None = 25,
        anywhere: bool = False,
    ) -> dict[str, Any]:
        """Compute a result for every item, keeping each as soon as it is there.

        The results lie in a JSONL file whose name carries a hash of everything that they depend
        on: name, settings, model, seed, facts, code, versions and processor.  A run that was
        interrupted computes only what is missing.

        Args:
            name: what is computed: letters, digits and dashes.
            settings: that a result depends on; JSON or dataclasses.
            items: what to compute on, under keys that tell items apart for good.
            compute: one item's result, as JSON.
            sample: counting operations slows small ones down, so it is done on every so manieth
                item and the sum scaled up; None if ``compute`` calls `add_flops` itself.
            anywhere: whether what a machine with another processor found is used as well, as it can
                be where nothing is compared that was timed.  The record names those processors.

        Returns:
            A result for each key, in the order of the items, as read back from JSON.

        Raises:
            PaperError: settings or a result are not JSON, or the file is damaged.
        """
        path = self.place(name, settings, anywhere=anywhere).with_suffix(".jsonl")
        done = _read(path)
        here = {key: done[key] for key in items if key in done}
        owed = self.meter.account(str(path), items)
        resumed = [here[key] for key in owed if key in here]
        own = machine()["processor"]
        self.meter.elsewhere |= {one["processor"] for one in here.values()} - {own, None}
        self.meter.carry(
            sum(entry["seconds"] for entry in resumed),
            max((entry["peak"] for entry in resumed), default=0),
        )
        counted = [entry["flops"] for entry in here.values() if entry["flops"] is not None]
        live = 0
        advance = self._bar(name, len(items), len(here))
        with contextlib.ExitStack() as stack:
            stream = None
            for index, (key, item) in enumerate(items.items()):
                if key in here:
                    continue
                if stream is None:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    stream = stack.enter_context(path.open("ab"))
                exact = sample is None or not counted or index % sample == 0
                count = sample is not None and exact
                before, start = self.meter.flops, time.perf_counter()
                with contextlib.nullcontext() if count else self.meter.uncounted():
                    value = compute(item)
                flops = self.meter.flops - before
                live += flops
                if exact:
                    counted.append(flops)
                entry = {
                    "key": key,
                    "value": value,
                    "seconds": time.perf_counter() - start,
                    "peak": self.meter.peak_memory_bytes,
                    "flops": flops if exact else None,
                    "processor": own,
                }
                here[key] = _append(stream, entry, f"the result of {name} for {key!r}")
                advance()
        if counted:
            self.meter.add_flops(round(sum(counted) / len(counted) * len(owed)) - live)
        return {key: here[key]["value"] for key in items}

    def once(self, name: str, settings: object, compute: Callable[[], Any]) -> Any:
        """Compute one result and keep it; see `checkpoint`."""
        return self.checkpoint(name, settings, {name: None}, lambda _: compute())[name]

    def place(self, name: str, settings: object, *, anywhere: bool = False) -> Path:
        """A folder for what is no JSON, under a name that depends on all that a result does.

        Args:
            name: what is computed: letters, digits and dashes.
            settings: see `checkpoint`.
            anywhere: likewise.
        """
        return self.folder / f"{name}-{self._digest(name, settings, anywhere)[:16]}"

    def track(self, items: Iterable[Item], description: str, total: int) -> Iterator[Item]:
        """Iterate with a progress bar.

        Args:
            items: to go through.
            description: what is done.
            total: how many there are.
        """
        advance = self._bar(description, total, 0)
        for item in items:
            yield item
            advance()

    def reporter(self) -> Callable[[str, int, int], None]:
        """Progress bars for work that tells how far it is, a bar a description.

        Returns:
            Takes the description, how much is done, and how much there is.
        """
        bars: dict[str, tuple[Callable[[], None], int]] = {}

        def report(description: str, done: int, total: int) -> None:
            advance, before = bars.get(description) or (self._bar(description, total, 0), 0)
            for _ in range(done - before):
                advance()
            bars[description] = advance, max(done, before)

        return report

    def add_flops(self, number: int) -> None:
        """Add operations that the meter did not see."""
        self.meter.add_flops(number)

    def uncounted(self) -> AbstractContextManager[None]:
        """A block at full speed, for what is timed; its operations are not counted."""
        return self.meter.uncounted()

    def _bar(self, description: str, total: int, completed: int) -> Callable[[], None]:
        progress = self.progress
        if progress is None:
            return lambda: None
        task = progress.add_task(description, total=total, completed=completed)
        return lambda: progress.advance(task)

    def _digest(self, name: str, settings: object, anywhere: bool) -> str:
        here = [machine()[part] for part in ("processor", "cores", "gpu")]
        everything = {
            "name": name,
            "settings": settings,
            "model": self.model,
            "model files": _signature(Path(self.model)),
            "seed": self.seed,
            "facts": None if self.facts is None else _content_hash(self.facts),
            "code": self.code,
            "versions": versions(),
            "processor": "any" if anywhere else here,
        }
        return stable_hash(everything)


def stable_hash(value: object) -> str:
    """SHA-256 of a value's canonical JSON: the same in every process, whatever the order of keys.

    Args:
        value: JSON, dataclasses and paths.

    Raises:
        PaperError: it holds something else.

    Example:
        >>> stable_hash({"a": 1, "b": 2}) == stable_hash({"b": 2, "a": 1})
        True
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_jsonable)
    except (TypeError, ValueError) as error:
        raise PaperError(f"settings of a checkpoint cannot be written as JSON: {error}") from error
    return hashlib.sha256(text.encode()).hexdigest()


def _jsonable(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {type(value).__name__: dataclasses.asdict(value)}
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _content_hash(path: Path) -> str:
    files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _signature(path: Path) -> list[tuple[str, int, int]] | None:
    """What changes when the files of a model's folder do; None of a model that is no folder."""
    if not path.is_dir():
        return None
    files = sorted(f for f in path.rglob("*") if f.is_file())
    stats = [(f.relative_to(path).as_posix(), f.stat()) for f in files]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """The finished items of a checkpoint; a last line that a kill tore is cut off the file."""
    try:
        lines = read_lines(path)
    except DataError as error:
        raise PaperError(
            f"{str(error).removesuffix(': remove the file')}: run again with --fresh"
        ) from error
    done = {}
    for number, entry in enumerate(lines, 1):
        try:
            kept = {k: entry[k] for k in ("value", "seconds", "peak", "flops")}
            done[entry["key"]] = {**kept, "processor": entry.get("processor")}
        except KeyError as error:
            raise PaperError(
                f"line {number} of {path} is no result: run again with --fresh"
            ) from error
    return done


def _append(stream: Any, entry: dict[str, Any], what: str) -> dict[str, Any]:
    """Write an entry through to the disk, and give it as it will be read back."""
    try:
        line = json.dumps(entry, ensure_ascii=False)
        data = line.encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise PaperError(f"{what} cannot be written as JSON: {error}") from error
    try:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    except OSError as error:
        raise PaperError(f"{what} cannot be kept in {stream.name}: {error.strerror}") from error
    return json.loads(line)
