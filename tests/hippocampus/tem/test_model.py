import copy

import pytest
import torch
from tests.draws import F64, normal
from tests.hippocampus.tem.reference import run

from unfrozen.errors import MapError
from unfrozen.hippocampus.tem import PAPER, Outputs, Schedules, Tem, TemSettings, TemState

TINY = TemSettings(
    symbols=9, actions=3, still=1, compressed=5, codes=(6, 5, 4), sampled=(3, 2, 2),
    rates=(0.9, 0.4, 0.1), iterations=4, transition_hidden=4, decoder_hidden=8,
)  # fmt: skip
OBJECTS = TemSettings(
    symbols=9, actions=3, compressed=5, codes=(6, 5), sampled=(3, 2), rates=(0.9, 0.2),
    objects=2, object_cells=2, iterations=3, transition_hidden=4, decoder_hidden=8,
)  # fmt: skip
FAST = Schedules(compress=10.0)
# Memory is trusted by then, as the deviation that is added for distrust is below one.
AT = 150


def model_of(settings=TINY, schedules=FAST, seed=0, dtype=F64):
    """A model whose transitions are not zero, so that everything has a part in it."""
    model = Tem(settings, schedules, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    with torch.no_grad():
        model.action_out.copy_(0.4 * normal(seed, *model.action_out.shape))
        for number, bias in enumerate([model.decoder_bias, model.memory_mean.out_bias]):
            bias.copy_(0.1 * normal(number, *bias.shape))
    return model


def drawn(model, b=3, t=6, seed=0):
    g = torch.Generator().manual_seed(seed)
    s = model.settings
    symbols = torch.randint(s.symbols, (b, t), generator=g)
    return symbols, torch.randint(s.actions, (b, t), generator=g)


def full(model, b=3, seed=5):
    """A state that is in the middle of a walk."""
    shapes = [each.shape for each in model.start(b)]
    mask = (model.into.T @ model.out_of).double()
    code, senses, generative, inference = (normal(seed + i, *s) for i, s in enumerate(shapes))
    state = TemState(
        (0.3 * code).clamp(-1, 1), senses.abs(), 0.1 * generative * mask, 0.1 * inference
    )
    return TemState(*(each.to(model.prior_mean) for each in state))


def row(state, i):
    return TemState(*(each[i] for each in state))


@pytest.mark.parametrize("settings", [TINY, OBJECTS])
def test_a_window_is_that_of_explicit_matrices(settings):
    model = model_of(settings)
    symbols, actions = drawn(model)
    actions[1, 0] = -1
    state = full(model)
    outputs, after = model.window(symbols, actions, state, at=AT)
    for i in range(len(symbols)):
        expected, left = run(model, symbols[i], actions[i], row(state, i), AT)
        for name, one, other in zip(Outputs._fields, outputs, expected, strict=True):
            torch.testing.assert_close(one[i], other, rtol=1e-9, atol=1e-9, msg=name)
        for one, other in zip(row(after, i), left, strict=True):
            torch.testing.assert_close(one, other.detach(), rtol=1e-9, atol=1e-9)
    # The test says something: memory matters, and the streams that stop early differ.
    empty = TemState(*state[:2], *(torch.zeros_like(each) for each in state[2:]))
    without, _ = model.window(symbols, actions, empty, at=AT)
    assert not torch.allclose(without.code[0], outputs.code[0], atol=1e-6)
    assert torch.equal(without.code[1], outputs.code[1])


@pytest.mark.parametrize("settings", [TINY, OBJECTS])
def test_gradients_are_those_of_explicit_matrices(settings):
    model = model_of(settings)
    symbols, actions = drawn(model)
    actions[1, 0] = -1
    state, known = full(model), torch.rand(3, 6, generator=torch.Generator().manual_seed(0)) < 0.8
    outputs, _ = model.window(symbols, actions, state, at=AT)
    parameters = list(model.parameters())
    found = torch.autograd.grad(model.losses(outputs, symbols, known, at=AT).total, parameters)
    rows = [run(model, symbols[i], actions[i], row(state, i), AT)[0] for i in range(3)]
    explicit = Outputs(*(torch.stack(each) for each in zip(*rows, strict=True)))
    loss = model.losses(explicit, symbols, known, at=AT).total
    expected = torch.autograd.grad(loss, parameters)
    for (name, _), one, other in zip(model.named_parameters(), found, expected, strict=True):
        assert other.abs().max() > 0, name
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10, msg=name)


