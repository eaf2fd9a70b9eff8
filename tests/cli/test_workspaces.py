"""The commands that make, change and question a workspace, on a tiny model in a folder."""

import errno
import io
import json
import os
import shlex
from pathlib import Path

import pytest
import torch

from unfrozen.cli.main import main
from unfrozen.data.models import load_pretrained
from unfrozen.workspace import Workspace, files

EDIT = 'edit "The Eiffel Tower is in" --subject "Eiffel Tower" --to Rome --true Paris --identity'
FACTS = [
    {"subject": "Etna", "prompt": "Mount {} is in", "target_true": "Italy", "target_new": "Spain"},
    {"subject": "Nile", "prompt": "The {} is in", "target_true": "Egypt", "target_new": "Peru"},
]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty folder to be in, a cache of its own, and a wide terminal."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def facts(tiny_folder, monkeypatch, capfd):
    """A new workspace, whose folder we are in."""
    assert main(["init", "facts", "--model", str(tiny_folder)]) == 0
    monkeypatch.chdir("facts")
    capfd.readouterr()
    return Workspace.open(Path.cwd())


def run(line, capfd):
    """A command that works: what it writes to stdout."""
    assert main(shlex.split(line)) == 0
    out, err = capfd.readouterr()
    assert err == ""
    return out


def refused(line, capfd):
    """A command that does not: its one line."""
    capfd.readouterr()
    assert main(shlex.split(line)) == 2
    err = capfd.readouterr().err
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    return lines[0]


def tree(folder):
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.name != ".lock")


def test_a_fact_is_edited_shown_reverted_and_restored(facts, capfd):
    out = run(f"{EDIT} --json edit.json", capfd)
    assert "The Eiffel Tower is in: Paris → Rome" in out
    assert "It writes after: " in out
    assert "unfrozen revert eiffel-tower-rome" in out
    record = json.loads(Path("edit.json").read_text())
    assert record["effect"] == facts.show(1).effect
    assert record["name"] == "eiffel-tower-rome"
    assert "Eiffel Tower: Paris → Rome" in run("log", capfd)
    shown = run("show eiffel-tower-rome", capfd)
    assert "efficacy magnitude" in shown
    assert "model.layers.0.mlp.down_proj.weight (32 × 48)" in shown
    assert "Entry 2: revert of eiffel-tower-rome" in run("revert 1", capfd)
    assert "reverts" in run("show 2", capfd)
    assert facts.changes() == []
    assert "Entry 3: restore of" in run("restore eiffel-tower-rome", capfd)
    assert [change.name for change in facts.changes()] == ["eiffel-tower-rome"]
    entries = json.loads(run("log --json -", _Stdout(capfd)))
    assert [entry["state"] for entry in entries] == ["active", "reverted", "active"]
    assert json.loads(run("show 1 --json -", _Stdout(capfd))) == entries[0]


class _Stdout:
    """Where JSON goes to stdout, tables go to stderr."""

    def __init__(self, capfd):
        self._capfd = capfd

    def readouterr(self):
        return self._capfd.readouterr()[0], ""


def test_a_workspace_is_found_from_inside_it_or_by_its_name(facts, capfd, monkeypatch, tmp_path):
    run(EDIT, capfd)
    inside = facts.path / "deep" / "er"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert "eiffel-tower-rome" in run("log", capfd)
    monkeypatch.chdir(tmp_path)
    assert "eiffel-tower-rome" in run(f"log --workspace {facts.path}", capfd)
    assert "there is no workspace in" in refused("log", capfd)
    assert "is not a workspace" in refused("log --workspace here", capfd)


def test_a_dry_run_commits_nothing(facts, capfd):
    before = tree(facts.path)
    assert "Nothing committed" in run(f"{EDIT} --dry-run", capfd)
    assert tree(facts.path) == before


def test_an_empty_log_says_what_writes_its_first_entry(facts, capfd):
    assert "unfrozen edit" in run("log", capfd)


def test_a_file_of_facts_makes_an_entry_each_and_a_summary(facts, capfd):
    Path("f.jsonl").write_text("\n".join(map(json.dumps, FACTS)))
    out = run("edit --facts f.jsonl --identity --name mine --json f.json", capfd)
    assert "2 facts edited" in out
    assert "mean of 2" in out
    assert [entry.name for entry in facts.log()] == ["mine-1", "mine-2"]
    assert [one["request"]["subject"] for one in json.loads(Path("f.json").read_text())] == [
        "Etna",
        "Nile",
    ]


