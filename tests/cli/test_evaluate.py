"""Evaluations on the command line."""

import json
import shlex
from pathlib import Path

import pytest

from unfrozen.cli.main import main
from unfrozen.errors import ModelError
from unfrozen.language.evaluation import Case, metrics
from unfrozen.language.facts import Fact

FACTS = [
    {"subject": "Etna", "prompt": "Mount {} is in", "target_true": "Italy", "target_new": "Spain",
     "neighbours": ["Rome is in"], "paraphrases": ["Etna lies in"]},
    {"subject": "Nile", "prompt": "The {} is in", "target_true": "Egypt", "target_new": "Peru"},
    {"subject": "Anna", "prompt": "{} is a", "target_true": "baker", "target_new": "doctor"},
]  # fmt: skip
QUICK = "--metrics scores,zsre,drift,prose"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, capfd):
    """An empty folder with a file of facts, and prose that is short."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    texts = ("Lead is soft.", "Iron rusts.")
    monkeypatch.setattr(metrics, "unrelated_texts", lambda part: texts)
    monkeypatch.setattr(metrics, "unrelated_prompts", lambda part: texts)
    Path("facts.jsonl").write_text("\n".join(map(json.dumps, FACTS)))


def run(line, capfd, code=0):
    capfd.readouterr()
    assert main(shlex.split(line)) == code
    return capfd.readouterr()


def refused(line, capfd):
    (told,) = run(line, capfd, 2).err.splitlines()
    return told


def test_a_workspace_is_measured_beside_its_base(tiny_folder, capfd, monkeypatch):
    run(f"init w --model {tiny_folder}", capfd)
    run("edit --facts facts.jsonl --method memit --identity --guard 0 --workspace w", capfd)
    line = f"evaluate facts.jsonl --workspace w {QUICK} --out out --json out.json"
    said = run(line, capfd)
    assert said.err == ""
    assert "base (3 asked)" in said.out
    assert "workspace (3 asked)" in said.out
    found = json.loads(Path("out.json").read_text())
    assert [point["state"] for point in found["points"]] == ["base", "workspace"]
    assert found["points"][1]["edits"] == 3
    assert json.loads(Path("out/summary.json").read_text()) == found
    rows = [json.loads(one) for one in Path("out/evaluation.jsonl").read_text().splitlines()]
    assert [row["subject"] for row in rows] == ["Etna", "Nile", "Anna"]
    assert set(rows[0]["states"]) == {"base", "workspace"}
    page = Path("out/report.html").read_text()
    assert "data:image/png" in page
    assert "unfrozen evaluate facts.jsonl" in page
    assert "perplexity_ratio" in page
    # In the workspace's folder it needs no name; the same configuration goes on.
    monkeypatch.chdir("w")
    again = run(f"evaluate ../facts.jsonl {QUICK} --out ../out", capfd)
    assert "workspace (3 asked)" in again.out


def test_a_curve_along_the_edits(tiny_folder, capfd):
    line = (
        f"evaluate facts.jsonl --model {tiny_folder} --method memit --identity --batch 2 "
        f"--counts 1,3 {QUICK} --out curve"
    )
    said = run(line, capfd)
    assert "3 facts written by memit, in batches of up to 2" in said.out
    assert "after 1 (1 asked)" in said.out
    assert "after 3 (3 asked)" in said.out
    assert "Along the number of edits" in Path("curve/report.html").read_text()
    other = refused(line.replace("--batch 2", "--batch 3"), capfd)
    assert "curve holds another evaluation (batch 2, not 3)" in other
    assert "another folder" in other
    assert json.loads(Path("curve/configuration.json").read_text())["batch"] == 2


def test_limits_that_are_missed_give_an_exit_code(tiny_folder, capfd):
    line = f"evaluate facts.jsonl --model {tiny_folder} {QUICK}"
    said = run(f'{line} --fail-under "S=0,efficacy=1.5,choice=0.1" --metrics scores', capfd, 2)
    assert "choice is not measured: add choice" in said.err
    said = run(f'{line} --fail-under "efficacy=1.5,S=0" --fail-over "perplexity=0.5"', capfd, 1)
    lines = [one for one in said.err.splitlines() if one]
    assert [one.split(" is ")[0] for one in lines] == [
        "missed: efficacy_score", "missed: perplexity",
    ]  # fmt: skip
    assert lines[0].endswith("under 1.5")
    run(f'{line} --fail-under "S=0"', capfd)


def test_facts_are_generated_drawn_and_read_by_their_set(tiny_folder, capfd, monkeypatch):
    made = []

    def generated(number, seed):
        made.append((number, seed))
        return [Case(Fact(str(i), "{} is", "a", "b")) for i in range(number)]

    monkeypatch.setattr("unfrozen.language.evaluation.generated_cases", generated)
    line = f"evaluate --model {tiny_folder} --metrics zsre --sample 2 --seed 5"
    assert "base (2 asked)" in run(line, capfd).out
    assert made == [(2, 5)]
    line = f"evaluate --model {tiny_folder} --metrics zsre --method ft --counts 1,3 --out f"
    assert "after 3 (3 asked)" in run(line, capfd).out
    assert made[1] == (3, 0)
    zsre = {
        "subject": "Etna", "src": "Where is Etna?", "answers": ["Italy"], "alt": "Spain",
        "rephrase": "Etna is where?", "loc": "nq question: who is it", "loc_ans": "Bob",
    }  # fmt: skip
    Path("zsre.json").write_text(json.dumps([zsre, {**zsre, "answers": ["Sicily"]}]))
    run(f"evaluate zsre.json --model {tiny_folder} --metrics zsre --out z", capfd)
    run(f"evaluate zsre.json --set zsre-alt --model {tiny_folder} --metrics zsre --out a", capfd)
    told = [
        json.loads(Path(folder, "evaluation.jsonl").read_text().splitlines()[0])["target_new"]
        for folder in "za"
    ]
    assert told == ["Italy", "Spain"]
    drawn = f"evaluate facts.jsonl --model {tiny_folder} --metrics zsre --sample 2 --out d"
    assert "base (2 asked)" in run(drawn, capfd).out


def test_facts_without_new_objects_get_others_of_their_relation(tiny_folder, capfd):
    known = [{"subject": s, "prompt": "{} is in", "target_true": t, "relation": "land"}
             for s, t in (("Etna", "Italy"), ("Oslo", "Norway"))]  # fmt: skip
    Path("known.jsonl").write_text("\n".join(map(json.dumps, known)))
    run(f"evaluate known.jsonl --model {tiny_folder} --metrics scores --out k", capfd)
    rows = [json.loads(one) for one in Path("k/evaluation.jsonl").read_text().splitlines()]
    assert {row["target_new"] for row in rows} == {"Norway", "Italy"}


def test_figures_that_no_fact_can_be_asked_for_are_left_out(tiny_folder, capfd):
    line = f"evaluate facts.jsonl --model {tiny_folder} --metrics reversal --out r"
    assert "base (3 asked)" in run(line, capfd).out
    assert "data:image/png" in Path("r/report.html").read_text()
    said = run(f'{line} --fail-under "reversal=0"', capfd, 1)
    assert said.err == "missed: reversal_score could not be measured: no fact has what it takes\n"


def test_references_of_ones_own_are_taken(tiny_folder, capfd):
    Path("r.json").write_text('{"Spain": ["Spain is large."], "Nowhere": ["It is."]}')
    line = f"evaluate facts.jsonl --model {tiny_folder} --metrics references --written-tokens 3"
    said = run(f"{line} --references r.json --out r", capfd)
    assert "reference_score" in said.out
    assert "not comparable with papers" in said.out
    rows = Path("r/evaluation.jsonl").read_text().splitlines()
    score, *others = [json.loads(row)["states"]["base"] for row in rows]
    assert "reference_score" in score
    assert others == [{}, {}]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("evaluate nowhere.jsonl", "cannot read nowhere.jsonl"),
        ("evaluate owner/name", "no data set 'owner/name'"),
        ("evaluate owner/name", "give the path"),
        ("evaluate --set magic", "no set 'magic': there are counterfact"),
        ("evaluate --set counterfact", "no package carries counterfact: name its file"),
        ("evaluate facts.jsonl --set generated", "come without a file"),
        ("evaluate facts.jsonl --metrics magic", "no metric 'magic'"),
        ("evaluate facts.jsonl --method magic", "no editing method 'magic'"),
        ("evaluate facts.jsonl --counts 1,many", "'1,many' is no list of numbers"),
        ("evaluate facts.jsonl --fail-under S", "'S' is no limit"),
        ("evaluate facts.jsonl --workspace w --method rome", "not both"),
        ("evaluate facts.jsonl --references facts.jsonl", "facts.jsonl is not valid JSON"),
    ],
)
def test_what_cannot_be_evaluated_is_told_in_a_line(line, told, capfd):
    assert told in refused(line, capfd)
    assert not Path("evaluation").exists()


def test_help_shows_examples(capfd):
    out = run("evaluate --help", capfd).out
    assert "unfrozen evaluate --method memit --counts 1,10,100" in out
    assert "--fail-under" in out


def test_writing_that_ended_early_misses_every_limit(tiny_folder, capfd, monkeypatch):
    from unfrozen.workspace.evaluation import writing

    made = writing.METHODS["rome"]

    def broken(lm, settings, moment):
        edit, done = made.editor(lm, settings, moment), []

        def one(fact, progress):
            done.append(fact)
            if len(done) > 1:
                raise ModelError("the loss is not finite")
            return edit(fact, progress)

        return one

    monkeypatch.setitem(writing.METHODS, "rome", made._replace(editor=broken))
    line = f"evaluate facts.jsonl --model {tiny_folder} --method rome --identity --counts 1,3"
    said = run(f'{line} --metrics scores --out e --fail-under "efficacy=0"', capfd, 1)
    assert "missed: not all facts were written: writing ended" in said.err


def test_a_prompt_that_is_no_file_is_refused_in_a_line(tiny_folder, capfd):
    run(f"init w --model {tiny_folder}", capfd)
    long = "the city of " * 40
    assert "cannot read facts from the city of" in refused(f'edit "{long}" -w w', capfd)
    assert "cannot read facts from the city of" in refused(f'remember "{long}" -w w', capfd)
    assert "File name too long" in refused(f'evaluate "{long}" --model {tiny_folder}', capfd)