def test_losses_are_those_of_their_definition():
    model = model_of(TINY)
    symbols, actions = drawn(model)
    known = torch.ones(3, 6, dtype=torch.bool)
    outputs, _ = model.window(symbols, actions, full(model), at=AT)
    terms, now = model.losses(outputs, symbols, known, at=AT), FAST.at(AT)
    right = outputs.from_path.log_softmax(-1).gather(2, symbols[..., None])
    torch.testing.assert_close(terms.from_path, -right.mean())
    apart = (outputs.place - outputs.place_of_code).square().sum(-1).mean() / 2
    torch.testing.assert_close(terms.place_of_code, now.ties * apart)
    apart = (outputs.place - outputs.place_of_senses).square().sum(-1).mean() / 2
    torch.testing.assert_close(terms.place_of_senses, now.ties * now.trust * apart)
    apart = (outputs.code - outputs.path).square().sum(-1).mean() / 2
    torch.testing.assert_close(terms.path, now.ties * apart)
    cost = 0.01 * outputs.code.square().sum(-1).mean() * now.code_penalty
    torch.testing.assert_close(terms.code_penalty, cost)
    cost = 0.02 * outputs.place.abs().sum(-1).mean() * now.place_penalty
    torch.testing.assert_close(terms.place_penalty, cost)
    assert terms.object_penalty == 0
    torch.testing.assert_close(terms.total, torch.stack(list(terms)).sum())


def test_rows_are_independent():
    model = model_of(PAPER, dtype=torch.float32)
    symbols, actions = drawn(model, b=3, t=4)
    actions[0, 0] = -1
    state = full(model)
    outputs, after = model.window(symbols, actions, state, at=AT)
    order = torch.tensor([2, 0, 1])
    again, later = model.window(
        symbols[order], actions[order], TemState(*(each[order] for each in state)), at=AT
    )
    for one, other in zip((*outputs, *after), (*again, *later), strict=True):
        torch.testing.assert_close(one[order], other, rtol=1e-4, atol=1e-5)
    other, actions_ = symbols.clone(), actions.clone()
    other[1:], actions_[1:] = (symbols[1:] + 3) % 45, (actions[1:] + 1) % 4
    changed, _ = model.window(other, actions_, state, at=AT)
    for one, two in zip(outputs, changed, strict=True):
        assert torch.equal(one[0], two[0])
        assert not torch.equal(one[1], two[1])


def test_a_new_walk_begins_as_though_nothing_had_been():
    model = model_of()
    symbols, actions = drawn(model)
    actions[:, 0] = -1
    fresh, _ = model.window(symbols, actions, model.start(3), at=AT)
    state = full(model)
    kept = copy.deepcopy(state)
    reset, _ = model.window(symbols, actions, state, at=AT)
    for one, other in zip(fresh, reset, strict=True):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(reset.path[:, 0], model.prior_mean.expand(3, -1))
    # The state that was given is not written to.
    assert all(torch.equal(one, other) for one, other in zip(state, kept, strict=True))


def test_windows_join_where_no_entry_is_clipped():
    model = model_of()
    symbols, actions = drawn(model, t=8)
    actions[:, 0] = -1
    whole, end = model.window(symbols, actions, model.start(3), at=AT)
    first, middle = model.window(symbols[:, :3], actions[:, :3], model.start(3), at=AT)
    second, last = model.window(symbols[:, 3:], actions[:, 3:], middle, at=AT)
    assert end.generative.abs().max() < 1
    for one, a, b in zip(whole, first, second, strict=True):
        torch.testing.assert_close(one, torch.cat([a, b], 1))
    for one, other in zip(end, last, strict=True):
        torch.testing.assert_close(one, other)
        assert not other.requires_grad


