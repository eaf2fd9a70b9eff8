"""Training: it goes on bit for bit, and what keeps from collapse makes the difference."""

from dataclasses import replace
from itertools import islice

import pytest
import torch
from tests.world.jepa.dot import drawn_at, held_out, seeded, walk, windows
from tests.world.jepa.test_model import FACTORED, PLAIN

from unfrozen.errors import WorldError
from unfrozen.world.jepa import Jepa, JepaSettings, JepaTraining, Trainer, Windows, diagnose, train
from unfrozen.world.jepa.train import learning_rate

SHORT = JepaTraining(steps=8, horizon=3, stride=2)
DOT = JepaSettings((1, 12, 12), 2, width=16, channels=(8, 16), hidden=64)
LONG = JepaTraining(steps=200, horizon=4, stride=2, learning_rate=3e-3)


def state(trainer):
    parts = {"generator": trainer.generator.get_state(), **trainer.model.state_dict()}
    if trainer.average is not None:
        parts |= {f"average.{k}": v for k, v in trainer.average.state_dict().items()}
    for i, values in trainer.optimizer.state_dict()["state"].items():
        parts |= {f"{i}.{k}": v for k, v in values.items()}
    return parts


def listed(number):
    generator = seeded(7)
    return [windows(6, 6)(generator) for _ in range(number)]


@pytest.mark.parametrize("objective", ["sigreg", "vicreg", "ema"])
@pytest.mark.parametrize("kind", ["drawn", "listed"])
def test_a_run_goes_on_bit_for_bit(objective, kind, tmp_path):
    settings = replace(SHORT, objective=objective)

    def trainer():
        source = windows(6, 6) if kind == "drawn" else listed(8)
        return Trainer(Jepa(replace(PLAIN, norm="batch"), seeded()), source, settings)

    whole, part, rest = trainer(), trainer(), trainer()
    expected = list(whole.run())
    for _ in islice(part.run(), 3):
        pass
    part.save(tmp_path / "run")
    rest.resume(tmp_path / "run")
    found = list(rest.run())
    assert [u[:5] for u in found] == [u[:5] for u in expected[3:]]
    one, other = state(whole), state(rest)
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
    assert rest.seconds > part.seconds


def test_a_run_that_is_stopped_goes_on_where_it_was(tmp_path):
    path, seen = tmp_path / "run", []

    def stop(update):
        seen.append(update.number)
        if update.number == 5:
            raise KeyboardInterrupt

    whole, stopped = (Jepa(PLAIN, seeded()) for _ in range(2))
    train(whole, windows(6, 6), SHORT)
    with pytest.raises(KeyboardInterrupt):
        train(stopped, windows(6, 6), SHORT, progress=stop, path=path)
    other = Jepa(PLAIN, seeded(1))
    last = train(other, windows(6, 6), SHORT, progress=stop, path=path)
    assert seen == [*range(1, 6), *range(6, 9)]
    assert last.number == 8
    assert not other.training
    for p, q in zip(whole.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)
    # There is nothing left to do.
    assert train(Jepa(PLAIN), windows(6, 6), SHORT, path=path) is None


def test_nothing_global_is_drawn_from():
    before = torch.get_rng_state()
    train(Jepa(FACTORED), walled(4), SHORT)
    assert torch.equal(before, torch.get_rng_state())


def test_the_average_encoder_follows_by_hand():
    settings = replace(SHORT, objective="ema")
    trainer = Trainer(Jepa(PLAIN, seeded()), windows(6, 6), settings)
    slow = [p.detach().clone() for p in trainer.average.parameters()]
    for _ in range(3):
        trainer.update()
        fast = trainer.model.parameters()
        slow = [0.996 * s + (1 - 0.996) * f.detach() for s, f in zip(slow, fast, strict=True)]
    for mine, own in zip(slow, trainer.average.parameters(), strict=True):
        assert torch.allclose(mine, own, atol=1e-6)


def test_the_rate_rises_in_a_line_and_falls_as_the_librarys_cosine():
    settings = JepaTraining(steps=40, warm_up=0.25, learning_rate=0.5)
    rates = [learning_rate(step, settings) for step in range(40)]
    assert rates[:10] == pytest.approx([0.05 * (i + 1) for i in range(10)])
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.5)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 30)
    for rate in rates[10:]:
        assert rate == pytest.approx(reference.get_last_lr()[0])
        optimizer.step()
        reference.step()


def test_a_step_is_one_of_adamw_on_a_gradient_that_was_cut():
    settings = replace(SHORT, clip=1e-3, warm_up=0.0, weight_decay=0.1)
    trainer = Trainer(Jepa(PLAIN, seeded()), windows(6, 6), settings)
    before = [p.detach().clone().requires_grad_() for p in trainer.model.parameters()]
    update = trainer.update()
    assert update.norm > 1e-3
    gradients = [p.grad for p in trainer.model.parameters()]
    kept = [g for g in gradients if g is not None]
    norm = torch.stack([g.norm() for g in kept]).norm()
    assert norm.item() == pytest.approx(1e-3, rel=1e-3)
    for p, g in zip(before, gradients, strict=True):
        p.grad = g
    torch.optim.AdamW(before, 1e-3, weight_decay=0.1).step()
    for mine, theirs in zip(trainer.model.parameters(), before, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-7)


