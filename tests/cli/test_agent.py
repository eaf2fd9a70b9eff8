"""``unfrozen agent``: a life that is run, gone on with, reported, asked and watched."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.typed import refused, run

from unfrozen.agent.living.explaining import explain
from unfrozen.agent.living.folder import LifeFolder
from unfrozen.agent.living.life import Lived
from unfrozen.cli.main import main


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six errands, run from the command line."""
    folder = tmp_path_factory.mktemp("agents") / "life"
    assert main(["agent", "run", str(folder), "--errands", "6"]) == 0
    return folder


@pytest.fixture
def place(lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of that life, to be in."""
    shutil.copytree(lived, tmp_path / "life")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def told(record: dict) -> list[dict]:
    return [{k: v for k, v in one.items() if k != "seconds"} for one in record["errands"]]


def test_a_life_is_run_and_gone_on_with_by_the_same_command(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = run("agent run other --seed 0 --changes 24 --errands 4 --json a.json", capfd)
    assert "4 of 4" in text
    assert "life begins" in text
    run("agent run other --seed 0 --changes 24 --errands 2 --json b.json", capfd)
    run("agent report life --json c.json", capfd)
    first, second, whole = (json.loads(Path(f"{n}.json").read_text()) for n in "abc")
    assert told(first) == told(whole)[:4]
    assert told(second) == told(whole)
    assert second["summary"]["success"] == sum(one["success"] for one in whole["errands"]) / 6
    assert second["plastic"] == ["map", "steps", "facts", "habits"]


def test_errands_are_in_the_log_of_the_workspace_and_can_be_taken_back(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = run("log --workspace life/workspace", capfd)
    assert "childhood" in text
    assert "errand 5" in text
    run("revert 'errand 5' --workspace life/workspace", capfd)
    run("agent run life --errands 1 --json out.json", capfd)
    assert [one["number"] for one in json.loads(Path("out.json").read_text())["errands"]] == [
        *range(7)
    ]


def test_a_life_that_is_over_is_told_of_again(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run("agent run few --changes 1 --json a.json", capfd)
    before = files(Path("few"))
    text = run("agent run few --errands 3 --json b.json", capfd)
    first, second = (json.loads(Path(f"{n}.json").read_text()) for n in "ab")
    assert len(first["errands"]) == 10
    assert "This life is over: all 10 errands of its schedule were lived" in text
    assert first == second
    assert files(Path("few")) == before


def test_who_interrupts_a_life_is_told_how_to_go_on(
    place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LifeFolder.live

    def interrupted(self: LifeFolder, errands: int | None) -> Iterator[Lived]:
        yield next(live(self, 1))
        raise KeyboardInterrupt

    monkeypatch.setattr(LifeFolder, "live", interrupted)
    text = run("agent run life --errands 3", capfd, 130)
    assert "7 errands of this life are kept in life. The same command goes on" in text
    assert LifeFolder.open(Path("life")).done == 7


LANGUAGE = (
    "ask hello", "ask", "trace 'The {} is' --subject mill", "heads", "graph", "evaluate", "compact",
    "edit 'The {} is' --subject mill --to old", "remember 'The {} is' --subject mill --to old",
    "forget mill", "bisect hello --answer there", "revert 3/1", "export 3 adapter --lora",
    "materialize model",
)  # fmt: skip


def test_a_life_is_not_taken_for_a_language_model(
    place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("life/workspace")
    before = files(Path())
    for line in LANGUAGE:
        told = refused(line, capfd)
        assert "is an agent's life, over a map (tem-t/grid)" in told, line
        assert "`unfrozen agent why`" in told
    assert files(Path()) == before


def test_an_experience_is_shown_with_what_it_wrote(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    life = LifeFolder.open(Path("life"))
    lived = list(life.errands())
    number = next(one.number for one in lived if one.told and one.number)
    text = run(f"show 'errand {number}' -w life/workspace --json out.json", capfd)
    one, record = lived[number], json.loads(Path("out.json").read_text())["written"]
    assert one.asked in text
    assert one.told in text
    assert f"done, in {one.steps} steps; the shortest way has {one.shortest}" in text
    assert f"{one.bytes / 1000:,.0f} kB after it" in text
    assert record["facts"]
    assert all(fact in text for fact in record["facts"])
    assert ("habit" in text) == (record["habits"] > 0)
    text = run("show childhood -w life/workspace --json out.json", capfd)
    record = json.loads(Path("out.json").read_text())["written"]
    assert f"explored for {life.childhood()['steps']} steps" in text
    assert f"{record['places']} new places" in text


def test_states_of_a_life_differ_by_experiences(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def compared(line: str) -> list[tuple[str, str]]:
        run(f"diff {line} --json out.json", capfd)
        return [(o["in"], o["name"]) for o in json.loads(Path("out.json").read_text())]

    assert compared("-w life/workspace @5 @7") == [("after", "errand 4"), ("after", "errand 5")]
    run("revert 'errand 2' -w life/workspace", capfd)
    assert compared("life/workspace@7 life/workspace") == [("before", "errand 2")]
    assert compared("8 -w life/workspace") == [("before", "errand 2")]
    shutil.copytree("life", "more")
    run("agent run more --errands 1", capfd)
    assert compared("life/workspace more/workspace") == [("after", "errand 6")]
    assert "leave out --relation" in refused("diff -w life/workspace --relation capital", capfd)


def test_what_is_frozen_is_not_plastic(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = run("agent run some --frozen map --frozen facts --errands 1 --json out.json", capfd)
    assert "% of 1 errand done" in text
    assert json.loads(Path("out.json").read_text())["plastic"] == ["steps", "habits"]
    assert LifeFolder.open(Path("some")).plastic == ("steps", "habits")


def test_a_report_is_drawn(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = run("agent report life --out life.png", capfd)
    assert "A life in town 0" in text
    assert Path("life.png").read_bytes().startswith(b"\x89PNG")
    LifeFolder.create(Path("new"))
    assert "has not begun" in run("agent report new --json out.json --out new.svg", capfd)
    assert json.loads(Path("out.json").read_text())["summary"] is None


def test_a_report_tells_at_which_step_each_phase_begins(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    life = LifeFolder.open(Path("life"))
    rows = [line.split() for line in run("agent report life", capfd).splitlines()]
    found = {int(row[0]): int(row[1]) for row in rows if row[:1] in (["0"], ["5"])}
    assert found == {n: life.errand(n)["moments"][0]["time"] for n in (0, 5)}


def test_a_step_is_asked_for(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    life = LifeFolder.open(Path("life"))
    moment = next(m for n in range(6) for m in life.errand(n)["moments"] if m["cites"])
    text = run(f"agent why life {moment['time']} --json out.json", capfd)
    found, record = explain(life, moment["time"]), json.loads(Path("out.json").read_text())
    assert "Ways from there" in text
    assert "Rests on" in text
    assert all(slot.told in text for slot in found.slots)
    assert ("they matter" in text) == found.matters == record["matters"]
    assert record["decision"]["action"] == moment["action"]
    assert sum(record["decision"]["terms"].values()) == pytest.approx(record["decision"]["energy"])
    assert [slot["id"] for slot in record["slots"]] == [slot.id for slot in found.slots]


def test_energies_are_told_of_steps_in_the_middle_of_a_plan_and_by_habit(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    life = LifeFolder.open(Path("life"))
    moments = [m for n in range(6) for m in life.errand(n)["moments"]]
    later = next(m for m in moments if m["mode"] == "plan" and m["at"] > 1)
    habit = next(m for m in moments if m["mode"] == "habit")
    for moment in (later, habit):
        text = run(f"agent why life {moment['time']} --json out.json", capfd)
        assert "Ways from there" in text
        options = json.loads(Path("out.json").read_text())["options"]
        assert moment["action"] in {option["action"] for option in options}
        for option in options:
            if option["energy"] is not None:
                total = sum(term["amount"] for term in option["terms"])
                assert total == pytest.approx(option["energy"])


def test_who_sells_what_is_looked_for_in_words() -> None:
    from unfrozen.cli.agent.why import _wanted

    assert _wanted("search", "bread") == "whoever sells bread"
    assert _wanted("search", "baker") == "the baker, wherever that is"
    assert _wanted("place", "mill") == _wanted("person", "mill") == "the mill"
    assert _wanted("explore", "") == "what nobody has seen yet"


def test_an_errand_is_watched(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    steps = LifeFolder.open(Path("life")).errand(1)["steps"]
    text = run("agent watch life --errand 1", capfd)
    assert text.count("Errand 1: ") == steps + 1
    assert f"done, in {steps} steps" in text
    assert "Errand 5: " in run("agent watch life", capfd)
    run("agent watch life --errand 1 --speed 20 --out errand.gif", capfd)
    assert Path("errand.gif").read_bytes().startswith(b"GIF8")


def test_childhood_is_watched_and_asked(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    steps = LifeFolder.open(Path("life")).childhood()["steps"]
    text = run("agent watch life --childhood", capfd)
    assert text.count("Childhood: ") == steps + 1
    assert f"grown up, after {steps} steps" in text
    text = run("agent why life 0 --json out.json", capfd)
    assert "Step 0, childhood: Explore the town." in text
    assert json.loads(Path("out.json").read_text())["errand"] is None


def test_why_tells_what_was_taken_back_since(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    life = LifeFolder.open(Path("life"))
    moment = next(m for m in life.errand(0)["moments"] if m["cites"])
    entry = explain(life, moment["time"]).slots[0].entry
    assert "taken back" not in run(f"agent why life {moment['time']}", capfd)
    run(f"revert '{entry}' -w life/workspace", capfd)
    text = run(f"agent why life {moment['time']} --json out.json", capfd)
    assert f"{entry} was taken back since" in text
    assert json.loads(Path("out.json").read_text())["taken_back"] == [entry]


def test_ways_to_live_are_compared(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arms = "--arm plastic --arm 'no habits' --arm plastic"
    text = run(f"agent compare {arms} --lives 1 --changes 1 --out arms.png --json a.json", capfd)
    assert "Mode 2 alone" in text
    assert "1 life of 1 change" in text
    record = json.loads(Path("a.json").read_text())
    assert list(record) == ["plastic", "no habits"]
    assert record["plastic"]["bytes"] > record["no habits"]["bytes"]
    assert Path("arms.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("agent run life --seed 3", "holds a life already"),
        ("agent run life --changes 3", "holds a life already"),
        ("agent run life --untold 0.5", "holds a life already"),
        ("agent run life --frozen facts", "holds a life already"),
        ("agent run new --frozen smell", "no faculty 'smell': choose from map"),
        ("agent run new --errands 0", "errands"),
        ("agent run new --untold 2", "untold"),
        ("agent run mine", "in use"),
        ("agent report new", "the folder of a life"),
        ("agent report life --out life.doc", ".png"),
        ("agent why life 100000", "nothing was decided at 100000"),
        ("agent watch life --childhood --errand 2", "either an errand or the childhood"),
        ("agent watch empty --childhood", "the childhood was not lived"),
        ("agent why empty 5", "has not begun"),
        ("agent watch life --errand 6", "errands 0 to 5, not 6"),
        ("agent watch life --out errand.mp4", ".gif"),
        ("agent watch empty", "no errand was done"),
        ("agent compare --arm wooden --lives 1", "no arm 'wooden'"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(
    place: Path, capfd: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    LifeFolder.create(Path("empty"))
    Path("mine").mkdir()
    Path("mine/notes").write_text("mine")
    before = files(place)
    assert message in refused(line, capfd)
    assert files(place) == before
    assert not Path("new").exists()
