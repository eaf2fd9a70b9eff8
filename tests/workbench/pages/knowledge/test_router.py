"""The page Knowledge, on a tiny model: what it tells is what the library finds."""

import json

import pytest
import torch

from unfrozen.language.model import LanguageModel
from unfrozen.language.tracing import TraceSettings
from unfrozen.language.tracing import trace as plain_trace
from unfrozen.workbench.pages.knowledge.graphs import lay_out
from unfrozen.workspace import Workspace

PROMPT = "The Louvre is in"
EDIT = {
    "workspace": "facts", "prompt": PROMPT, "subject": "Louvre", "to": "Rome", "true": "Paris",
    "identity": True,
}  # fmt: skip


@pytest.fixture
def lm(tiny_folder):
    return LanguageModel.from_pretrained(str(tiny_folder))


def test_states_are_the_workspaces_and_models_that_are_there(page, facts, home, tiny_folder):
    (home / "broken").mkdir()
    (home / "broken" / "workspace.json").write_text("{}")
    found = page.get("/api/knowledge/states").json()
    one = {w["name"]: w for w in found["workspaces"]}
    assert (one["facts"]["changes"], one["facts"]["error"]) == (0, None)
    assert one["broken"]["error"]
    assert found["models"][0] == str(tiny_folder)
    assert "country_capital" in found["relations"]


def test_a_workspace_is_made_and_no_second_one_in_its_place(page, home, lm):
    assert page.done("/api/knowledge/make", {"name": "new"}) == {"workspace": "new"}
    assert Workspace.open(home / "new").base_name == lm.name
    again = page.job("/api/knowledge/make", {"name": "new"})
    assert again["status"] == "failed"
    outside = page.job("/api/knowledge/make", {"name": "../new"})
    assert "is no name here" in outside["error"]


def test_an_answer_is_the_models_own(page, lm):
    found = page.done("/api/knowledge/ask", {"prompt": PROMPT, "top": 3, "tokens": 4})
    expected = lm.top(PROMPT, 3)
    assert [t["text"] for t in found["answer"]["top"]] == [t.text for t in expected]
    assert found["answer"]["top"][0]["probability"] == pytest.approx(expected[0].probability)
    assert found["answer"]["written"] == lm.generate([PROMPT], 4)[0]
    assert found["base"] is None


def test_a_model_that_is_not_offered_is_refused(page, tmp_path):
    job = page.job("/api/knowledge/ask", {"prompt": PROMPT, "model": str(tmp_path)})
    assert "is not offered" in job["error"]


def test_a_trace_is_that_of_the_library_and_comes_map_by_map(page, lm):
    asked = {"prompt": PROMPT, "subject": "Louvre", "samples": 2, "seed": 3}
    found = page.done("/api/knowledge/trace", asked)
    expected = plain_trace(lm, PROMPT, "Louvre", TraceSettings(samples=2, seed=3))
    assert [m["kind"] for m in found["maps"]] == ["state", "mlp", "attention"]
    for one in found["maps"]:
        effect = torch.tensor(one["effect"])
        torch.testing.assert_close(effect, expected.effects[one["kind"]], atol=1e-5, rtol=1e-4)
    assert (found["answer"], found["tokens"]) == (expected.answer, list(expected.tokens))
    assert found["clean"] == pytest.approx(expected.clean)


def test_a_trace_that_makes_no_sense_is_told_in_one_line(page):
    job = page.job("/api/knowledge/trace", {"prompt": PROMPT, "subject": "Orsay"})
    assert (job["status"], "not in the prompt" in job["error"]) == ("failed", True)


def test_an_edit_is_committed_told_and_taken_back_to_the_bit(page, facts, lm):
    before = page.done("/api/knowledge/ask", {"prompt": PROMPT, "workspace": "facts"})
    found = page.done("/api/knowledge/edit", EDIT)
    assert (found["entry"], found["name"]) == (1, "louvre-rome")
    effect = facts.show(1).effect
    assert found["before"] == effect["before"]
    assert found["after"] == effect["after"]
    assert found["answers"][0]["top"] == before["answer"]["top"][:8]
    after = page.done("/api/knowledge/ask", {"prompt": PROMPT, "workspace": "facts", "base": True})
    assert found["answers"][1]["top"] == after["answer"]["top"][:8]
    assert after["base"]["top"] == before["answer"]["top"]
    assert after["answer"]["top"] != before["answer"]["top"]
    log = page.post("/api/knowledge/revert", {"workspace": "facts", "entry": 1}).json()
    assert [(e["number"], e["state"]) for e in log["entries"]] == [(1, "reverted"), (2, "active")]
    assert log["entries"][0]["what"] == "Louvre: Paris → Rome"
    reverted = page.done("/api/knowledge/ask", {"prompt": PROMPT, "workspace": "facts"})
    assert reverted["answer"]["top"] == before["answer"]["top"]
    again = page.refused(page.post("/api/knowledge/revert", {"workspace": "facts", "entry": 1}))
    assert "reverted already" in again
    page.post("/api/knowledge/restore", {"workspace": "facts", "entry": 1})
    assert [e.state for e in facts.log()] == ["active", "reverted", "active"]


