"""Sealed JSON is read back as it was, or refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import WorkspaceError
from unfrozen.workspace.files import new_folder, seal, unseal, write_file

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Lone surrogates are no text.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('abc\n"é'), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abc"), JSON))
def test_sealed_json_comes_back(record):
    assert unseal(seal(record), Path("x.json")) == record


@given(st.dictionaries(st.text("abc"), JSON), st.data())
def test_any_other_bytes_are_refused(record, data):
    sealed = bytearray(seal(record))
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(WorkspaceError, match=r"x\.json is damaged"):
        unseal(bytes(sealed), Path("x.json"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, "\ud800", Path("x")])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(WorkspaceError, match="cannot be kept as JSON"):
        seal({"value": value})


def test_a_deep_file_is_damage_and_not_a_crash():
    with pytest.raises(WorkspaceError, match="damaged"):
        unseal(b"[" * 100_000, Path("x.json"))


def test_unwritable_places_are_one_line_errors(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="cannot write"):
        write_file(tmp_path / "file" / "inside", b"data")
    with pytest.raises(WorkspaceError, match="cannot write"), new_folder(tmp_path / "file" / "in"):
        pass


def test_a_new_folder_appears_whole_or_not_at_all(tmp_path):
    def fail(folder: Path) -> None:
        with new_folder(folder) as temporary:
            (temporary / "part").write_text("1")
            assert not folder.exists()
            raise OSError(28, "No space left on device")

    with pytest.raises(WorkspaceError, match="No space left on device; nothing was left"):
        fail(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "new").mkdir()
    with new_folder(tmp_path / "new") as temporary:
        (temporary / "part").write_text("1")
    assert [p.name for p in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new" / "part").read_text() == "1"
