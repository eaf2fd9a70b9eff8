"""The model: what it predicts, on which map, and where gradients flow."""

from dataclasses import replace

import pytest
import torch
from tests.world.jepa.dot import drawn_at, held_out, seeded

from unfrozen.errors import WorldError
from unfrozen.world.jepa import Jepa, JepaSettings, Windows, named
from unfrozen.world.model import rollout

PLAIN = JepaSettings((1, 12, 12), 2, width=8, channels=(4, 8), hidden=16, norm="none")
FACTORED = replace(PLAIN, structure=(1, 12, 12), map_channels=(4,), token=6)
FUSED = replace(PLAIN, vocabulary=9, longest=3, blocks=1, fusion_heads=2)
FORMS = {
    "plain": PLAIN,
    "recurrent": replace(PLAIN, predictor="gru", norm="layer"),
    "factored": FACTORED,
    "fused": FUSED,
    "vectors": replace(PLAIN, shape=(5,)),
}


def batch(settings, b=4, t=7):
    windows, _ = held_out(b, t)
    if len(settings.shape) == 1:
        windows = windows._replace(observations=torch.randn(b, t, 5, generator=seeded()))
    if settings.structure:
        walls = torch.rand(b, 1, 12, 12, generator=seeded(1))
        windows = windows._replace(structure=walls)
    if settings.vocabulary:
        windows = windows._replace(text=torch.arange(b)[:, None] + torch.tensor([[1, 2]]))
    return windows


@pytest.mark.parametrize("form", sorted(FORMS))
def test_an_outlook_is_what_single_steps_give(form):
    model = Jepa(FORMS[form], seeded()).eval()
    windows = batch(FORMS[form])
    seen = model.outlook(windows, horizon=3, stride=2, objective=named("sigreg"))
    assert seen.predicted.shape == (4, 2, 3, 8)
    for i in range(4):
        one = windows.of(slice(i, i + 1))
        text = None if one.text is None else one.text[:, None].expand(-1, 7, -1)
        latents = model.encode(one.observations, text)
        assert torch.allclose(latents, seen.latents[i], atol=1e-5)
        step = model.step if one.structure is None else model.within(one.structure).step
        for n, start in enumerate((0, 2)):
            state = latents[:, start]
            for k in range(3):
                state = step(state, one.actions[:, start + k])
                assert torch.allclose(state[0], seen.predicted[i, n, k], atol=1e-4)
                assert torch.equal(seen.targets[i, n, k], seen.latents[i, start + k + 1])


@pytest.mark.parametrize("target", ["same", "stopped", "average"])
def test_gradients_stop_where_the_objective_says(target):
    model, average = Jepa(PLAIN, seeded()), Jepa(PLAIN, seeded(1))
    # The first observation has no part in what is aimed at, the last none in what is predicted.
    goal = replace(named("sigreg"), target=target, weights={"prediction": 1.0})
    windows, _ = held_out(4, 4)
    seen = torch.rand(4, 4, 1, 12, 12, generator=seeded(2)).requires_grad_()
    windows = windows._replace(observations=seen)
    outlook = model.outlook(windows, 3, 1, goal, average)
    goal.losses(outlook, seeded()).total.backward()
    reached = seen.grad.flatten(2).abs().sum((0, 2)) > 0
    assert reached.tolist() == [True] + [target == "same"] * 3
    assert all(p.grad is None for p in average.parameters())
    assert all(p.grad is not None for p in model.encoder.parameters())
    if target == "average":
        expected = average.encode(windows.observations)[:, 1:]
        assert torch.allclose(outlook.targets[:, 0], expected, atol=1e-6)


