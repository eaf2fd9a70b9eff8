"""Runs of a TEM: they look at walks held out, end in time, go on bit for bit; models are files."""

from dataclasses import replace

import pytest
import torch

from unfrozen.errors import MapError
from unfrozen.hippocampus.tem import Schedules, TemRun, TemTraining, load_tem, predict, save_tem
from unfrozen.hippocampus.worlds import novelty

SHORT = TemTraining(
    sizes=(3,), size="small", walks=2, window=5, updates=9, check_every=4, held_out=3, steps=40,
    schedules=Schedules(compress=40.0), turn=0.5,
)  # fmt: skip


def test_a_run_goes_on_bit_for_bit(tmp_path):
    whole, part, rest = TemRun(SHORT), TemRun(SHORT), TemRun(SHORT)
    expected = list(whole.run())
    before = [part.update() for _ in range(5)]
    part.save(tmp_path / "run")
    rest.resume(tmp_path / "run")
    after = list(rest.run())
    # Seconds are those of the clock.
    assert [(u[:3], u[4]) for u in before + after] == [(u[:3], u[4]) for u in expected]
    assert [u.number for u in expected if u.held_out] == [4, 8, 9]
    assert rest.progress.curve[0]["seconds"] == part.progress.curve[0]["seconds"]
    for one, other in zip(whole.model.parameters(), rest.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_walks_held_out_are_foreseen_as_a_count_says():
    run = TemRun(SHORT)
    run.update()
    found = run.check()
    new = novelty(run.held_out)
    right = predict(run.model, run.held_out, at=0, window=5) == run.held_out.symbols
    assert found.zero_shot == float(right[new.new_pair].float().mean())
    assert found.steps == int(new.new_pair.sum()) > 0


def test_it_ends_when_the_target_is_met_twice():
    one = TemTraining(**{**SHORT.__dict__, "target": 0.0, "updates": 90})
    assert len(list(TemRun(one).run())) == 8


def test_a_model_comes_back_from_its_file(tmp_path):
    run = TemRun(SHORT)
    list(run.run())
    save_tem(run.model, tmp_path / "tem", "told")
    again = load_tem(tmp_path / "tem")
    assert again.settings == run.model.settings
    assert again.schedules == run.model.schedules
    walks = run.held_out
    assert torch.equal(predict(again, walks, at=8), predict(run.model, walks, at=8))


def test_what_is_no_tem_is_refused(tmp_path):
    run, path = TemRun(SHORT), tmp_path / "run"
    with pytest.raises(MapError, match="cannot be read"):
        load_tem(path)
    run.save(path)
    with pytest.raises(MapError, match="no TEM"):
        load_tem(path)
    with pytest.raises(MapError, match="other training settings"):
        TemRun(TemTraining(**{**SHORT.__dict__, "seed": 1})).resume(path)
    with pytest.raises(MapError, match="choose from"):
        TemTraining(size="large")
    with pytest.raises(MapError, match="choose from"):
        TemTraining(worlds="sphere")
    with pytest.raises(MapError, match="at least one"):
        TemTraining(updates=0)
    with pytest.raises(MapError, match="symbols apart"):
        TemRun(SHORT, 30)


def test_the_model_kept_is_a_moving_average_once_that_has_begun():
    run = TemRun(replace(SHORT, average=0.25, average_from=0.5))
    for _ in range(4):
        run.update()
    assert run.model is run.training.model
    expected = [p.detach().clone() for p in run.model.parameters()]
    for number in range(5, 10):
        run.update()
        trained = list(run.training.model.parameters())
        # What is trained after half of nine updates begins it.
        share = 1.0 if number == 5 else 0.25
        expected = [e.lerp(p.detach(), share) for e, p in zip(expected, trained, strict=True)]
        for one, other in zip(run.model.parameters(), expected, strict=True):
            torch.testing.assert_close(one.detach(), other)
    assert any(
        not torch.equal(one, other)
        for one, other in zip(run.model.parameters(), trained, strict=True)
    )


@pytest.mark.parametrize("kept_at", [3, 7])
def test_an_average_goes_on_bit_for_bit(tmp_path, kept_at):
    settings = replace(SHORT, average=0.25, average_from=0.5)
    whole, part, rest = TemRun(settings), TemRun(settings), TemRun(settings)
    list(whole.run())
    for _ in range(kept_at):
        part.update()
    part.save(tmp_path / "run")
    rest.resume(tmp_path / "run")
    list(rest.run())
    for one, other in zip(whole.model.parameters(), rest.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert [look["known"] for look in rest.progress.curve] == [
        look["known"] for look in whole.progress.curve
    ]


@pytest.mark.parametrize("wrong", [{"average": 0.0}, {"average": 1.5}, {"average_from": 2.0}])
def test_what_is_no_average_is_refused(wrong):
    with pytest.raises(MapError, match="average"):
        TemTraining(**wrong)
