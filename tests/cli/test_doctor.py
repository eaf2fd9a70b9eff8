"""What ``unfrozen doctor`` finds: machines with something missing, told with what to do."""

import importlib.metadata
import json
import sys

import pytest
from tests.cli.typed import run

from unfrozen.cli.doctor import checks

NEEDED = ["torch>=1", "numpy", "no-such-package>=2; extra == 'far'", "numpy<1; extra == 'old'",
          "scipy; extra == 'there'", "winonly; sys_platform == 'nowhere'"]  # fmt: skip


def test_all_is_there_on_a_machine_that_passes_the_tests(capfd):
    found = json.loads(run("doctor --json -", capfd))
    by_name = {one["name"]: one for one in found}
    assert by_name["Python"]["found"].startswith(sys.version.split()[0])
    assert all(one["state"] != "wrong" for one in found)
    assert all(one["remedy"] for one in found if one["state"] == "note" and one["name"] != "memory")
    assert {"processor", "memory", "cache", "disk", "language models"} <= set(by_name)


def test_what_is_missing_of_a_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: NEEDED)
    found = {one.name: one for one in checks.packages()}
    (core,) = (one for name, one in found.items() if not name.startswith("extra"))
    assert (core.state, core.remedy) == ("ok", "")
    assert found["extra far"].found == "no no-such-package"
    assert found["extra far"].remedy == "pip install 'unfrozen[far]'"
    assert found["extra far"].state == "note"
    assert found["extra old"].found == f"numpy {importlib.metadata.version('numpy')}, not <1"
    assert found["extra there"].state == "ok"


def test_a_package_that_commands_need_is_an_error(monkeypatch, capfd):
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["no-such-package"])
    (core,) = checks.packages()
    assert core.state == "wrong"
    told = run("doctor", capfd, code=1)
    assert "no no-such-package" in told
    assert "1 of" in told


def test_not_installed_at_all():
    (found,) = checks.packages("no-such-distribution")
    assert (found.state, found.remedy) == ("wrong", "pip install no-such-distribution")


@pytest.mark.parametrize(
    ("flags", "state", "told"),
    [
        ({"avx2", "avx512_bf16"}, "ok", "AVX2, bfloat16 (AVX-512)"),
        ({"avx2", "sse"}, "note", "AVX2"),
        (set(), "ok", "threads"),
    ],
)
def test_processors_differ_in_what_they_have(flags, state, told):
    found = checks.processor(lambda: flags)
    assert found.state == state
    assert found.found.endswith(told)


def test_little_memory_is_told():
    assert checks.memory(lambda: 2**30).remedy.startswith("language models take 3 GiB")
    assert checks.memory(lambda: 2**33).state == "ok"
    assert checks.memory(lambda: None).state == "note"


def test_a_cache_that_cannot_be_written_says_what_to_set(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "file" / "cache"))
    (found,) = checks.disk()
    assert found.state == "wrong"
    assert "UNFROZEN_CACHE" in found.remedy


def test_an_empty_cache_is_left_empty_and_has_no_model(monkeypatch, tmp_path):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path))
    assert {one.name for one in checks.disk()} == {"cache", "disk"}
    assert list(tmp_path.iterdir()) == []
    found = checks.models()
    assert (found.state, "is fetched" in found.found) == ("note", True)


def test_without_git_papers_lose_a_peer(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert checks.git().state == "note"


def test_a_model_that_answers_wrongly_is_an_error(monkeypatch):
    from unfrozen.errors import DataError
    from unfrozen.language.model import LanguageModel, Token

    class Wrong:
        def top(self, prompt, k):
            return [Token(1, " Rome", 0.9)]

    monkeypatch.setattr(LanguageModel, "from_pretrained", classmethod(lambda cls: Wrong()))
    assert checks.asked().state == "wrong"

    def missing(cls):
        raise DataError("there is no network")

    monkeypatch.setattr(LanguageModel, "from_pretrained", classmethod(missing))
    assert checks.asked().found == "there is no network"
