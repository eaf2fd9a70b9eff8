"""Names from a browser lead to nothing outside the folder."""

import pytest

from unfrozen.errors import WorkbenchError
from unfrozen.workbench.places import HERE, inside, workspaces

OUTSIDE = [
    "..", "../x", "a/b", "/etc", "a\\b", "", " a", "a ", "a.", ".hidden", "C:", "~", "a\0b", "a\n",
    "x" * 81, "..%2f", "../../etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    with pytest.raises(WorkbenchError):
        inside(tmp_path, name)


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "workspace.json").write_text("{}")
    home = tmp_path / "home"
    home.mkdir()
    (home / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(WorkbenchError, match="leads out"):
        inside(home, "link")
    assert workspaces(home) == []


def test_names_in_the_folder_are_found(tmp_path):
    assert inside(tmp_path, "my facts-2.b") == tmp_path / "my facts-2.b"
    assert inside(tmp_path, "Fakten für Köln").parent == tmp_path
    assert inside(tmp_path, HERE) == tmp_path
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "workspace.json").write_text("{}")
    assert workspaces(tmp_path) == ["a", "b"]
    (tmp_path / "workspace.json").write_text("{}")
    assert workspaces(tmp_path) == [HERE, "a", "b"]


@pytest.mark.parametrize("name", [n for n in OUTSIDE if "\0" not in n])
def test_no_route_opens_a_workspace_outside_the_folder(page, name):
    assert page.get("/api/knowledge/log", workspace=name).status_code == 422
    assert page.post("/api/knowledge/revert", {"workspace": name, "entry": 1}).status_code == 422
    assert page.get("/api/knowledge/export", workspace=name, entry=1).status_code == 422
