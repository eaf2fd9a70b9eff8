import subprocess
import sys

import pytest

import unfrozen


def test_every_public_name_is_there():
    for name in unfrozen.__all__:
        assert getattr(unfrozen, name) is not None


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = unfrozen.nothing_of_the_kind


def test_import_loads_nothing_heavy():
    code = "import sys, unfrozen; print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
