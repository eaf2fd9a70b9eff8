import importlib.util
import sys
from pathlib import Path

import pytest

from unfrozen.papers.running import measure, runner


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """The toy paper as the only one, in a checkout whose results are in tmp_path."""
    file = Path(__file__).parents[1] / "papers" / "toy.py"
    spec = importlib.util.spec_from_file_location("toy_paper", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "toy_paper", module)
    monkeypatch.setattr(runner, "REGISTRY", {"dice": "toy_paper"})
    monkeypatch.setattr(measure, "checkout", lambda: tmp_path)
    return module.EXPERIMENT
