import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.data.lines import append_line, read_lines, write_lines
from unfrozen.errors import DataError

ENTRIES = [{"key": "a", "é": 1.5}, {"key": "b\u2028c\n"}, {"key": "d", "list": [None, True]}]


def test_lines_are_read_as_they_were_appended(tmp_path):
    path = tmp_path / "a.jsonl"
    assert read_lines(path) == []
    with path.open("ab") as stream:
        for entry in ENTRIES:
            append_line(stream, entry, path)
    assert read_lines(path) == ENTRIES
    write_lines(tmp_path / "b.jsonl", ENTRIES)
    assert (tmp_path / "b.jsonl").read_bytes() == path.read_bytes()


@given(cut=st.integers(0, 90))
def test_a_torn_line_is_forgotten_and_cut_off(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("torn") / "a.jsonl"
    write_lines(path, ENTRIES)
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    whole = data.count(b"\n")
    assert read_lines(path) == ENTRIES[:whole]
    assert path.read_bytes() == data[: data.rfind(b"\n") + 1]


@pytest.mark.parametrize("line", ['{"a": ', "[1]"])
def test_a_damaged_line_is_named(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"a": 1}) + f"\n{line}\n")
    with pytest.raises(DataError, match=r"line 2 of .*a\.jsonl"):
        read_lines(path)
