import json

import pytest

from unfrozen.cli.main import main
from unfrozen.papers.claim import RunRecord


def _run(*words, out):
    return main(["reproduce", *words, "--out", str(out)])


def test_a_run_shows_every_claim_and_where_the_report_is(toy, tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    assert _run("dice", "--quick", out=tmp_path / "r") == 0
    out, err = capfd.readouterr()
    assert err == ""
    for claim in toy.claims:
        assert claim.id in out
    assert "1 of 4 claims hold" in out
    assert str(tmp_path / "r" / "dice-quick.html") in out
    assert (tmp_path / "r" / "dice-quick.html").is_file()
    assert "<3.5>" in out


def test_the_record_goes_to_a_file_or_alone_to_stdout(toy, tmp_path, capfd):
    target = tmp_path / "deep" / "dice.json"
    assert _run("dice", "--quick", "--seed", "4", "--json", str(target), out=tmp_path / "r") == 0
    record = RunRecord.from_json(json.loads(target.read_text()))
    assert (record.paper, record.budget, record.seeds) == ("dice", "quick", (4,))
    capfd.readouterr()
    assert _run("dice", "--quick", "--seed", "4", "--json", "-", out=tmp_path / "r") == 0
    out, err = capfd.readouterr()
    assert RunRecord.from_json(json.loads(out)).claims == record.claims
    assert "dice.mean" in err


def test_all_papers_give_a_list_of_records(toy, tmp_path):
    target = tmp_path / "all.json"
    assert _run("--all", "--quick", "--json", str(target), out=tmp_path / "r") == 0
    (record,) = json.loads(target.read_text())
    assert record["paper"] == "dice"


def test_strict_turns_a_claim_that_does_not_hold_into_an_exit_code(toy, tmp_path):
    assert _run("dice", "--quick", "--strict", out=tmp_path / "r") == 1
    toy.claims = toy.claims[:1]
    toy.run = _only_mean(toy.run)
    assert _run("dice", "--quick", "--strict", out=tmp_path / "r") == 0


def _only_mean(run):
    def only(budget, seed, context):
        outcome = run(budget, seed, context)
        return type(outcome)(tuple(c for c in outcome.claims if c.id == "dice.mean"))

    return only


def test_the_list_has_the_claims_and_what_the_last_full_run_found(
    toy, tmp_path, capfd, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "160")
    target = tmp_path / "list.json"
    assert main(["reproduce", "--list", "--json", str(target)]) == 0
    rows = json.loads(target.read_text())["rows"]
    assert [row["claim"].split(":")[0] for row in rows] == [claim.id for claim in toy.claims]
    assert {row["last full run"] for row in rows} == {"–"}
    assert _run("dice", out=tmp_path / "r") == 0
    capfd.readouterr()
    assert main(["reproduce", "--list"]) == 0
    out = capfd.readouterr().out
    assert "✓ 3." in out
    assert "✗ no" in out


def test_an_interruption_says_that_the_same_command_resumes(toy, tmp_path, capfd):
    toy.interrupt_at = 5
    assert _run("dice", "--quick", out=tmp_path / "r") == 130
    err = capfd.readouterr().err
    assert "the same command resumes" in err
    assert err.splitlines()[-1] == "error: interrupted"
    toy.interrupt_at = None
    assert _run("dice", "--quick", out=tmp_path / "r") == 0
    assert toy.computed == [*range(40)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rom"], "there is no paper 'rom': choose from dice"),
        ([], "name one paper"),
        (["dice", "--all"], "name one paper"),
        (["dice", "--list"], "name one paper"),
        (["dice", "--seed", "-1"], "--seed"),
        (["dice", "--facts", "missing.jsonl"], "no facts at missing.jsonl"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(toy, tmp_path, capfd, words, said):
    assert _run(*words, out=tmp_path / "r") == 2
    err = capfd.readouterr().err
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_a_folder_that_cannot_be_made_is_one_line(toy, tmp_path, capfd):
    (tmp_path / "file").write_text("")
    assert _run("dice", "--quick", out=tmp_path / "file" / "r") == 2
    assert capfd.readouterr().err.count("\n") == 1
