"""Training: it learns, it goes on bit for bit, it ends where it should."""

import json
from dataclasses import replace

import pytest
import torch

from unfrozen.errors import MapError
from unfrozen.hippocampus.presets import PRESETS, trainer, training_of
from unfrozen.hippocampus.tem_t import TemT, TemTSettings
from unfrozen.hippocampus.training import MapTraining, Trainer, draw_walks, foreseen
from unfrozen.hippocampus.worlds import named, novelty

SMALL = MapTraining(
    sizes=(4,), walks=6, steps=30, updates=12, learning_rate=5e-3, check_every=6, held_out=8
)


def small(settings=SMALL, seed=0, **more):
    made = TemTSettings(n_actions=4, width=16, **more)
    return Trainer(TemT(made, torch.Generator().manual_seed(seed)), settings)


@pytest.mark.parametrize("model", sorted(n for n, p in PRESETS.items() if p.make))
def test_a_run_goes_on_bit_for_bit(model, tmp_path):
    whole, part, rest = (trainer(model, SMALL) for _ in range(3))
    for _ in range(8):
        whole.update()
    for _ in range(5):
        part.update()
    part.save(tmp_path / "run")
    rest.resume(tmp_path / "run")
    assert rest.progress.number == 5
    for _ in range(3):
        rest.update()
    for one, other in zip(whole.model.parameters(), rest.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(whole.generator.get_state(), rest.generator.get_state())
    # Also in what comes after.
    assert whole.update()[:3] == rest.update()[:3]


def test_training_that_diverges_says_so_and_changes_nothing():
    runner = small()
    before = [p.detach().clone() for p in runner.model.parameters()]
    runner.model.log_beta.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(MapError, match="update 1: training has diverged"):
        runner.update()
    after = runner.model.parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert runner.progress.number == 0


@pytest.mark.parametrize("updates", [1, 8])
def test_the_inverse_temperature_has_a_rate_of_its_own(updates):
    slow, fast = (small(replace(SMALL, beta_rate=rate)) for rate in (0.5, 3.0))
    before = slow.model.log_beta.item()
    rest = [(p, p.detach().clone()) for n, p in fast.model.named_parameters() if n != "log_beta"]
    for _ in range(updates):
        slow.update()
        fast.update()
    # Adam's first step is as long as its rate; later ones are at most so, as the gradient goes on
    # in one direction or not.
    if updates == 1:
        assert abs(slow.model.log_beta.item() - before) == pytest.approx(2.5e-3, rel=1e-3)
        assert abs(fast.model.log_beta.item() - before) == pytest.approx(1.5e-2, rel=1e-3)
        largest = max((p - old).abs().max().item() for p, old in rest)
        assert largest == pytest.approx(5e-3, rel=1e-2)
    # Both fall alike.
    lowest = [runner.optimizer.param_groups[1]["lr"] for runner in (slow, fast)]
    assert lowest[1] / lowest[0] == pytest.approx(6.0)
    assert fast.optimizer.param_groups[0]["lr"] / lowest[1] == pytest.approx(1 / 3)


def test_the_same_seed_trains_the_same_model_and_another_does_not():
    one, same, other = small(), small(), small(seed=1)
    losses = [[u.loss for u in t.run()] for t in (one, same, other)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_a_small_map_is_learnt():
    settings = MapTraining(
        sizes=(4,), walks=16, steps=50, updates=300, learning_rate=2e-2, check_every=25,
        held_out=32, target=0.97,
    )  # fmt: skip
    runner = small(settings, positions="rotary", beta=10.0)
    first = runner.check()
    updates = list(runner.run())
    assert first.zero_shot < 0.3
    assert runner.check().zero_shot > 0.95
    # It ended because the target was met, and at most two checks after it was.
    assert len(updates) < 300
    met = [u for u in updates if u.held_out and u.held_out.zero_shot >= 0.97]
    assert len(met) >= 2
    assert updates[-1].held_out is not None


def test_walks_held_out_can_be_longer_than_those_that_are_trained_on():
    settings = MapTraining(sizes=(4,), steps=20, held_out=3, held_out_steps=50)
    runner = small(settings)
    assert runner.held_out.symbols.shape == (3, 50)
    assert runner.update().number == 1
    with pytest.raises(MapError, match="two steps long"):
        MapTraining(held_out_steps=1)


def test_held_out_walks_are_not_those_that_are_trained_on():
    runner = small()
    held = {tuple(row) for row in runner.held_out.symbols.tolist()}
    trained = {
        tuple(row)
        for _ in range(12)
        for row in runner._draw(6, runner.generator, 30).symbols.tolist()
    }
    assert not held & trained
    assert torch.equal(small().held_out.symbols, runner.held_out.symbols)


def test_the_rate_falls_as_the_librarys_cosine():
    runner = small()
    one = torch.optim.Adam([torch.zeros(1, requires_grad=True)], 5e-3)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(one, SMALL.updates, 5e-4)
    for _ in runner.run():
        expected = reference.get_last_lr()[0]
        assert runner.optimizer.param_groups[0]["lr"] == pytest.approx(expected)
        one.step()
        reference.step()
    assert reference.get_last_lr()[0] == pytest.approx(5e-4)


def test_files_of_other_runs_are_refused(tmp_path):
    path = tmp_path / "run"
    with pytest.raises(MapError, match="cannot be read"):
        small().resume(path)
    one = small()
    one.update()
    one.save(path)
    with pytest.raises(MapError, match="other model settings"):
        small(positions="rotary").resume(path)
    with pytest.raises(MapError, match="other training settings"):
        small(MapTraining(sizes=(5,), walks=6, steps=30)).resume(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(MapError, match="cannot be read"):
        small().resume(path)


def test_settings_can_be_told_in_json():
    json.dumps(MapTraining().__dict__)


def test_models_are_refused_where_they_cannot_learn():
    with pytest.raises(MapError, match="order of actions"):
        trainer("tem-t-rotary", MapTraining(worlds="family"))
    with pytest.raises(MapError, match="trained by TemTraining"):
        trainer("tem-small", MapTraining())
    with pytest.raises(MapError, match="in windows"):
        training_of("tem")
    with pytest.raises(MapError, match="choose from"):
        trainer("rnn", MapTraining())
    with pytest.raises(MapError, match="choose from"):
        MapTraining(worlds="sphere")
    with pytest.raises(MapError, match="at least one"):
        MapTraining(steps=1)


def test_baselines_look_at_nothing_that_comes_later():
    walks = draw_walks(named("grid"), 3, 20, 45, torch.Generator().manual_seed(1), sizes=(4,))
    for name in ("gru", "transformer"):
        model = trainer(name, SMALL).model
        whole = model(walks.symbols, walks.actions)
        symbols, actions = walks.symbols.clone(), walks.actions.clone()
        symbols[:, 10:] = (symbols[:, 10:] + 1) % 45
        actions[:, 11:] = (actions[:, 11:] + 1) % 4
        changed = model(symbols, actions)
        torch.testing.assert_close(changed[:, :11], whole[:, :11])
        assert not torch.allclose(changed[:, 12:], whole[:, 12:])
        torch.testing.assert_close(whole.logsumexp(-1), torch.zeros(3, 20), atol=1e-4, rtol=0)
        assert foreseen(model, walks).shape == novelty(walks).known.shape
