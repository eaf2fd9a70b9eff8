"""Data sets of the hub: one file of one, downloaded once into the hub's own cache."""

import os
import re
from pathlib import Path

from unfrozen.data.cache import status
from unfrozen.data.models import quiet
from unfrozen.errors import DataError

READABLE = (".jsonl", ".json", ".parquet")
"""Endings of files that hold records."""

_ID = re.compile(r"[\w.-]+/[\w.-]+(/.+)?")


def is_hub_id(name: str) -> bool:
    """Whether a name can be a data set of the hub, or a file in one.

    Example:
        >>> [is_hub_id(n) for n in ("owner/name", "owner/name/data/test.json", "facts.jsonl")]
        [True, True, False]
    """
    return _ID.fullmatch(name) is not None


def hub_file(name: str) -> Path:
    """A file of a data set of the hub.

    Args:
        name: ``owner/name``, of a data set with one file of records; or ``owner/name/path`` of one
            of several.

    Raises:
        DataError: the hub cannot be reached and has left nothing in its cache here, there is no
            such data set, or which of its files is meant is not clear.
    """
    owner, repository, *inside = name.split("/", 2)
    repo = f"{owner}/{repository}"
    with status(f"Fetching {name} from the hub"), quiet():
        from huggingface_hub import HfApi, hf_hub_download, snapshot_download

        try:
            if inside:
                return Path(hf_hub_download(repo, inside[0], repo_type="dataset"))
            if _offline():
                folder = Path(snapshot_download(repo, repo_type="dataset", local_files_only=True))
                there = [f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file()]
            else:
                there = list(HfApi().list_repo_files(repo, repo_type="dataset"))
            chosen = _only(repo, there)
            return Path(hf_hub_download(repo, chosen, repo_type="dataset"))
        except DataError:
            raise
        except Exception as error:
            where = "the hub's cache here (HF_HUB_OFFLINE is set)" if _offline() else "the hub"
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise DataError(
                f"no data set {name!r}: no such file here, and not had from {where} "
                f"({lines[0].rstrip('.:')[:200]}); check the name and the network, or download its "
                "file and give the path"
            ) from error


def _only(repo: str, files: list[str]) -> str:
    """The one file that holds records."""
    found = sorted(f for f in files if f.endswith(READABLE) and not Path(f).name.startswith("."))
    # What tells about a data set is no part of it.
    found = [f for f in found if Path(f).name not in {"dataset_infos.json", "config.json"}]
    if len(found) == 1:
        return found[0]
    if not found:
        raise DataError(f"the data set {repo} has no file that ends in {', '.join(READABLE)}")
    shown = ", ".join(f"{repo}/{f}" for f in found[:5])
    raise DataError(f"the data set {repo} has {len(found)} files: name one, such as {shown}")


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
