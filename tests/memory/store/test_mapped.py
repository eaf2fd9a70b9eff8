"""Files: they survive crashes, are shared, and are refused when damaged."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys

import pytest
import torch
from tests.draws import normal32

from unfrozen.errors import DataError
from unfrozen.memory.store import MappedStore, nearest, read
from unfrozen.memory.store.journal import SIZE, Journal

D = 8


@pytest.fixture
def store(tmp_path):
    made = MappedStore.create(tmp_path / "s", D)
    made.sync = False
    return made


APPENDS = """
import sys, torch
from unfrozen.memory.store import MappedStore
store = MappedStore.open(sys.argv[1])
store.sync = sys.argv[2] == "sync"
print("ready", flush=True)
for i in range(1000):
    store.append(torch.full((1 + i % 3, 8), float(i)))
    print(i, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="a signal that this system lacks")
@pytest.mark.parametrize("after", [1, 40, 300, 700])
def test_a_killed_writer_loses_at_most_the_append_under_way(store, after):
    command = [sys.executable, "-c", APPENDS, str(store.folder), "no"]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    said = -1
    for line in writer.stdout:
        if line.strip().isdigit():
            said = int(line)
            if said >= after:
                break
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.stdout.read().split()
    writer.stdout.close()
    writer.wait()
    said = max([said, *map(int, (word for word in rest if word.isdigit()))])
    again = MappedStore.open(store.folder)
    again.verify()
    whole = [float(i) for i in range(1000) for _ in range(1 + i % 3)]
    found = again.get(again.ids)[0]
    assert found.eq(found[:, :1]).all()
    kept = found[:, 0].tolist()
    assert kept == whole[: len(kept)]
    appends = int(found[-1, 0]) + 1
    assert appends - 1 in (said, said + 1)
    assert len(kept) == sum(1 + i % 3 for i in range(appends))
    # Life goes on, over what the dead writer left.
    new = again.append(torch.zeros(5, D))
    again.verify()
    assert torch.equal(again.get(new)[0], torch.zeros(5, D))


def test_a_change_counts_only_with_its_record(store):
    """Every way in which a record can be torn leaves the state before."""
    store.append(normal32(0, 10, D))
    path = store.folder / "journal"
    before = path.read_bytes()
    store.append(normal32(1, 10, D))
    after = path.read_bytes()
    assert len(after) == len(before) + SIZE
    for cut in range(len(before), len(after)):
        path.write_bytes(after[:cut])
        again = MappedStore.open(store.folder)
        assert len(again) == 10
        again.verify()
    path.write_bytes(after[:-5] + b"\0" + after[-4:])
    assert len(MappedStore.open(store.folder)) == 10


def test_what_is_damaged_is_refused(store, tmp_path):
    store.append(normal32(0, 100, D))
    folder = store.folder
    path = folder / "leading.0"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(DataError, match="was truncated"):
        MappedStore.open(folder)
    path.write_bytes(b"\7" + whole[1:])
    with pytest.raises(DataError, match="are not what was written"):
        MappedStore.open(folder).verify()
    path.write_bytes(whole)
    MappedStore.open(folder).verify()
    path.unlink()
    with pytest.raises(DataError, match="cannot read"):
        MappedStore.open(folder)
    path.write_bytes(whole)
    journal = folder / "journal"
    records = journal.read_bytes()
    for content, message in (
        (b"", "not the journal"),
        (b"x" + records[1:], "not the journal"),
        (records[:20], "no whole record"),
    ):
        journal.write_bytes(content)
        with pytest.raises(DataError, match=message):
            MappedStore.open(folder)
    journal.write_bytes(records)
    settings = (folder / "store.json").read_text()
    for content in ("{", "{}", "[]", json.dumps({**json.loads(settings), "format": 2})):
        (folder / "store.json").write_text(content)
        with pytest.raises(DataError):
            MappedStore.open(folder)
    with pytest.raises(DataError, match="there is no store"):
        MappedStore.open(tmp_path / "nowhere")
    with pytest.raises(DataError, match="not empty"):
        MappedStore.create(folder, D)


