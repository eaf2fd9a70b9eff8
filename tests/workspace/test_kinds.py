"""The kind of experiences: states beside the model, that alter nothing of it."""

import pytest
import torch
from torch import nn

from unfrozen.errors import WorkspaceError
from unfrozen.workspace import Change, Workspace
from unfrozen.workspace.kinds import EXPERIENCE, KINDS, MEMORIES


def payload() -> dict[str, torch.Tensor]:
    return {
        "map.codes": torch.randn(2, 3, generator=torch.Generator().manual_seed(0)),
        "facts.keys": torch.ones(1, 2, dtype=torch.float64) / 3,
        "facts.ids": torch.tensor([7]),
        "now": torch.tensor([12, -1, 3]),
    }


def test_an_experience_comes_back_to_the_bit_and_alters_no_parameter(
    workspace: Workspace, hash_weights
) -> None:
    change = Change(EXPERIENCE, "errand 0", workspace.base_hash, payload(), {"errand": "Go."})
    workspace.commit(change)
    found = Workspace.open(workspace.path).change("errand 0")
    assert found.kind == EXPERIENCE
    assert {k: (v.dtype, v.tolist()) for k, v in found.payload.items()} == {
        k: (v.dtype, v.tolist()) for k, v in payload().items()
    }
    assert KINDS[EXPERIENCE].shapes(found.payload) == {}
    assert EXPERIENCE in MEMORIES
    model = nn.Linear(2, 2)
    before = hash_weights(model)
    opened = Workspace.init(workspace.path.with_name("other"), "m", before,
                            hash_weights=hash_weights)  # fmt: skip
    opened.commit(Change(EXPERIENCE, "errand 0", before, payload()))
    opened.apply(model)
    assert hash_weights(model) == before


def test_an_experience_is_its_own_and_nobody_can_alter_it() -> None:
    mine = payload()
    change = Change(EXPERIENCE, "errand 0", "b" * 64, mine)
    mine["now"].zero_()
    assert change.payload["now"].tolist() == [12, -1, 3]


@pytest.mark.parametrize(
    ("bad", "message"),
    [({}, "empty"), ({"map.codes": torch.tensor([float("nan")])}, "map.codes .* NaN")],
)
def test_an_experience_of_nothing_or_of_no_numbers_is_refused(
    bad: dict[str, torch.Tensor], message: str
) -> None:
    with pytest.raises(WorkspaceError, match=message):
        Change(EXPERIENCE, "errand 0", "b" * 64, bad)
