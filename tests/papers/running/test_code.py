"""What computes a result is what its module imports, and its hash is of what that does."""

import sys
from pathlib import Path

import pytest

import unfrozen
from unfrozen.papers.running import runner
from unfrozen.papers.running.code import code_hash, imported


@pytest.fixture
def package(tmp_path):
    """A package of which one module imports some of the others."""
    files = {
        "pkg/__init__.py": "from pkg import everything\n",
        "pkg/everything.py": "",
        "pkg/paper/__init__.py": "from pkg.paper import part\nfrom pkg.low import f\n",
        "pkg/paper/part.py": "def g():\n    import pkg.late\n",
        "pkg/low/__init__.py": "from pkg.low.own import f\n",
        "pkg/low/own.py": "import math\nf = 1\n",
        "pkg/late.py": "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from pkg import typed\nelse:\n    from pkg import told\n",
        "pkg/typed.py": "",
        "pkg/told.py": "from pkg.hidden import h\n",
        "pkg/hidden.py": "h = 1\n",
        "pkg/other.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path / "pkg"


def names_of(files, package):
    return [file.relative_to(package).as_posix() for file in files]


def test_all_that_is_imported_is_found_and_nothing_else(package):
    assert names_of(imported(package / "paper" / "__init__.py", package), package) == [
        "hidden.py", "late.py", "low/__init__.py", "low/own.py", "paper/__init__.py",
        "paper/part.py", "told.py",
    ]  # fmt: skip


def test_what_is_left_out_takes_with_it_what_only_it_imports(package):
    whole = names_of(imported(package / "told.py", package), package)
    assert whole == ["hidden.py", "told.py"]
    start = package / "paper" / "__init__.py"
    found = names_of(imported(start, package, [package / "low"]), package)
    rest = ["hidden.py", "late.py", "paper/__init__.py", "paper/part.py", "told.py"]
    assert found == rest


@pytest.mark.parametrize("name", runner.names())
def test_a_paper_imports_no_less_than_python_does(name):
    root = Path(unfrozen.__file__).parent
    module = runner._module(name)
    assert module.__file__ is not None
    found = set(imported(Path(module.__file__), root))
    used = {
        Path(sys.modules[value.__module__].__file__ or "")
        for value in vars(module).values()
        if getattr(value, "__module__", "").startswith("unfrozen.")
    }
    assert used <= found


def test_the_hash_of_code_changes_with_what_it_does_only(tmp_path):
    file = tmp_path / "m.py"

    def of(text):
        file.write_text(text)
        return code_hash([file])

    plain = of("def f(x):\n    return x + 1\n")
    assert of('"""Doc."""\n# why\ndef f(x):\n    """Add."""\n\n    return (x + 1)\n') == plain
    assert of("def f(x):\n    return x + 2\n") != plain
    assert code_hash([tmp_path]) != of("def g(x):\n    return x + 1\n")


def test_a_change_in_a_part_of_an_experiment_changes_its_hash(package):
    start = package / "paper" / "__init__.py"
    before = code_hash(imported(start, package), package)
    (package / "other.py").write_text("x = 2\n")
    assert code_hash(imported(start, package), package) == before
    (package / "low" / "own.py").write_text("f = 2\n")
    assert code_hash(imported(start, package), package) != before
