import math

import pytest
import torch
from tests.draws import normal32

from unfrozen.errors import MapError
from unfrozen.hippocampus.tem import Schedules, Tem, TemSettings, Training, TrainingSettings
from unfrozen.hippocampus.tem.training import Score, clip_each, predict, walk_length
from unfrozen.hippocampus.worlds import batch, draw_symbols, novelty, rectangle, walk

TINY = TemSettings(
    symbols=10, compressed=5, codes=(9, 9), sampled=(3, 3), rates=(0.99, 0.3), iterations=3,
    transition_hidden=6, decoder_hidden=20,
)  # fmt: skip
FAST = Schedules(highest=5e-3, compress=40.0)
SHORT = TrainingSettings(sizes=(2, 3), batch=4, window=8, longest=12, shortest=4, spread=8)


def training(settings=SHORT, seed=0, tem=TINY):
    model = Tem(settings.fit(tem), FAST, generator=torch.Generator().manual_seed(seed))
    return Training(model, settings, torch.Generator().manual_seed(seed))


def numbers(record):
    return [*map(float, record.losses), record.known, record.new_pair, record.new_edge]


def test_a_few_updates_lower_the_loss():
    # One batch of walks again and again, as the loss of new ones depends on what they pass.
    trained = training()
    worlds, g = batch([rectangle(2)] * 8), torch.Generator().manual_seed(0)
    walks = walk(worlds, draw_symbols(worlds, 10, g), 12, g)
    known, model, state = novelty(walks).known, trained.model, trained.model.start(8)

    def loss(at):
        outputs, _ = model.window(walks.symbols, walks.actions, state, at=at)
        return sum(model.losses(outputs, walks.symbols, known, at=at)[:3])

    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    before = float(loss(40).detach())
    for update in range(40):
        optimizer.zero_grad()
        loss(update).backward()
        clip_each(model.parameters(), 2.0)
        optimizer.step()
    assert float(loss(40).detach()) < 0.8 * before
    # The whole loop does not stand in the way of it.
    records = list(trained.run(5))
    assert [record.update for record in records] == list(range(5))
    assert all(math.isfinite(record.loss) for record in records)


def test_it_goes_on_bit_for_bit():
    whole = training()
    expected = [numbers(record) for record in whole.run(24)]
    first = training()
    before = [numbers(record) for record in first.run(11)]
    state = first.state_dict()
    # What is saved does not change while training goes on.
    kept = {name: tensor.clone() for name, tensor in state.items()}
    list(first.run(14))
    assert all(torch.equal(state[name], kept[name]) for name in kept)
    second = training(seed=3)
    second.load_state_dict(state)
    after = [numbers(record) for record in second.run(24)]
    assert before + after == expected
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


def test_the_same_seed_gives_the_same_numbers():
    one, other, different = (list(training(seed=s).run(3)) for s in (0, 0, 1))
    assert [numbers(a) for a in one] == [numbers(b) for b in other]
    assert [numbers(a) for a in one] != [numbers(b) for b in different]


def test_walks_end_at_different_updates_and_new_worlds_follow():
    began = [record.began for record in training().run(30)]
    assert began[0] == 4
    assert sum(began[1:]) > 4
    assert max(began[1:]) < 4


def test_walks_get_shorter():
    settings = TrainingSettings()
    assert walk_length(0, 100, settings, 1.0, 0.0) == 4_000
    assert walk_length(0, 100, settings, 1.0, 1.0) == 7_000
    assert walk_length(7_500, 100, settings, 1.0, 0.0) == 2_250
    assert walk_length(7_500, 100, settings, 2.0, 0.0) == 500
    assert walk_length(0, 3, settings, 1.0, 0.0) % 25 == 0
    assert walk_length(10**6, 2, settings, 1.0, 0.0) == 25


def test_predictions_of_a_walk_are_those_of_its_windows():
    model = training().model
    worlds, g = batch([rectangle(2), rectangle(3)]), torch.Generator().manual_seed(0)
    walks = walk(worlds, draw_symbols(worlds, 10, g), 20, g)
    found = predict(model, walks, at=0, window=20)
    outputs, _ = model.window(walks.symbols, walks.actions, model.start(2), at=0)
    assert torch.equal(found, outputs.from_path.argmax(-1))
    assert predict(model, walks, at=0, window=7).shape == novelty(walks).known.shape


def test_each_gradient_is_clipped_on_its_own():
    one, other, none = (torch.nn.Parameter(normal32(i, 5)) for i in range(3))
    one.grad, other.grad = torch.full((5,), 3.0), torch.full((5,), 0.1)
    clip_each([one, other, none], 2.0)
    torch.testing.assert_close(one.grad.norm(), torch.tensor(2.0))
    assert torch.equal(other.grad, torch.full((5,), 0.1))
    none.grad = torch.full((5,), math.inf)
    with pytest.raises(MapError, match="diverged"):
        clip_each([one, none], 1.0)
    torch.testing.assert_close(one.grad.norm(), torch.tensor(2.0))


def test_a_share_of_none_is_none():
    assert Score(3, 4).share == 0.75
    assert math.isnan(Score(0, 0).share)


@pytest.mark.parametrize("family", ["line", "family", "laps", "objects", "torus"])
def test_every_family_can_be_learnt(family):
    settings = TrainingSettings(worlds=family, batch=2, window=4)
    trained = training(settings)
    before = [p.detach().clone() for p in trained.model.parameters()]
    records = [trained.step() for _ in range(20)]
    assert all(math.isfinite(record.loss) for record in records)
    # Places came back, and something was learnt from them.
    assert sum(record.known.of for record in records) > 0
    after = list(trained.model.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert bool(trained.model.settings.objects) == (family == "objects")


def test_what_makes_no_sense_is_refused():
    with pytest.raises(MapError, match="there are no worlds 'cube'"):
        TrainingSettings(worlds="cube")
    with pytest.raises(MapError, match="above zero"):
        TrainingSettings(window=0)
    with pytest.raises(MapError, match="do not get shorter"):
        TrainingSettings(longest=4)
    with pytest.raises(MapError, match="no sizes"):
        TrainingSettings(sizes=())
    with pytest.raises(MapError, match="10 actions, the model 4"):
        Training(Tem(TINY), TrainingSettings(worlds="family"), torch.Generator())
    one = training()
    state = one.state_dict()
    with pytest.raises(MapError, match="no state of such a training"):
        one.load_state_dict({name: t for name, t in state.items() if name != "update"})
    with pytest.raises(MapError, match="memories are of another size"):
        training(TrainingSettings(sizes=(2, 3), batch=2, window=8)).load_state_dict(state)
    other = training(seed=1)
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(MapError, match="no state"):
        other.load_state_dict({**state, "generator": state["generator"][:9]})
    assert all(torch.equal(before[name], now) for name, now in other.state_dict().items())
    with torch.no_grad():
        one.model.decoder_bias.fill_(math.nan)
    with pytest.raises(MapError, match="at update 0: it has diverged"):
        one.step()