@pytest.mark.parametrize(
    ("objective", "norm", "predictor"),
    [("sigreg", "batch", "mlp"), ("vicreg", "none", "mlp"), ("ema", "layer", "mlp")],
)
def test_a_dot_is_seen_and_foreseen_unless_nothing_keeps_from_collapse(objective, norm, predictor):
    model = Jepa(replace(DOT, norm=norm, predictor=predictor), seeded(1))
    train(model, windows(), replace(LONG, objective=objective))
    found = diagnose(model, *held_out(), seeded(), horizon=4)
    if objective == "ema":
        assert found.verdict == "collapsed"
        assert found.deviation < 0.1
    else:
        assert found.verdict == "sound"
        assert found.deviation > 0.6
        assert found.sees > 0.95
        assert found.foresees > 0.9
        assert found.order > 0.8


def textured(b, apart):
    """Windows of the dot before a random background, which stays throughout each."""

    def draw(generator):
        positions, actions = walk(b, 10, generator)
        seen, still = drawn_at(positions), torch.rand(b, 1, 12, 12, generator=generator)
        if apart:
            return Windows(seen, actions, still)
        behind = (255 * still).to(torch.uint8)[:, None].expand(-1, 10, -1, -1, -1)
        return Windows(torch.cat([seen, behind], 2), actions)

    return draw


def walled(b):
    return textured(b, apart=True)


def test_a_background_satisfies_the_regulariser_unless_structure_is_apart():
    sees = []
    for apart in (False, True):
        more = {"structure": (1, 12, 12)} if apart else {"shape": (2, 12, 12)}
        model = Jepa(replace(DOT, **more), seeded(1))
        train(model, textured(32, apart), replace(LONG, steps=150))
        positions, _ = walk(200, 10, seeded(5))
        found = diagnose(model, textured(200, apart)(seeded(5)), positions, seeded(), horizon=4)
        assert found.deviation > 0.6
        sees.append(found)
    assert sees[0].verdict == "blind"
    assert sees[0].sees < 0.7
    assert sees[1].sees > 0.95


def mirrored(b):
    """Windows in which the dot goes the other way about where the text is 2."""

    def draw(generator):
        positions, actions = walk(b, 10, generator)
        text = torch.randint(1, 3, (b, 1), generator=generator)
        given = torch.where((text == 2)[..., None], -actions, actions)
        return Windows(drawn_at(positions), given, None, text)

    return draw


def test_what_is_told_decides_what_is_foreseen():
    more = {"vocabulary": 3, "longest": 1, "patch": 4, "fusion_heads": 2}
    model = Jepa(replace(DOT, **more), seeded(1))
    train(model, mirrored(32), replace(LONG, steps=300))
    positions, _ = walk(200, 10, seeded(5))
    told = mirrored(200)(seeded(5))
    right, wrong = (
        diagnose(model, windows, positions, seeded(), horizon=4)
        for windows in (told, told._replace(text=3 - told.text))
    )
    assert right.sees > 0.95
    assert right.foresees > 0.85
    # Told the contrary, the model foresees the contrary.
    assert wrong.sees > 0.95
    assert wrong.foresees < 0


def test_divergence_says_so_and_changes_nothing():
    trainer = Trainer(Jepa(PLAIN, seeded()), windows(6, 6), SHORT)
    weight = next(trainer.model.predictor.parameters())
    weight.register_hook(lambda gradient: gradient * float("nan"))
    before = weight.detach().clone()
    with pytest.raises(WorldError, match="step 1: training has diverged"):
        trainer.update()
    assert torch.equal(before, weight)
    assert trainer.number == 0


def test_what_does_not_fit_is_refused(tmp_path):
    path = tmp_path / "run"

    def trainer(model=PLAIN, settings=SHORT, source=None):
        return Trainer(Jepa(model), source or windows(6, 6), settings)

    with pytest.raises(WorldError, match="cannot be read as a training run"):
        trainer().resume(path)
    one = trainer()
    one.update()
    one.update()
    one.save(path)
    with pytest.raises(WorldError, match="other model settings"):
        trainer(replace(PLAIN, width=9)).resume(path)
    with pytest.raises(WorldError, match="other training settings"):
        trainer(settings=replace(SHORT, seed=1)).resume(path)
    with pytest.raises(WorldError, match="no more windows"):
        list(trainer(source=listed(3)).run())
    with pytest.raises(WorldError, match="no more windows"):
        trainer(source=listed(1)).resume(path)
    with pytest.raises(WorldError, match="no objective"):
        JepaTraining("barlow")
    with pytest.raises(WorldError, match="no term"):
        JepaTraining(weights={"coverage": 1.0})
    with pytest.raises(WorldError, match="a step or more"):
        JepaTraining(steps=0)
    with pytest.raises(WorldError, match="cannot be predicted"):
        JepaTraining(horizon=0)
