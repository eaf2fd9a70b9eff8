"""Learners by backpropagation against brute force and the papers' words."""

import pytest
import torch
from scipy import stats
from tests.draws import normal32
from tests.learning.continual.learners import INPUTS, STREAM, small

from unfrozen.errors import LearningError
from unfrozen.learning.continual import permuted, run
from unfrozen.learning.continual.learners import Batch
from unfrozen.learning.continual.learners.backprop.ewc import fisher_diagonal
from unfrozen.learning.continual.learners.backprop.network import Fit, Network
from unfrozen.learning.continual.learners.backprop.replay import Reservoir
from unfrozen.learning.continual.run import batches


def network(*hidden, classes=3, seed=0, width=5):
    made = Network(width, hidden, torch.Generator().manual_seed(seed))
    made.grow(classes)
    for layer in made.every:
        layer.bias.data = 0.3 * normal32(seed + 9, len(layer.bias))
    return made


def test_fisher_is_the_mean_square_of_each_images_gradients():
    net, rows = network(6, 4), normal32(1, 7, 5)
    expected = [torch.zeros_like(p) for p in net.parameters()]
    for row in rows:
        told = net(row[None]).logits.log_softmax(1)[0]
        for c in range(3):
            slopes = torch.autograd.grad(told[c], list(net.parameters()), retain_graph=True)
            for total, slope in zip(expected, slopes, strict=True):
                total += told[c].detach().exp() * slope**2 / len(rows)
    for found, wanted in zip(fisher_diagonal(net, rows), expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-4)


def test_springs_of_all_tasks_pull_as_one():
    learner = small("ewc", strength=7.0)
    ends, fishers = [], []
    for number in range(2):
        learner.learn(batches(STREAM[number], 10, number))
        fishers.append([f.clone() for f in learner.stiffness])
        ends.append([p.detach().clone() for p in learner.fit.network.parameters()])
    parameters = list(learner.fit.network.parameters())
    moved = [p.detach() + 0.1 * normal32(5, *p.shape) for p in parameters]
    for p, value in zip(parameters, moved, strict=True):
        p.data = value
    found = torch.autograd.grad(learner.penalty(), parameters)
    for i, p in enumerate(moved):
        wanted = torch.zeros_like(p)
        # What the second task added is its own part; rows that it brought were free before.
        n = len(fishers[0][i])
        second = fishers[1][i].clone()
        second[:n] -= fishers[0][i]
        wanted += 7.0 * second * (p - ends[1][i])
        wanted[:n] += 7.0 * fishers[0][i] * (p[:n] - ends[0][i])
        torch.testing.assert_close(found[i], wanted, atol=1e-5, rtol=1e-3)


def test_stiff_springs_hold_the_network_where_it_was():
    found = {
        strength: run(small("ewc", strength=strength, rate=0.1), permuted("digits", 2, 0), seed=0)
        for strength in (1e-6, 10.0)
    }
    forgetting = [one.forgetting for one in found.values()]
    assert forgetting[0] > forgetting[1] + 0.03


def test_a_reservoir_keeps_everything_with_the_same_chance():
    counts = torch.zeros(40)
    for seed in range(1500):
        reservoir = Reservoir(8, torch.Generator().manual_seed(seed))
        for some in torch.arange(40).split(7):
            reservoir.add(some)
        counts[reservoir.kept[0]] += 1
    assert int(counts.sum()) == 8 * 1500
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3


def test_a_reservoir_that_shrinks_stays_fair():
    counts = torch.zeros(30)
    for seed in range(1500):
        reservoir = Reservoir(10, torch.Generator().manual_seed(seed))
        reservoir.add(torch.arange(15))
        reservoir.shrink(6)
        reservoir.add(torch.arange(15, 30))
        assert len(reservoir) == 6
        counts[reservoir.kept[0]] += 1
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3
    with pytest.raises(LearningError):
        reservoir.shrink(0)


def test_a_reservoir_with_room_keeps_all_in_their_order():
    reservoir = Reservoir(10, torch.Generator().manual_seed(0))
    assert reservoir.draw(3) == ()
    reservoir.add(torch.arange(4), torch.arange(4) * 2)
    reservoir.add(torch.arange(4, 6), torch.arange(4, 6) * 2)
    assert [column.tolist() for column in reservoir.kept] == [[*range(6)], [*range(0, 12, 2)]]
    assert reservoir.bytes == 6 * 16
    one, two = reservoir.draw(50)
    assert torch.equal(two, 2 * one)
    assert set(one.tolist()) == set(range(6))


def test_replay_fills_the_room_that_its_network_leaves():
    learner = small("replay", limit=12_000)
    for number in range(5):
        learner.learn(batches(STREAM[number], 10, number))
    weights = sum(p.numel() for p in learner.fit.network.parameters())
    assert weights == 64 * 16 + 16 + 16 * 10 + 10
    places = (12_000 - 4 * weights - 80) // 66
    assert len(learner.buffer) == places
    assert learner.bytes == 4 * weights + 80 + 66 * places
    # All tasks are among what is kept.
    assert len(learner.buffer.kept[1].unique()) == 10


def test_a_head_that_grows_keeps_what_it_knew_and_what_its_optimizer_did():
    fit = Fit(INPUTS, 0, (6,), 1e-2, "adam")
    rows = INPUTS.rows(STREAM[0].train[:20])
    fit.update(rows, fit.meet(STREAM[0].train_classes[:20]))
    before = fit.network(rows).logits.detach()
    first = fit.optimizer.state[fit.network.head.weight]["exp_avg"].clone()
    new = fit.meet(STREAM[1].train_classes)
    width = 1 + int(new.max())
    # A wider product may be summed in another order.
    torch.testing.assert_close(fit.network(rows).logits[:, : before.shape[1]], before)
    assert fit.network.head.weight.shape[0] == width
    kept = fit.optimizer.state[fit.network.head.weight]["exp_avg"]
    assert torch.equal(kept[: len(first)], first)
    assert float(kept[len(first) :].abs().max()) == 0
    assert fit.network.head.weight.grad is None
    fit.update(rows, torch.full((20,), width - 1))
    assert not torch.equal(fit.network(rows).logits[:, : before.shape[1]], before)