def test_readers_see_the_state_that_they_opened_until_they_refresh(store):
    store.append(normal32(0, 200, D))
    reader = MappedStore.open(store.folder)
    query = normal32(0, 200, D)[:3]
    before = read(reader, query, 2.0).values
    store.append(3 * normal32(1, 50, D))
    store.delete(range(100))
    store.compact()
    assert torch.equal(read(reader, query, 2.0).values, before)
    assert len(reader) == 200
    reader.refresh()
    assert len(reader) == 150
    assert reader.ids.tolist() == store.ids.tolist()


def _append_some(folder, mine):
    store = MappedStore.open(folder)
    store.sync = False
    for _ in range(25):
        store.append(torch.full((2, D), float(mine)))


def test_writers_wait_for_each_other(store):
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_append_some, args=(store.folder, i)) for i in (1, 2, 3)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert [other.exitcode for other in others] == [0, 0, 0]
    store.refresh()
    store.verify()
    assert store.ids.tolist() == list(range(150))
    counts = store.get(store.ids)[0][:, 0].unique(return_counts=True)[1]
    assert counts.tolist() == [50, 50, 50]


def test_a_crash_between_journal_and_cleaning_leaves_no_harm(store):
    store.append(normal32(0, 10, D))
    stale = store.folder / "leading.7"
    stale.write_bytes(b"x" * 1000)
    (store.folder / "ids.1").write_bytes(b"y" * 1000)
    store.delete(3)
    store.compact()
    assert not stale.exists()
    again = MappedStore.open(store.folder)
    again.verify()
    assert torch.equal(again.get(again.ids)[0], normal32(0, 10, D)[[0, 1, 2, *range(4, 10)]])


def test_the_time_of_last_use_is_kept(store):
    store.append(normal32(0, 3, D))
    store.touch(1)
    again = MappedStore.open(store.folder)
    assert int(again.importance("least-recent").argmax()) == 1
    again.verify()
    again.append(normal32(1, 1, D))
    assert int(again.importance("least-recent").argmax()) == 3


def test_a_full_disk_leaves_the_store_as_it_was(store, monkeypatch):
    store.append(normal32(0, 3, D))

    def full(self, *_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "add", full)
    with pytest.raises(DataError, match="No space left"):
        store.append(normal32(1, 3, D))
    monkeypatch.undo()
    assert len(store) == 3
    again = MappedStore.open(store.folder)
    again.verify()
    assert torch.equal(again.get(again.ids)[0], normal32(0, 3, D))


def test_pages_that_were_read_are_let_go(store, monkeypatch):
    monkeypatch.setattr("unfrozen.memory.store.mapped._RESIDENT_BYTES", 0)
    keys = normal32(0, 5000, D)
    store.append(keys)
    for method in ("certified", "streamed"):
        found = read(store, keys[:3], 0.5, method=method).values
        torch.testing.assert_close(found, (0.5 * keys[:3] @ keys.T).softmax(-1) @ keys)
    whole = []
    monkeypatch.setattr(
        "unfrozen.memory.store.files.Mapping.release",
        lambda mapping, low, high: whole.append((low, high)),
    )
    assert nearest(store, 10 * keys[:3], 1).scores.isfinite().all()
    # Scattered rows too: all of every file is let go once enough was touched.
    assert (0, 5000) in whole


def test_opening_does_not_read_the_patterns(tmp_path):
    store = MappedStore.create(tmp_path / "s", 256)
    store.sync = False
    store.append(torch.zeros(200_000, 256))  # 200 MB
    resident = subprocess.run(
        [
            sys.executable,
            "-c",
            "import resource, sys; from unfrozen.memory.store import MappedStore;"
            "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
            "store = MappedStore.open(sys.argv[1]);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)",
            str(store.folder),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(resident.stdout) < 20_000  # kilobytes