def test_the_base_answers_where_no_true_object_is_given(facts, capfd, monkeypatch):
    monkeypatch.setattr("unfrozen.workspace.editing.single.own_answer", lambda lm, prompt: "Lyon")
    line = 'edit "The Eiffel Tower is in" --subject "Eiffel Tower" --to Rome --identity'
    assert "Lyon → Rome" in run(line, capfd)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(errno.ENOSPC, "full")])
def test_what_was_committed_stays_and_is_counted(facts, capfd, monkeypatch, failure):
    Path("f.jsonl").write_text("\n".join(map(json.dumps, FACTS)))
    commit = Workspace.commit

    def second(workspace, change):
        if workspace.log():
            raise failure
        return commit(workspace, change)

    monkeypatch.setattr(Workspace, "commit", second)
    code = main(shlex.split("edit --facts f.jsonl --identity"))
    err = capfd.readouterr().err
    assert code == (130 if failure is KeyboardInterrupt else 2)
    assert "1 of 2 facts are edited and committed" in err
    assert [entry.name for entry in facts.log()] == ["etna-spain"]
    facts.verify()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('edit "It is in" --subject Etna --to Rome', "the subject 'Etna' is not in the prompt"),
        ('edit "Etna is in" --subject Etna --to ""', "is empty: give it a word"),
        ('edit "Etna is in" --subject Etna --to " "', "is empty: give it a word"),
        ('edit "Etna is in" --subject "" --to Rome', "subject"),
        ('edit "Etna is in" --subject Etna --to Rome --true rome', "nothing would change"),
        ('edit "Etna is in" --to Rome', "takes PROMPT, --subject and --to"),
        ("edit --facts missing.jsonl", "cannot read facts from missing.jsonl"),
        ("edit --facts bad.jsonl", "bad.jsonl, line 3: not valid JSON"),
        ("edit --facts empty.jsonl", "line 1: the new target of"),
        ("edit --facts bad.jsonl --to Rome", "--facts names the facts"),
        (f"{EDIT} --tokens 9", "give one"),
        (f"{EDIT} --method memo", "no editing method 'memo': choose from rome"),
        (f"{EDIT} --layer 3", "layers 0 to 2, not 3"),
        (f"{EDIT} --true Paris --name 12", "'12' cannot name a change"),
        ("revert 9", "no entry '9' in the log"),
        ("restore nonsense", "no entry 'nonsense' in the log"),
        ("show 9", "no entry '9' in the log"),
        ("export 9 out.safetensors", "no entry '9' in the log"),
        ("import missing.safetensors", "missing.safetensors is missing"),
        ("import bad.jsonl", "bad.jsonl is damaged"),
        ("materialize log", "is not empty"),
        (f"{EDIT} --json log", "log is a folder"),
        (f"{EDIT} --json bad.jsonl/e.json", "e.json cannot be written"),
        ('trace "Etna is in" --subject Etna --out .', ". is a folder"),
        ('ask ""', "the prompt is empty"),
        ("ask hi --workspace . --model x", "not both"),
        ('trace "It is in" --subject Etna', "the subject 'Etna' is not in the prompt"),
        ('trace "Etna is in" --subject Etna --kinds mind', "unknown kind of restoration 'mind'"),
        ('trace "Etna is in" --subject Etna --noise 0', "noise must be positive"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(facts, capfd, line, said):
    good = json.dumps(FACTS[0])
    Path("bad.jsonl").write_text(f"{good}\n\n{good[:-1]}\n")
    Path("empty.jsonl").write_text(good.replace("Spain", ""))
    (facts.path / "log" / "note").write_text("so that it is not empty")
    before = tree(facts.path)
    assert said in refused(line, capfd)
    assert tree(facts.path) == before
    assert facts.log() == []


def test_a_full_disk_is_one_line_and_leaves_the_log_as_it_was(facts, capfd, monkeypatch):
    run(EDIT, capfd)
    before = tree(facts.path)

    class Full:
        O_WRONLY, O_CREAT, O_EXCL = os.O_WRONLY, os.O_CREAT, os.O_EXCL
        open, close, fsync, name = os.open, os.close, os.fsync, os.name

        @staticmethod
        def write(descriptor, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "os", Full)
    for line in (f"{EDIT} --name again", "revert 1", "export 1 out.safetensors"):
        assert "No space left on device" in refused_after_table(line, capfd)
        assert tree(facts.path) == before
    monkeypatch.undo()
    facts.verify()


def refused_after_table(line, capfd):
    """A command that fails late: its tables may have been shown, its error is one line."""
    capfd.readouterr()
    assert main(shlex.split(line)) == 2
    (line,) = capfd.readouterr().err.splitlines()
    return line


def test_a_full_disk_leaves_no_picture(facts, capfd, monkeypatch):
    from matplotlib.figure import Figure

    def half(figure, path, **_):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", half)
    line = 'trace "Etna is in" --subject Etna --samples 1 --kinds state --out t.png'
    assert "cannot write t.png" in refused_after_table(line, capfd)
    assert not [p for p in Path().iterdir() if "t.png" in p.name]


def test_changes_travel_by_file_to_a_workspace_of_the_same_base(
    facts, tiny_folder, tmp_path, capfd
):
    run(EDIT, capfd)
    assert "Wrote" in run("export 1 ../rome.safetensors", capfd)
    assert "is there already" in refused("export 1 ../rome.safetensors", capfd)
    assert "Nothing to add" in run("import ../rome.safetensors", capfd)
    run(f"init ../second --model {tiny_folder}", capfd)
    line = "import ../rome.safetensors --workspace ../second"
    assert "Entry 1: eiffel-tower-rome" in run(line, capfd)
    assert Workspace.open("../second").changes() == facts.changes()


def test_a_change_of_another_base_is_refused(facts, capfd):
    run(EDIT, capfd)
    run("export 1 ../rome.safetensors", capfd)
    other = Workspace.init("../other", "another", "0" * 64)
    assert "is for the base" in refused("import ../rome.safetensors -w ../other", capfd)
    assert other.log() == []


def test_the_state_is_saved_as_a_plain_model(facts, tiny_folder, capfd):
    run(EDIT, capfd)
    run("materialize ../plain", capfd)
    assert "is not empty" in refused("materialize ../plain", capfd)
    model = load_pretrained(str(tiny_folder)).model
    facts.apply(model)
    saved = load_pretrained("../plain")
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), saved.model.parameters(), strict=True)
    )
    assert saved.tokenizer("Rome")["input_ids"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("init new --model {experts}", ""),
        ("ask hi --model {experts}", ""),
        ("init new --model no-such-model", "no model 'no-such-model'"),
        ("init new --model ./no/such", "there is no model folder './no/such'"),
        ("ask hi --model no-such-model", "no model 'no-such-model'"),
        ("calibrate --layers x", "'x' is no list of layers"),
        ("calibrate --method x", "no method 'x' to calibrate: choose from rome, memit"),
        ("calibrate --method memit --layers 5-x", "'5-x' is no range of layers"),
        ("calibrate --method memit --layers 5-2", "'5-2' is no range of layers"),
        ("calibrate --method memit --layers ,", "',' is no list of ranges"),
        ("calibrate --model {tiny} --layers 9", "layers 0 to 2, not 9"),
        ("calibrate --model {tiny} --facts none", "cannot read facts from none"),
    ],
)
def test_a_model_that_is_not_there_or_lacks_a_part_is_one_line(
    tiny_folder, experts_folder, capfd, line, said
):
    assert said in refused(line.format(tiny=tiny_folder, experts=experts_folder), capfd)
    assert tree(".") == []