def test_states_of_one_map_are_side_by_side():
    model = Jepa(FACTORED, seeded()).eval()
    walls = torch.rand(3, 1, 12, 12, generator=seeded(1))
    states, actions = torch.randn(12, 8, generator=seeded(2)), torch.randn(12, 2)
    together = model.within(walls).step(states, actions)
    for i in range(12):
        alone = model.within(walls[i // 4 : i // 4 + 1])
        after = alone.step(states[i : i + 1], actions[i : i + 1])
        assert torch.allclose(after[0], together[i], atol=1e-5)
    # The map makes a difference, and the state does not hold it.
    assert not torch.allclose(model.within(walls.flip(0)).step(states, actions), together)
    attention = model.within(walls).attention(states)
    assert attention.shape == (3, 2, 4, 36)
    assert torch.allclose(attention.sum(-1), torch.ones(3, 2, 4))
    with pytest.raises(WorldError, match="12 states cannot be shared out among 5 maps"):
        model.within(torch.rand(5, 1, 12, 12)).step(states, actions)


@pytest.mark.parametrize("at", [(3, 3), (9, 8), (0, 11), (7, 1)])
def test_what_is_active_lies_at_the_token_whose_convolutions_are_centred_there(at):
    settings = replace(FACTORED, shape=(1, 12, 12), structure=(1, 12, 12), map_channels=(4, 4))
    model = Jepa(settings, seeded())
    seen = torch.zeros(2, 5, 1, 12, 12)
    seen[:, :, 0, at[0], at[1]] = 1.0
    windows = Windows(seen, torch.zeros(2, 4, settings.actions), torch.zeros(2, 1, 12, 12))
    outlook = model.outlook(windows, 2, 1, named("sigreg"))
    # Two convolutions that halve: token (i, j) is centred at pixel (4 i, 4 j).
    i, j = (min(round(x / 4), 2) for x in at)
    assert torch.allclose(outlook.active.sum(-1), torch.ones(2, 10))
    assert (outlook.active.argmax(-1) == 3 * i + j).all()
    assert outlook.looked.shape == outlook.active.shape


def test_attention_learns_from_the_place_term_alone():
    settings = replace(FACTORED, shape=(1, 12, 12), structure=(1, 12, 12), map_channels=(4, 4))
    model = Jepa(settings, seeded())
    goal = replace(named("sigreg"), weights={"place": 1.0})
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    generator, found = seeded(3), []
    for _ in range(150):
        at = torch.randint(12, (2, 16, 5), generator=generator)
        seen = torch.zeros(16, 5, 1, 12, 12)
        seen[torch.arange(16)[:, None], torch.arange(5), 0, at[0], at[1]] = 1.0
        windows = Windows(seen, torch.zeros(16, 4, settings.actions), torch.rand(16, 1, 12, 12))
        losses = goal.losses(model.outlook(windows, 2, 1, goal), seeded())
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        found.append(float(losses.terms["place"].detach()))
    assert sum(found[-5:]) < 0.6 * sum(found[:5])


def test_regularisers_do_not_reach_the_map_and_prediction_does():
    model = Jepa(FACTORED, seeded())
    outlook = model.outlook(batch(FACTORED), 3, 2, named("sigreg"))
    for weights, reached in (({"sigreg": 1.0}, False), ({"prediction": 1.0}, True)):
        model.zero_grad()
        goal = replace(named("sigreg"), weights=weights)
        goal.losses(outlook, seeded()).total.backward(retain_graph=True)
        gradients = [p.grad for p in model.map_encoder.parameters()]
        assert all((g is not None and bool(g.any())) == reached for g in gradients)


def test_a_fused_model_sees_is_told_or_both():
    model = Jepa(FUSED, seeded()).eval()
    images, text = drawn_at(torch.tensor([[3.0, 4.0]])), torch.tensor([[1, 2]])
    told = [model.encode(images, text), model.encode(images), model.encode(None, text)]
    assert all(z.shape == (1, 8) for z in told)
    assert not torch.allclose(told[0], told[1])
    assert not torch.allclose(told[0], told[2])


def test_bytes_are_numbers_of_0_to_1_and_the_dtype_is_the_models():
    model = Jepa(PLAIN, seeded()).double().eval()
    seen = drawn_at(torch.tensor([[3.0, 4.0], [5.0, 6.0]]))
    assert torch.equal(model.encode(seen), model.encode(seen.double() / 255))
    assert model.encode(seen).dtype == torch.float64


def test_gradients_reach_actions_through_a_rollout():
    model = Jepa(PLAIN, seeded()).eval().requires_grad_(False)
    actions = torch.zeros(2, 5, 2, requires_grad=True)
    rollout(model, torch.randn(2, 8), actions)[:, -1].sum().backward()
    assert bool((actions.grad.abs().sum(-1) > 0).all())


def test_making_a_model_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    one, same = Jepa(FACTORED, seeded(3)), Jepa(FACTORED, seeded(3))
    assert torch.equal(before, torch.get_rng_state())
    for p, q in zip(one.parameters(), same.parameters(), strict=True):
        assert torch.equal(p, q)


def test_what_does_not_fit_is_refused(unchecked):
    plain, factored, fused = (Jepa(s) for s in (PLAIN, FACTORED, FUSED))
    with pytest.raises(WorldError, match=r"the shape \(1, 12, 12\), not \(2, 1, 9, 9\)"):
        plain.encode(torch.zeros(2, 1, 9, 9))
    with pytest.raises(WorldError, match="knows no text"):
        plain.encode(torch.zeros(2, 1, 12, 12), torch.ones(2, 1, dtype=torch.long))
    with pytest.raises(WorldError, match="has no map"):
        plain.within(torch.zeros(2, 1, 12, 12))
    with pytest.raises(WorldError, match="reads a map"):
        factored.step(torch.zeros(2, 8), torch.zeros(2, 2))
    with pytest.raises(WorldError, match="structure has the shape"):
        factored.within(torch.zeros(2, 1, 9, 9))
    with pytest.raises(WorldError, match="windows with structure"):
        factored.outlook(held_out(4)[0], 3, 2, named("sigreg"))
    with pytest.raises(WorldError, match="nothing to encode"):
        fused.encode(None)
    with pytest.raises(WorldError, match="same axes"):
        fused.encode(torch.zeros(2, 3, 1, 12, 12), torch.ones(2, 2, dtype=torch.long))
    with pytest.raises(WorldError, match="give a copy of the model"):
        plain.outlook(held_out(4)[0], 3, 2, named("ema"))
    with pytest.raises(WorldError, match="shorter horizon"):
        plain.outlook(held_out(4, 4)[0], 4, 2, named("sigreg"))
    with pytest.raises(WorldError, match="not both"):
        replace(FUSED, structure=(1, 12, 12))
    with pytest.raises(WorldError, match="one feature"):
        replace(PLAIN, width=0)
    assert Windows(torch.zeros(1, 2, 1), torch.zeros(1, 1, 1)).structure is None
