"""What a run cost and what it ran on: seconds, memory, floating-point operations, versions."""

import contextlib
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from unfrozen._version import __version__

Result = TypeVar("Result")

_PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy")
_PACKAGE_FOLDER = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Counted(Generic[Result]):
    """A result and the floating-point operations that it took."""

    result: Result
    flops: int


class _Counter(TorchDispatchMode):
    """Sums the operations of matrix products, convolutions and attention.

    torch's own counter also tracks in which module each happens, by hooks that get confused when
    a forward pass is left early; this one keeps one number and needs no hook.  It looks at every
    operator from Python, some 20 microseconds each: 40 % of a forward pass over 12 tokens of a
    small model, a tenth or less where batches are large.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run one operator and count it."""
        kwargs = kwargs or {}
        formula = flop_registry.get(func._overloadpacket)
        attention = _CPU_ATTENTION.get(func._overloadpacket)
        if formula is None and attention is None and func._can_decompose():
            # Under inference mode linear and matmul arrive whole; their parts are what counts.
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        out = func(*args, **kwargs)
        if formula is not None:
            self.flops += int(formula(*args, **kwargs, out_val=out))
        elif attention is not None:
            self.flops += attention(*args)
        return out


def _attention_flops(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any) -> int:
    """Scores and their product with the values: two multiplications by (query, key) pair."""
    pairs = query.shape[0] * query.shape[1] * query.shape[2] * key.shape[2]
    return 2 * pairs * (query.shape[3] + value.shape[3])


def _attention_backward_flops(
    gradient: torch.Tensor, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any
) -> int:
    """The scores once more, then gradients of weights, values, queries and keys."""
    pairs = query.shape[0] * query.shape[1] * query.shape[2] * key.shape[2]
    return 2 * pairs * (3 * query.shape[3] + 2 * value.shape[3])


# torch's table has the attention kernels of GPUs only.
_CPU_ATTENTION: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward_flops,
}


def count_flops(function: Callable[[], Result]) -> Counted[Result]:
    """Call a function and count its floating-point operations.

    A multiplication and an addition count as two.  Counted are matrix products, convolutions and
    attention, forward and backward, with or without gradients; the rest of a network is a few
    percent of these.

    Args:
        function: takes nothing; what it returns is passed on.

    Example:
        >>> a, b = torch.ones(2, 3), torch.ones(3, 5)
        >>> count_flops(lambda: a @ b).flops
        60
    """
    counter = _Counter()
    with counter:
        result = function()
    return Counted(result, counter.flops)


