"""What is checked, each a function that says how things stand and what to do about it."""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from unfrozen.errors import UnfrozenError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

State = Literal["ok", "note", "wrong"]
_GIB = 2**30
# SmolLM2 in float32, its activations and the libraries; the cache holds it once more, converted.
_MEMORY, _DISK = 3 * _GIB, 2 * _GIB
_QUESTION, _ANSWER = "The capital of France is", "Paris"
_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")
_FLAGS = {
    "avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "bfloat16 (AVX-512)",
    "amx_bf16": "bfloat16 (AMX)", "asimd": "NEON", "bf16": "bfloat16",
}  # fmt: skip


@dataclass(frozen=True)
class Check:
    """How one thing stands.

    Attributes:
        name: of the thing.
        state: "ok"; "note": works, but something is not there; "wrong": commands will fail.
        found: in a few words.
        remedy: what to do; empty where nothing is to be done.
    """

    name: str
    state: State
    found: str
    remedy: str = ""


def run(deep: bool = False) -> Iterator[Check]:
    """All checks, one after the other.

    Args:
        deep: whether the language model is loaded and asked, which fetches it if it is not there.
    """
    yield python()
    yield from packages()
    yield processor()
    yield accelerator()
    yield memory()
    yield from disk()
    yield models()
    yield git()
    if deep:
        yield asked()


def python() -> Check:
    """Version of Python, and whether this is an environment of its own."""
    version = platform.python_version()
    own = sys.prefix != sys.base_prefix or "CONDA_PREFIX" in os.environ
    where = "in an environment of its own" if own else "of the system"
    return Check("Python", "ok", f"{version}, {where}")


def packages(name: str = "unfrozen") -> Iterator[Check]:
    """What is needed is installed in versions that fit; and so is what each extra brings.

    Args:
        name: of the distribution.
    """
    from packaging.requirements import Requirement

    try:
        told = importlib.metadata.requires(name) or []
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        yield Check(name, "wrong", "is not installed as a package", f"pip install {name}")
        return
    parts: dict[str, list[Requirement]] = {"": []}
    for line in told:
        extra = _EXTRA.search(line)
        wanted = Requirement(line)
        parts.setdefault(extra.group(1) if extra else "", []).append(wanted)
    for part, wanted in parts.items():
        missing = [why for one in wanted if (why := _missing(one, part)) is not None]
        title = f"extra {part}" if part else f"{name} {version}"
        if not missing:
            many = f"all {len(wanted)} packages are there" if len(wanted) > 1 else "is there"
            yield Check(title, "ok", many)
            continue
        brackets = f"[{part}]" if part else ""
        state: State = "note" if part else "wrong"
        yield Check(title, state, ", ".join(missing), f"pip install '{name}{brackets}'")


def _missing(wanted: "Requirement", extra: str) -> str | None:
    if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
        return None
    try:
        found = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return f"no {wanted.name}"
    if not wanted.specifier.contains(found, prereleases=True):
        return f"{wanted.name} {found}, not {wanted.specifier}"
    return None


def processor(flags: Callable[[], set[str]] | None = None) -> Check:
    """Cores, threads, and instructions that make a difference.

    Args:
        flags: gives what the processor says of itself; of the system by default.
    """
    from unfrozen.papers.running.measure import machine

    has = (flags or _cpu_flags)()
    told = [words for flag, words in _FLAGS.items() if flag in has]
    here = machine()
    found = f"{here['processor']}, {here['cores']} cores, {here['torch_threads']} threads"
    if told:
        found += f"; {', '.join(told)}"
    if any("bfloat16" in one for one in told) or not has:
        return Check("processor", "ok", found)
    return Check(
        "processor", "note", found, "no bfloat16: tuning without backpropagation runs in float32"
    )


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return next(
        (set(line.partition(":")[2].split()) for line in lines
         if line.lower().startswith(("flags", "features"))), set(),
    )  # fmt: skip


def accelerator() -> Check:
    """A graphics processor, if torch has one."""
    import torch

    if torch.cuda.is_available():
        return Check("accelerator", "ok", f"cuda: {torch.cuda.get_device_name()}")
    if torch.backends.mps.is_available():
        return Check("accelerator", "ok", "mps: Apple's graphics processor")
    return Check("accelerator", "ok", "none; everything runs on the processor")


def memory(available: Callable[[], int | None] | None = None) -> Check:
    """Memory that is free for another program.

    Args:
        available: gives it in bytes, or None where the system does not say; of the system by
            default.
    """
    free = (available or _available)()
    if free is None:
        return Check("memory", "note", "the system does not say how much is free")
    found = f"{free / _GIB:.1f} GiB free"
    if free < _MEMORY:
        least = f"{_MEMORY / _GIB:.0f} GiB"
        return Check("memory", "note", found, f"language models take {least}: close other programs")
    return Check("memory", "ok", found)


def _available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def disk() -> Iterator[Check]:
    """The cache can be written, and has room."""
    from unfrozen.data.cache import atomic_write, cache_folder

    other = "set UNFROZEN_CACHE to a folder that can be written"
    try:
        folder = cache_folder()
        probe = folder / ".doctor"
        with atomic_write(probe) as temporary:
            temporary.write_text("written\n")
        probe.unlink()
    except (OSError, UnfrozenError) as error:
        yield Check("cache", "wrong", " ".join(str(error).split()), other)
        return
    files = [path for path in folder.rglob("*") if path.is_file()]
    held = sum(path.stat().st_size for path in files)
    yield Check("cache", "ok", f"{folder}, {held / _GIB:.1f} GiB")
    free = shutil.disk_usage(folder).free
    found = f"{free / _GIB:.1f} GiB free there"
    if free < _DISK:
        least = f"{_DISK / _GIB:.0f} GiB"
        remedy = f"models and data take {least}: free some space, or {other}"
        yield Check("disk", "note", found, remedy)
    else:
        yield Check("disk", "ok", found)


def models() -> Check:
    """Whether the language model is there without a download."""
    from unfrozen.data.models import DEFAULT_MODEL, available_models

    cached = [model.name for model in available_models() if model.cached]
    if DEFAULT_MODEL in cached:
        return Check("language models", "ok", f"in the cache: {', '.join(cached)}")
    found = f"{DEFAULT_MODEL} is fetched when it is first used"
    return Check("language models", "note", found, "`unfrozen doctor --deep` fetches and asks it")


def git() -> Check:
    """Git, which fetches a peer or two that papers are measured beside."""
    found = shutil.which("git")
    if found is None:
        remedy = "install git to time `unfrozen reproduce tem` beside its port"
        return Check("git", "note", "is not there", remedy)
    return Check("git", "ok", found)


def asked() -> Check:
    """The language model answers a question that it knows the answer to."""
    import time

    from unfrozen.language.model import LanguageModel

    began = time.perf_counter()
    try:
        said = LanguageModel.from_pretrained().top(_QUESTION, 1)[0].text.strip()
    except UnfrozenError as error:
        return Check("a question", "wrong", str(error), "see this line, and the cache above")
    found = f"{_QUESTION} {said} ({time.perf_counter() - began:.1f} s with loading)"
    if said == _ANSWER:
        return Check("a question", "ok", found)
    return Check("a question", "wrong", found, "remove the model's folder from the cache")
