"""The page Papers, with the toy paper as the only one."""

import json

import pytest

from unfrozen.workbench.pages.papers.running import Bars


@pytest.fixture
def dice(page, toy):
    return page


def claims(page):
    (paper,) = page.get("/api/papers").json()["papers"]
    return paper, {claim["id"]: claim for claim in paper["claims"]}


def test_every_claim_stands_beside_the_papers_before_anything_was_run(dice):
    paper, found = claims(dice)
    assert paper["title"] == "On dice & <script>alert(1)</script>"
    assert list(found) == ["dice.mean", "dice.loaded", "dice.broken", "dice.skipped"]
    assert found["dice.mean"]["theirs"] == 3.5
    assert (paper["kept"], paper["here"], found["dice.mean"]["here"]) == (None, None, None)


def test_a_run_here_stands_beside_and_leaves_the_checkout_alone(dice, home, tmp_path):
    paper = dice.done("/api/papers/run", {"paper": "dice", "budget": "quick", "seed": 3})
    assert paper["here"]["budget"] == "quick"
    kept = json.loads((home / "reports" / "dice-quick.json").read_text())
    found = claims(dice)[1]
    assert found["dice.mean"]["here"]["value"] == kept["claims"][0]["value"]
    assert found["dice.loaded"]["here"]["holds"] is False
    assert not (tmp_path / "results").exists()
    report = dice.get("/api/papers/report/dice/quick")
    assert report.headers["content-type"].startswith("text/html")
    assert "<script>alert(1)" not in report.text
    full = dice.done("/api/papers/run", {"paper": "die", "budget": "full"})
    assert (full["here"]["budget"], full["report"]) == ("full", "full")
    assert not (tmp_path / "results").exists()


def test_the_kept_record_is_shown_as_such(dice, tmp_path, home):
    dice.done("/api/papers/run", {"paper": "dice", "budget": "full"})
    (tmp_path / "results").mkdir()
    (home / "reports" / "dice.json").rename(tmp_path / "results" / "dice.json")
    paper, found = claims(dice)
    assert paper["kept"]["budget"] == "full"
    assert found["dice.mean"]["kept"]["holds"] is True
    assert paper["here"] is None


def test_a_run_is_stopped_between_steps_and_goes_on_where_it_was(dice, toy, monkeypatch):
    begun = []
    report = Bars.advance

    def stop_at_ten(bars, task, advance=1):
        if len(toy.computed) == 10 and not begun:
            begun.append(dice.client.app.state.bench.jobs.all("papers")[-1].id)
            dice.post(f"/api/jobs/{begun[0]}/stop")
        report(bars, task, advance)

    monkeypatch.setattr(Bars, "advance", stop_at_ten)
    assert dice.job("/api/papers/run", {"paper": "dice"})["status"] == "stopped"
    assert dice.job("/api/papers/run", {"paper": "dice"})["status"] == "done"
    assert toy.computed == list(range(40))


@pytest.mark.parametrize("name", ["nothing", "../dice", "dice/.."])
def test_no_file_but_a_papers_report_is_given(dice, home, name):
    (home / "secret.html").write_text("secret")
    assert dice.get(f"/api/papers/report/{name}/quick").status_code >= 400
    assert dice.get("/api/papers/report/dice/..%2f..%2fsecret").status_code >= 400
    assert "there is no paper" in dice.refused(dice.post("/api/papers/run", {"paper": "nothing"}))


def test_a_torn_record_is_passed_over(dice, home):
    (home / "reports").mkdir()
    (home / "reports" / "dice.json").write_text("{")
    assert claims(dice)[0]["here"] is None
