"""What an agent's errand left stays in the life in which it was made."""

import pytest
import torch

from unfrozen.errors import WorkspaceError
from unfrozen.workspace import Change, Workspace
from unfrozen.workspace.exchange.merge import merge
from unfrozen.workspace.kinds import EXPERIENCE


@pytest.fixture
def other(tmp_path, workspace, make_change):
    """A life with one errand, and an edit beside it."""
    made = Workspace.init(tmp_path / "other", "tiny", workspace.base_hash)
    made.commit(Change(EXPERIENCE, "errand 0", made.base_hash, {"now": torch.tensor([7, 3])}))
    made.commit(make_change("edit"))
    return made


def test_an_experience_is_not_merged(workspace, other):
    with pytest.raises(WorkspaceError, match=r"'errand 0' of .*other is an experience of an agent"):
        merge(workspace, other)
    with pytest.raises(WorkspaceError, match="copy that life's whole folder"):
        merge(workspace, other, keep="theirs")
    assert workspace.log() == []
    other.revert("errand 0")
    assert [entry.name for entry in merge(workspace, other).added] == ["edit"]


def test_an_experience_is_imported_nowhere_but_where_it_is(workspace, other, tmp_path):
    file = other.export(["edit", "errand 0"], tmp_path / "some.safetensors")
    with pytest.raises(WorkspaceError, match=r"'errand 0' of .*some.safetensors"):
        workspace.import_(file)
    assert workspace.log() == []
    assert other.import_(file) == []
