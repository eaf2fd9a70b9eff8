"""The log keeps the last complete state through kills, full disks and rivals, and trusts no byte
that was not written by it.
"""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import filelock
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unfrozen.errors import WorkspaceError
from unfrozen.workspace import Workspace
from unfrozen.workspace.files import seal, sha256


def run_writers(*args: object) -> Any:
    script = Path(__file__).with_name("writers.py")
    done = subprocess.run(
        [sys.executable, str(script), *map(str, args)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def files(folder: Path) -> dict[str, bytes]:
    """Every file by its path, without the lock."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != ".lock"
    }


def assert_clean(path: Path) -> None:
    """No leftovers: each tensors file has its entry, and nothing temporary is there."""
    expected = {"workspace.json", "head.json"}
    for entry in Workspace.open(path).log():
        expected.add(f"log/{entry.number:06d}-{entry.id[:8]}.json")
        if not entry.reverts:
            expected.add(f"changes/{entry.id}.safetensors")
    assert set(files(path)) == expected


forks = pytest.mark.skipif(os.name != "posix", reason="the writers fork")


@pytest.fixture(scope="module")
def killed(tmp_path_factory, make_change) -> tuple[Path, dict[str, list[int]]]:
    """A folder with what each killed writer left, and the signals that they died of."""
    folder = tmp_path_factory.mktemp("killed")
    other = Workspace.init(folder / "other", "tiny", "b" * 64)
    for name in ("x", "y"):
        other.commit(make_change(name, seed=ord(name)))
    other.export(["x", "y"], folder / "export.safetensors")
    template = Workspace.init(folder / "template", "tiny", "b" * 64)
    template.commit(make_change("old"))
    return folder, run_writers("faults", folder, "init", "commit", "revert", "import")


@forks
@pytest.mark.parametrize(("action", "added"), [("commit", 1), ("revert", 1), ("import", 2)])
def test_killed_at_every_system_call(killed, make_change, action, added):
    signals = killed[1][action]
    assert signals == [9] * (len(signals) - 1) + [0]
    assert len(signals) > 15 * added  # the faults did reach into the middle
    seen = set()
    for n in range(len(signals)):
        path = killed[0] / action / str(n)
        workspace = Workspace.open(path)
        workspace.verify()
        entries = workspace.log()
        seen.add(len(entries))
        assert len(entries) in (1, 1 + added)  # all of an import, or nothing of it
        assert entries[0].state == ("reverted" if action == "revert" and entries[1:] else "active")
        workspace.commit(make_change("after"))
        assert [e.name for e in Workspace.open(path).log()] == [e.name for e in entries] + ["after"]
        assert_clean(path)
    assert seen == {1, 1 + added}


@forks
def test_init_killed_at_every_system_call(killed):
    signals = killed[1]["init"]
    assert signals == [9] * (len(signals) - 1) + [0]
    assert len(signals) > 8
    for n in range(len(signals)):
        path = killed[0] / "init" / str(n)
        if (path / "workspace.json").exists():
            workspace = Workspace.open(path)
        else:
            with pytest.raises(WorkspaceError, match="is not a workspace: make one"):
                Workspace.open(path)
            workspace = Workspace.init(path, "tiny", "b" * 64)
        assert workspace.log() == []


@forks
def test_killed_at_random_moments(workspace, make_change):
    reported = run_writers("kills", workspace.path, 40)
    ids = [entry.id for entry in workspace.log()]
    assert len(reported) >= 20
    assert set(reported) <= set(ids)  # what was reported is there
    assert len(ids) <= len(reported) + 40  # and at most one a writer that had no time to report
    workspace.commit(make_change("after"))
    assert_clean(workspace.path)


@forks
@pytest.mark.parametrize(("writers", "each"), [(2, 12), (4, 6)])
def test_writers_at_once_lose_nothing(workspace, writers, each):
    assert run_writers("together", workspace.path, writers, each) == [0] * writers
    names = [entry.name for entry in workspace.log()]
    assert sorted(names) == sorted(
        f"writer {w} change {n}" for w in range(writers) for n in range(each)
    )
    for w in range(writers):  # each writer's own order is kept
        own = [name for name in names if name.startswith(f"writer {w} ")]
        assert own == [f"writer {w} change {n}" for n in range(each)]
    assert_clean(workspace.path)


def refusal_of(action: Callable[[], object]) -> str:
    """What a WorkspaceError said, or nothing if there was none."""
    try:
        action()
    except WorkspaceError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("call", ["write", "fsync", "open"])
def test_full_disk_leaves_nothing_half_written(workspace, make_change, monkeypatch, call):
    workspace.commit(make_change("old"))
    before = files(workspace.path)
    real, failures = getattr(os, call), 0
    for fault in range(50):
        left = [fault]

        def full(*args, left=left, **kwargs):
            left[0] -= 1
            # A disk stays full: every later call fails too.
            if left[0] < 0 and (call != "open" or args[1] & os.O_EXCL):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, full)
            refusal = refusal_of(
                lambda fault=fault: workspace.commit(make_change("new", seed=fault))
            )
        if not refusal:
            break
        failures += 1
        assert "No space left on device" in refusal
        assert "\n" not in refusal
        assert files(workspace.path) == before
    assert failures >= 2
    # Only the head, which may lag, was refused at the break: the entry is safe.
    assert [e.name for e in Workspace.open(workspace.path).log()] == ["old", "new"]
    workspace.commit(make_change("later"))
    assert len(workspace.log()) == 3
    assert_clean(workspace.path)


def test_short_writes_are_continued(workspace, make_change, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
    change = make_change()
    workspace.commit(change)
    assert workspace.change(1) == change


def test_an_interrupted_writer_leaves_nothing(workspace, make_change, monkeypatch):
    before = files(workspace.path)

    def interrupted(descriptor):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            workspace.commit(make_change())
    assert files(workspace.path) == before
    workspace.commit(make_change())


def test_a_held_lock_is_waited_for_and_named(workspace, make_change, monkeypatch):
    monkeypatch.setattr("unfrozen.workspace.log.LOCK_SECONDS", 0.05)
    with filelock.FileLock(workspace.path / ".lock"):
        assert workspace.log() == []  # readers need no lock
        # Another thread, because filelock refuses to wait for oneself.
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(workspace.commit, make_change())
        with pytest.raises(WorkspaceError, match="locked by another process"):
            waiting.result()


@pytest.fixture(scope="module")
def written(tmp_path_factory, make_change) -> Path:
    """A workspace with three changes and a revert."""
    path = tmp_path_factory.mktemp("written") / "facts"
    workspace = Workspace.init(path, "tiny", "b" * 64)
    for n in range(3):
        workspace.commit(make_change(f"change {n}", seed=n, request={"n": n, "text": "Zürich"}))
    workspace.revert("change 1")
    return path


def assert_refused(path: Path, name: str) -> None:
    with pytest.raises(WorkspaceError, match=name.rsplit("/", 1)[-1]) as refusal:
        Workspace.open(path).verify()
    assert "\n" not in str(refusal.value)


@settings(max_examples=100)
@given(st.data())
def test_a_flipped_byte_is_refused(written, data):
    good = files(written)
    name = data.draw(st.sampled_from(sorted(good)))
    position = data.draw(st.integers(0, len(good[name]) - 1))
    flip = data.draw(st.integers(1, 255))
    bad = bytearray(good[name])
    bad[position] ^= flip
    try:
        (written / name).write_bytes(bad)
        assert_refused(written, name)
    finally:
        (written / name).write_bytes(good[name])


def test_truncated_and_missing_files_are_refused(written):
    good = files(written)
    assert len(good) == 9
    for name, content in good.items():
        for length in (0, 1, len(content) // 2, len(content) - 1):
            (written / name).write_bytes(content[:length])
            assert_refused(written, name)
        (written / name).unlink()
        # Of a missing entry its neighbour or the folder tells.
        assert_refused(written, "is damaged" if name.startswith("log/") else name)
        (written / name).write_bytes(content)
    Workspace.open(written).verify()


def test_entries_cannot_be_swapped_doubled_or_moved(written, tmp_path):
    def copy() -> list[Path]:
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(written, tmp_path / "copy")
        return sorted((tmp_path / "copy" / "log").iterdir())

    one, two, *_ = copy()
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert_refused(tmp_path / "copy", "000001-")

    one, *_ = copy()
    one.with_name("000001-00000000.json").write_bytes(one.read_bytes())
    assert_refused(tmp_path / "copy", "000001-")

    *_, last = copy()
    last.rename(last.with_name("000004-00000000.json"))
    assert_refused(tmp_path / "copy", "name does not fit")

    *_, last = copy()  # a well-sealed entry that reverts what is not there
    record = {"number": 5, "at": "now", "previous": sha256(last.read_bytes())}
    record |= {"reverts": "0" * 16, "id": "1" * 16}
    last.with_name("000005-11111111.json").write_bytes(seal(record))
    assert_refused(tmp_path / "copy", "000005-11111111.json")

    tensors = sorted((tmp_path / "copy" / "changes").iterdir())
    copy()
    shutil.copyfile(tensors[0], tensors[1])
    assert_refused(tmp_path / "copy", tensors[1].name)


def test_a_damaged_change_can_still_be_reverted(written, tmp_path):
    shutil.copytree(written, tmp_path / "copy")
    workspace = Workspace.open(tmp_path / "copy")
    workspace._log.tensors_path(workspace.show("change 2")).unlink()
    with pytest.raises(WorkspaceError, match="is missing"):
        workspace.changes()
    workspace.revert("change 2")
    assert [change.name for change in workspace.changes()] == ["change 0"]


def test_later_formats_are_refused(written, tmp_path):
    shutil.copytree(written, tmp_path / "copy")
    header = {"format": 2, "base": {"something": "new"}}
    (tmp_path / "copy" / "workspace.json").write_bytes(seal(header))
    with pytest.raises(WorkspaceError, match="format 2, this unfrozen reads up to 1: upgrade"):
        Workspace.open(tmp_path / "copy")


def test_folders_that_are_no_workspace(tmp_path, make_change):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(WorkspaceError, match=r"is not a workspace: make one with `unfrozen i"):
            Workspace.open(path)
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(WorkspaceError, match="not empty"):
        Workspace.init(tmp_path, "tiny", "b" * 64)
    with pytest.raises(WorkspaceError, match="cannot make a workspace"):
        Workspace.init(tmp_path / "mine.txt", "tiny", "b" * 64)
    Workspace.init(tmp_path / "new" / "deep", "tiny", "b" * 64).commit(make_change())
    with pytest.raises(WorkspaceError, match="is a workspace already"):
        Workspace.init(tmp_path / "new" / "deep", "other", "c" * 64)
    assert Workspace.open(tmp_path / "new" / "deep").base_name == "tiny"
    (tmp_path / "new" / "deep" / "workspace.json").unlink()
    with pytest.raises(WorkspaceError, match=r"workspace.json is damaged \(it is missing"):
        Workspace.open(tmp_path / "new" / "deep")


def test_empty_folders_may_be_missing_and_strangers_stay(workspace, make_change):
    (workspace.path / "log").rmdir()
    (workspace.path / "changes").rmdir()
    assert workspace.log() == []
    workspace.commit(make_change())
    stranger = workspace.path / "changes" / "notes.txt"
    stranger.write_text("mine")
    workspace.commit(make_change("second", seed=1))
    assert stranger.read_text() == "mine"


def test_clearing_up_after_a_killed_import_may_be_killed_too(tmp_path, make_change, monkeypatch):
    other = Workspace.init(tmp_path / "other", "tiny", "b" * 64)
    for n in range(4):
        other.commit(make_change(f"change {n}", seed=n))
    file = other.export([f"change {n}" for n in range(4)], tmp_path / "changes.safetensors")
    workspace = Workspace.init(tmp_path / "facts", "tiny", "b" * 64)
    head = (workspace.path / "head.json").read_bytes()
    workspace.import_(file)
    (workspace.path / "head.json").write_bytes(head)
    next((workspace.path / "log").glob("000004-*")).unlink()  # as of a writer that was killed
    assert workspace.log() == []
    real, left, fault = os.unlink, [0], 0

    def unlink(path, *args, **kwargs):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        real(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", unlink)
        for fault in range(1, 20):
            left[0] = 1 if fault < 4 else fault
            try:
                workspace.commit(make_change("after", seed=9))
                break
            except KeyboardInterrupt:
                assert workspace.log() == []
    assert fault > 3
    assert [e.name for e in workspace.log()] == ["after"]
    assert_clean(workspace.path)


def test_what_others_are_writing_there_stays(workspace, make_change):
    """A model being materialized into the folder, a picture being saved: none of the log's own."""
    model = workspace.path / ".my-model.0123456789ab.tmp"
    model.mkdir()
    (model / "config.json").write_text("{}")
    picture = workspace.path / ".trace.png.0123456789ab.tmp"
    picture.write_text("half")
    left = [workspace.path / f".{n}.json.0123456789ab.tmp" for n in ("head", "workspace")]
    for path in left:
        path.write_text("half")
    workspace.commit(make_change())
    assert (model / "config.json").exists()
    assert picture.exists()
    assert not any(path.exists() for path in left)
    (workspace.path / "log" / ".folder.0123456789ab.tmp").mkdir()
    workspace.commit(make_change("second", seed=1))
