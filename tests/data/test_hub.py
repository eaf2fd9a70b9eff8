"""Files of the hub, without the hub."""

import huggingface_hub
import pytest

from unfrozen.data.hub import hub_file, is_hub_id
from unfrozen.errors import DataError


class Api:
    files = ("README.md", ".gitattributes", "data/test.jsonl")

    def list_repo_files(self, repo, repo_type):
        assert repo_type == "dataset"
        return self.files


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub that has one data set."""
    asked = []

    def download(repo, file, repo_type):
        asked.append((repo, file, repo_type))
        return str(tmp_path / file)

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return asked


def test_the_only_file_of_records_is_meant(hub, tmp_path):
    assert hub_file("owner/name") == tmp_path / "data/test.jsonl"
    assert hub == [("owner/name", "data/test.jsonl", "dataset")]


def test_a_file_may_be_named(hub, tmp_path):
    assert hub_file("owner/name/a/b.parquet") == tmp_path / "a/b.parquet"
    assert hub == [("owner/name", "a/b.parquet", "dataset")]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (["README.md"], "has no file that ends in"),
        (["a.json", "b.json", "dataset_infos.json"], "has 2 files: name one, such as owner/name/a"),
    ],
)
def test_which_file_must_be_clear(hub, monkeypatch, files, told):
    monkeypatch.setattr(Api, "files", files)
    with pytest.raises(DataError, match=told):
        hub_file("owner/name")


def test_without_a_network_it_says_what_to_do():
    with pytest.raises(DataError, match=r"no data set 'owner/name'.*HF_HUB_OFFLINE.*give the path"):
        hub_file("owner/name")
    with pytest.raises(DataError, match="give the path"):
        hub_file("owner/name/file.json")


def test_ids_are_told_from_paths():
    assert is_hub_id("owner/name")
    assert not is_hub_id("facts.jsonl")
    assert not is_hub_id("/absolute/path")
