"""Building the documentation runs the examples (`make docs`, on which `make test` depends)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*/*.py"))


def test_there_are_examples():
    assert len(EXAMPLES) > 10
    assert not list((ROOT / "examples").glob("*.py")), "an example goes into the folder of its part"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_has_what_a_tutorial_has(path):
    text = path.read_text()
    assert path.stem.startswith("plot_"), "the gallery would not run it"
    title, line, *_ = (ast.get_docstring(ast.parse(text)) or "").split("\n")
    assert line == "=" * len(title)
    assert "# **What to look at.**" in text
    assert "figure" in text
    assert len(text.split("\n")) < 130


def test_the_gallery_has_a_heading_for_every_part():
    for folder in {path.parent for path in EXAMPLES}:
        assert (folder / "GALLERY_HEADER.rst").is_file()


def test_every_tutorial_is_run_by_every_build_of_the_documentation():
    settings = (ROOT / "docs" / "conf.py").read_text()
    assert '"run_stale_examples": True' in settings
    makefile = (ROOT / "Makefile").read_text()
    assert "test: lint docs" in makefile
    assert "sphinx -W" in makefile
