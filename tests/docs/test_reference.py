import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location(
        "docs_reference", DOCS / "extensions" / "reference.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_names_are_told_where_users_take_them_from(reference):
    text = reference.section("unfrozen.memory")
    assert ".. autoclass:: unfrozen.memory.ModernHopfield\n" in text
    assert ".. autofunction:: unfrozen.memory.constrained_write\n" in text
    assert ".. autoclass:: unfrozen.memory.layers.Hopfield\n" in text


def test_no_name_is_told_twice(reference):
    found = re.findall(r"^\.\. auto\w+:: (.+)$", reference.section("unfrozen.energy"), re.MULTILINE)
    assert found
    assert len(found) == len(set(found))
    assert not [name for name in found if "._" in name]


def test_every_floor_has_a_page():
    told = "".join(path.read_text() for path in (DOCS / "reference").glob("*.md"))
    floors = {"data", "memory", "energy", "language", "hippocampus", "learning"}
    for floor in floors | {"topology", "world", "workspace", "agent"}:
        assert f"%% reference unfrozen.{floor} %%" in told


def test_mathematics_is_no_markup(reference):
    assert reference.escaped(["|v| times x_ is `not_` ``|w|``"]) == [
        r"\|v\| times x\_ is `not_` ``|w|``"
    ]
    assert reference.escaped([">>> a * b | c"]) == [">>> a * b | c"]
    shown = reference.marked("Format:\n\n    {*}\n\nEnd.")
    assert shown == ["Format:", "", "::", "", "    {*}", "", "End."]