def test_an_edit_that_is_only_tried_leaves_the_log_empty(page, facts):
    found = page.done("/api/knowledge/edit", {**EDIT, "dry_run": True})
    assert found["entry"] is None
    assert found["answers"][0]["top"] != found["answers"][1]["top"]
    assert page.get("/api/knowledge/log", workspace="facts").json()["entries"] == []


def test_a_change_goes_from_one_workspace_to_another_as_a_file(page, facts, home):
    page.done("/api/knowledge/edit", EDIT)
    page.done("/api/knowledge/make", {"name": "other"})
    file = page.get("/api/knowledge/export", workspace="facts", entry=1)
    path = "/api/knowledge/import"
    log = page.upload(path, file.content, workspace="other", name="c.safetensors").json()
    assert [e["name"] for e in log["entries"]] == ["louvre-rome"]
    assert Workspace.open(home / "other").changes() == facts.changes()


@pytest.mark.parametrize(("name", "data"), [("c.pt", b"x"), ("c.safetensors", b"no tensors")])
def test_a_file_that_holds_no_change_is_refused(page, facts, name, data):
    refused = page.refused(page.upload("/api/knowledge/import", data, workspace="facts", name=name))
    assert "/" not in refused.replace("c.safetensors", "")
    assert facts.log() == []


def test_a_graph_has_an_edge_a_question_and_a_place_a_node(page):
    facts = [
        {"subject": s, "prompt": "{} is in", "target_true": o, "relation": "place"}
        for s, o in (("Louvre", "Paris"), ("Etna", "Italy"), ("Nile", "Egypt"))
    ]
    found = page.done("/api/knowledge/graph", {"facts": facts})
    assert [e["subject"] for e in found["edges"]] == ["Louvre", "Etna", "Nile"]
    assert {e["object"] for e in found["edges"]} <= {"Paris", "Italy", "Egypt"}
    names = {e["subject"] for e in found["edges"]} | {e["object"] for e in found["edges"]}
    assert {n["name"] for n in found["nodes"]} == names
    assert "nothing is asked" in page.job("/api/knowledge/graph", {})["error"]


def test_a_diff_shows_what_was_meant_first(page, facts):
    page.done("/api/knowledge/edit", EDIT)
    found = page.done("/api/knowledge/diff", {"workspace": "facts", "entry": 1})
    assert (found["asked"], found["meant"]) == (1, 1)
    assert {m["subject"] for m in found["moved"]} <= {"Louvre"}
    now = page.done("/api/knowledge/diff", {"workspace": "facts"})
    assert now["moved"] == found["moved"]


def test_nodes_are_laid_out_apart_in_a_square_and_always_alike():
    pairs = [("a", "b"), ("b", "c"), ("d", "e"), ("f", "f")]
    nodes = lay_out(pairs)
    assert nodes == lay_out(pairs)
    places = {(n.x, n.y) for n in nodes}
    assert len(places) == len(nodes) == 6
    assert all(-1 <= x <= 1 and -1 <= y <= 1 for x, y in places)
    assert lay_out([]) == []


def test_a_page_that_is_loaded_again_finds_its_jobs(page):
    done = page.job("/api/knowledge/ask", {"prompt": PROMPT})
    (found,) = page.get("/api/jobs", page="knowledge").json()
    assert (found["id"], found["kind"], found["status"]) == (done["id"], "ask", "done")
    assert found["request"]["prompt"] == PROMPT
    assert "result" not in found
    assert json.dumps(page.get(f"/api/jobs/{found['id']}").json()["result"])


def test_a_job_is_stopped_by_its_route(page, lm, monkeypatch):
    prompt = "The Louvre is in " + "Paris, in " * 20
    asked = {"prompt": prompt, "subject": "Louvre", "samples": 50}
    begun = page.post("/api/knowledge/trace", asked).json()
    page.follow(
        begun["id"], lambda job: job["progress"] and job["progress"]["what"].startswith("Rest")
    )
    assert page.post(f"/api/jobs/{begun['id']}/stop").json()["status"] in ("stopping", "stopped")
    assert page.follow(begun["id"])["status"] == "stopped"
    assert page.done("/api/knowledge/ask", {"prompt": PROMPT})["prompt"] == PROMPT
