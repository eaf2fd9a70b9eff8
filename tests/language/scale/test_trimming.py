import ctypes
import sys

import psutil
import pytest
import torch

from unfrozen.language.scale import trimming


@pytest.fixture(autouse=True)
def fresh():
    trimming._trim.cache_clear()
    yield
    trimming._trim.cache_clear()


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="of glibc only"
)
def test_what_was_freed_is_given_back():
    process = psutil.Process()
    # Small enough for the heap, which shrinks by itself only from its end.
    pieces = [torch.ones(16_000) for _ in range(4000)]
    last = torch.ones(16_000)
    full = process.memory_info().rss
    pieces.clear()
    trimming.give_back()
    assert full - process.memory_info().rss > 200e6
    assert float(last.sum()) == 16_000


@pytest.mark.parametrize("platform", ["win32", "linux"])
def test_without_glibc_nothing_is_done(monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    trimming.give_back()