def backprop(**settings):
    learner = small("continual-backprop", **{"hidden": (8, 6), "maturity": 3, **settings})
    learner.fit.meet(torch.arange(4))
    return learner


def test_utility_is_the_running_mean_of_units_times_what_leaves_them():
    learner = backprop(replacement=0.0, decay=0.9)
    net = learner.fit.network
    expected = torch.zeros(8)
    for step in range(5):
        hidden = [normal32(step, 10, 8).relu(), normal32(step + 50, 10, 6).relu()]
        learner.renew(hidden)
        sizes = hidden[0].abs().mean(0) * net.every[1].weight.abs().sum(0)
        expected = 0.9 * expected + 0.1 * sizes.detach()
    torch.testing.assert_close(learner.usage[0].utility, expected)
    assert learner.usage[0].age.tolist() == [5] * 8
    assert learner.replaced == 0


def test_the_least_useful_of_the_mature_units_is_replaced():
    learner = backprop(replacement=0.2, decay=0.5)
    net = learner.fit.network
    usage = learner.usage[0]
    usage.age[:] = torch.tensor([9.0, 9, 0, 9, 9, 0, 9, 9])
    # Unit 2 is used least, but young.
    usage.utility[:] = torch.tensor([5.0, 6, 0, 1, 7, 0, 8, 9])
    net.every[1].weight.data = torch.ones(6, 8)
    before = net.every[0].weight.detach().clone()
    learner.renew([torch.ones(10, 8), torch.ones(10, 6)])
    # A share of 0.2 of six mature units is one.
    changed = (net.every[0].weight != before).any(1)
    assert changed.tolist() == [False, False, False, True, False, False, False, False]
    assert usage.age.tolist() == [10, 10, 1, 0, 10, 1, 10, 10]
    assert float(usage.utility[3]) == 0
    assert float(net.every[1].weight.detach()[:, 3].abs().max()) == 0
    assert usage.due == pytest.approx(0.2)
    assert learner.replaced == 1


def test_shares_of_units_add_up_over_steps():
    learner = backprop(replacement=0.05, maturity=0)
    for step in range(10):
        learner.renew([normal32(step, 10, 8).relu(), normal32(step, 10, 6).relu()])
        if step == 1:
            assert learner.replaced == 0
    # Eight units at 0.05 a step and six: in ten steps about four and three, less those too young.
    assert 5 <= learner.replaced <= 7


def test_a_replaced_unit_that_was_constant_leaves_the_function_as_it_was():
    learner = backprop(replacement=0.2, decay=0.5)
    net = learner.fit.network
    rows = INPUTS.rows(STREAM[0].train[:30])
    # Units 0 and 1 do not depend on the image; the others do.
    net.every[0].weight.data[:2] = 0
    net.every[0].bias.data[:2] = torch.tensor([0.7, 0.4])
    hidden = net(rows).hidden[0].detach()
    before = net(rows).logits.detach()
    usage = learner.usage[0]
    for _ in range(4):
        usage.age += 1
        usage.mean.mul_(0.5).add_(hidden.mean(0), alpha=0.5)
    learner.replace(0, torch.tensor([0, 1]))
    torch.testing.assert_close(net(rows).logits, before, atol=1e-5, rtol=1e-5)
    assert float(net.every[0].weight.detach()[:2].abs().min()) > 0


def test_a_replaced_unit_that_varied_leaves_its_mean():
    learner = backprop(decay=0.9)
    net = learner.fit.network
    rows = INPUTS.rows(STREAM[0].train[:30])
    usage, hidden = learner.usage[0], net(rows).hidden[0].detach()
    usage.age += 1
    usage.mean.add_(hidden.mean(0), alpha=0.1)
    weight = net.every[1].weight.detach().clone()
    entering = [net.every[1](hidden).detach()]
    learner.replace(0, torch.tensor([5]))
    entering.append(net.every[1](net(rows).hidden[0]).detach())
    lost = (hidden[:, 5] - hidden[:, 5].mean())[:, None] * weight[:, 5]
    torch.testing.assert_close(entering[1], entering[0] - lost, atol=1e-5, rtol=1e-5)


def test_adam_forgets_what_it_kept_of_a_replaced_unit():
    learner = backprop(optimizer="adam", rate=1e-3, replacement=0.0)
    learner.learn([Batch(STREAM[0].train[:50], STREAM[0].train_classes[:50])])
    net, state = learner.fit.network, learner.fit.optimizer.state
    learner.replace(0, torch.tensor([2]))
    for kept in ("exp_avg", "exp_avg_sq"):
        assert float(state[net.every[0].weight][kept][2].abs().max()) == 0
        assert float(state[net.every[0].bias][kept][2].abs()) == 0
        assert float(state[net.every[1].weight][kept][:, 2].abs().max()) == 0
        assert float(state[net.every[0].weight][kept].abs().max()) > 0


def test_without_replacement_it_is_fine_tuning():
    plain, other = small("fine-tuning"), small("continual-backprop", replacement=0.0)
    for learner in (plain, other):
        learner.learn(batches(STREAM[0], 10, 0))
    pairs = zip(plain.fit.network.parameters(), other.fit.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