class Meter:
    """Measures what happens inside its ``with`` block; a new one for each run.

    Args:
        count: whether to count floating-point operations as they happen; `add_flops` works
            either way.

    Attributes:
        flops: floating-point operations so far.
        elsewhere: processors of other machines on which parts of the run were computed.
    """

    def __init__(self, *, count: bool = True) -> None:
        self.elsewhere: set[str] = set()
        self._counter = _Counter() if count else None
        self._counting = False
        self._added_flops = 0
        self._accounted: set[tuple[str, str]] = set()
        self._carried_seconds = 0.0
        self._carried_peak = 0
        self._started: float | None = None
        self._seconds = 0.0
        self._peak = 0

    def __enter__(self) -> "Meter":
        # What the system forgets now, an outer meter must not.
        for outer in _running:
            outer.carry(0.0, peak_memory())
        reset_peak_memory()
        _running.append(self)
        self._started = time.perf_counter()
        self._resume()
        return self

    def __exit__(self, *_: object) -> None:
        self._pause()
        self._seconds, self._peak, self._started = self.seconds, self.peak_memory_bytes, None
        _running.remove(self)

    @property
    def seconds(self) -> float:
        """Wall-clock seconds so far, those carried over from an earlier run included."""
        if self._started is None:
            return self._seconds
        return time.perf_counter() - self._started + self._carried_seconds

    @property
    def peak_memory_bytes(self) -> int:
        """Largest resident memory of the process so far.

        On Linux since the block was entered; elsewhere since the process started.
        """
        if self._started is None:
            return self._peak
        return max(peak_memory(), self._carried_peak)

    @property
    def flops(self) -> int:
        """Floating-point operations so far, counted and added."""
        return self._added_flops + (self._counter.flops if self._counter else 0)

    def add_flops(self, number: int) -> None:
        """Add operations that were counted elsewhere, or worked out."""
        self._added_flops += int(number)

    def carry(self, seconds: int | float, peak_memory_bytes: int) -> None:
        """Take over what an interrupted run spent on items that need not be done again."""
        self._carried_seconds += seconds
        self._carried_peak = max(self._carried_peak, peak_memory_bytes)

    def account(self, group: str, keys: Iterable[str]) -> list[str]:
        """Those of the keys that were not named before under this group.

        What an item cost enters a run once, however often its result is asked for.
        """
        new = [key for key in keys if (group, key) not in self._accounted]
        self._accounted.update((group, key) for key in new)
        return new

    @contextlib.contextmanager
    def uncounted(self) -> Iterator[None]:
        """Run a block at full speed: what it does is timed but its operations are not counted."""
        counting = self._counting
        self._pause()
        try:
            yield
        finally:
            if counting:
                self._resume()

    def _resume(self) -> None:
        if self._counter is not None and not self._counting:
            self._counter.__enter__()
            self._counting = True

    def _pause(self) -> None:
        if self._counter is not None and self._counting:
            self._counter.__exit__(None, None, None)
            self._counting = False


_running: list[Meter] = []


def peak_memory() -> int:
    """Largest resident memory of this process, in bytes; 0 where the system does not tell."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:
        return _peak_memory_windows()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes there, kibibytes elsewhere


def reset_peak_memory() -> bool:
    """Have Linux forget the largest resident memory; elsewhere it stays that of the process.

    Returns:
        Whether it was forgotten.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _peak_memory_windows() -> int:
    import ctypes

    class Counters(ctypes.Structure):
        _fields_ = (
            ("size", ctypes.c_uint32),
            ("page_faults", ctypes.c_uint32),
            *((f"field{i}", ctypes.c_size_t) for i in range(8)),
        )

    windll = getattr(ctypes, "windll", None)
    if windll is None:
        return 0
    counters = Counters(size=ctypes.sizeof(Counters))
    process = ctypes.c_void_p(-1)  # this process
    windll.psapi.GetProcessMemoryInfo(process, ctypes.byref(counters), counters.size)
    return int(counters.field0)


def versions() -> dict[str, str]:
    """Versions of Python, of unfrozen and of the packages that its numbers depend on."""
    found = {"python": platform.python_version(), "unfrozen": __version__}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def machine() -> dict[str, Any]:
    """What this runs on: processor, cores, memory in bytes, system, torch's threads, GPU."""
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "processor": _processor(),
        "cores": len(affinity(0)) if affinity else (os.cpu_count() or 1),
        "memory_bytes": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "torch_threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.lower().startswith("model name"):
                return line.split(":", 1)[1].strip()
    if sys.platform == "darwin":
        brand = _output("sysctl", "-n", "machdep.cpu.brand_string")
        if brand:
            return brand
    return platform.processor() or platform.machine() or "unknown"


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def checkout() -> Path | None:
    """The checkout that this package is imported from, None when it is installed elsewhere."""
    root = _PACKAGE_FOLDER.parents[1]
    if not (root / ".git").exists():
        return None
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    # An environment inside somebody else's checkout is no checkout of ours.
    return root if project.get("project", {}).get("name") == "unfrozen" else None


def commit() -> str | None:
    """The commit of the checkout, with ``-dirty`` when its files differ; None without one."""
    root = checkout()
    if root is None:
        return None
    command = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    return _output("git", "-C", str(root), *command)


def _output(*command: str) -> str | None:
    """What a command printed, None when it cannot be run or fails."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip() or None