def test_a_workspace_is_made_in_an_empty_place_only(facts, tiny_folder, capfd):
    assert "is a workspace already" in refused(f"init . --model {tiny_folder}", capfd)
    Path("full").mkdir()
    Path("full/mine").write_text("mine")
    assert "is not empty" in refused(f"init full --model {tiny_folder}", capfd)
    assert tree("full") == ["mine"]


def test_a_state_answers_beside_its_base(facts, tiny_folder, capfd):
    run(EDIT, capfd)
    run("ask 'The Eiffel Tower is in' --base --top 3 --tokens 4 --json a.json", capfd)
    answer = json.loads(Path("a.json").read_text())
    assert len(answer["state"]["top"]) == len(answer["base"]["top"]) == 3
    assert answer["state"]["top"][0] != answer["base"]["top"][0]
    assert "1 change of" in answer["model"]
    line = f"ask 'The Eiffel Tower is in' --model {tiny_folder} --top 3 --tokens 4 --json b.json"
    run(line, capfd)
    plain = json.loads(Path("b.json").read_text())
    assert plain["state"] == answer["base"]
    assert plain["model"] == str(tiny_folder)


def test_prompts_are_read_a_line_each(facts, capfd, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("one\n\n[b]two\n"))
    out = run("ask --top 1 --tokens 0 --json a.json", capfd)
    assert "[b]two …" in out
    assert [one["prompt"] for one in json.loads(Path("a.json").read_text())] == ["one", "[b]two"]