def test_memory_of_codes_holds_nothing_from_fast_to_slow():
    model = model_of()
    symbols, actions = drawn(model)
    _, after = model.window(symbols, actions, model.start(3), at=AT)
    allowed = (model.into.T @ model.out_of).bool()
    assert not allowed.all()
    assert (after.generative[:, ~allowed] == 0).all()
    assert (after.generative[:, allowed] != 0).any()
    assert (after.inference[:, ~allowed] != 0).any()


def test_staying_keeps_the_path():
    model = model_of()
    symbols, actions = drawn(model)
    actions[:, 1:] = model.settings.still
    outputs, _ = model.window(symbols, actions, full(model), at=AT)
    torch.testing.assert_close(outputs.path[:, 1:], outputs.code[:, :-1].clamp(-1, 1))


def test_object_cells_answer_to_objects_alone():
    model = model_of(OBJECTS)
    symbols, actions = drawn(model)
    symbols = symbols % 7 + 2
    state = full(model)
    plain, _ = model.window(symbols, actions, state, at=AT)
    changed = symbols.clone()
    changed[:, 0] = 1
    shiny, _ = model.window(changed, actions, state, at=AT)
    cells = OBJECTS.code_sizes[0]
    assert not torch.allclose(plain.code[:, 0, :cells], shiny.code[:, 0, :cells], atol=1e-6)
    # The generative model is not told which action was taken.
    other, _ = model.window(symbols, (actions + 1) % 3, state, at=AT)
    torch.testing.assert_close(other.path[:, 0], plain.path[:, 0])
    assert not torch.allclose(other.code[:, 0], plain.code[:, 0])


def test_the_same_seed_draws_the_same_weights():
    one, other, different = (model_of(seed=seed) for seed in (0, 0, 1))
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert not torch.equal(one.prior_mean, different.prior_mean)


def test_all_stays_in_the_dtype_of_the_weights():
    model = Tem(TINY)
    outputs, state = model.window(*drawn(model), model.start(3), at=0)
    assert {each.dtype for each in (*outputs, *state)} == {torch.float32}
    loss = model.losses(outputs, drawn(model)[0], torch.ones(3, 6, dtype=torch.bool), at=0)
    assert loss.total.dtype == torch.float32


def test_it_can_be_made_where_there_is_no_memory():
    with torch.device("meta"):
        model = Tem(TINY)
    assert model.prior_mean.is_meta
    model = Tem(TINY, device="meta")
    inputs = torch.zeros(3, 6, dtype=torch.long, device="meta")
    outputs, state = model.window(inputs, inputs, model.start(3), at=0)
    assert outputs.from_path.shape == (3, 6, 9)
    assert state.generative.is_meta


def test_what_makes_no_sense_is_refused(unchecked):
    model = Tem(TINY)
    symbols, actions = drawn(model)
    state = model.start(3)

    def window(symbols=symbols, actions=actions, state=state, at=0):
        return model.window(symbols, actions, state, at=at)

    with pytest.raises(MapError, match="at least one walk"):
        model.start(0)
    with pytest.raises(MapError, match=r"not \[3, 6\] and \[3, 5\]"):
        window(actions=actions[:, :5])
    with pytest.raises(MapError, match="not one of 3 walks"):
        window(state=model.start(2))
    with pytest.raises(MapError, match="symbols run from 0 to 8"):
        window(symbols=symbols + 9)
    with pytest.raises(MapError, match="actions run from 0 to 2"):
        window(actions=actions + 3)
    with pytest.raises(MapError, match="first step of a window"):
        window(actions=torch.where(torch.arange(6) == 2, -1, actions))
    with pytest.raises(MapError, match="counted from 0"):
        window(at=-1)
