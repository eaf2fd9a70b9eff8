import dataclasses
import json

import pytest
import torch

from unfrozen.errors import FactError, MemoryShapeError, ModelError
from unfrozen.language.editing.contexts import Contexts
from unfrozen.language.editing.rome import Rome, RomeSettings, Value, search_value, write_value
from unfrozen.language.facts import Fact
from unfrozen.memory import SecondMoment

FACT = Fact("Eiffel Tower", "In the {}", "Paris", "Rome Italy")
PREFIXES = ("In the city. ", "Mount Etna is old, we said. ")
few = pytest.mark.parametrize("tiny", ["gpt2", "llama", "gemma2"], indirect=True)
both = pytest.mark.parametrize("tiny", ["gpt2", "llama"], indirect=True)


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def prompt_ids(tiny, fact=FACT):
    return tiny.lm.encode(fact.text)


def target_ids(tiny):
    return tiny.lm.tokenizer(f" {FACT.target_new}")["input_ids"]


@torch.no_grad()
def target_probability(tiny):
    """Of the whole target after the plain prompt, token by token."""
    ids, product = prompt_ids(tiny), 1.0
    for token in target_ids(tiny):
        product *= float(tiny.probability(tiny.logits(ids), token))
        ids = torch.cat([ids, torch.tensor([[token]])], 1)
    return product


def last_subject_token(tiny):
    return prompt_ids(tiny).shape[1] - 1


def says(contexts, lm, delta):
    """What the model says of one fact."""
    said, essence = contexts.log_probabilities(lm, delta[None])
    return said, essence[0]


def search(tiny, layer=1, prefixes=PREFIXES, **settings):
    contexts = Contexts.make(tiny.lm, [FACT], layer, prefixes)
    return contexts, search_value(tiny.lm, contexts, RomeSettings(layer=layer, **settings))


# ----------------------------------------------------------------------------------- the value v*


@few
def test_the_value_makes_the_model_say_the_target(tiny):
    contexts, value = search(tiny)
    assert value.probability > 10 * value.before
    said, essence = says(contexts, tiny.lm, value.delta)
    assert value.probability == pytest.approx(float(said.sum(1).exp().mean()), rel=1e-4)
    _, plain = says(contexts, tiny.lm, torch.zeros(32))
    divergence = float((essence.exp() * (essence - plain)).sum())
    assert value.divergence == pytest.approx(divergence, rel=1e-3, abs=1e-5)
    assert divergence > 0
    assert torch.equal(value.key, contexts.keys.mean(0))
    assert value.value_norm == pytest.approx(float(contexts.values[0].norm()), rel=1e-5)


@few
def test_before_the_search_the_probability_is_the_plain_models(tiny):
    _, value = search(tiny, prefixes=())
    assert value.before == pytest.approx(target_probability(tiny), rel=1e-3)


@few
def test_the_found_probability_is_what_a_whole_pass_with_the_value_gives(tiny):
    _, value = search(tiny, prefixes=())
    at, ids, product = last_subject_token(tiny), prompt_ids(tiny), 1.0

    def add(output):
        shift = torch.zeros_like(output)
        shift[:, at] = value.delta
        return output + shift

    for token in target_ids(tiny):
        logits = tiny.logits(ids, {("mlp", 1): add})
        product *= float(tiny.probability(logits, token).detach())
        ids = torch.cat([ids, torch.tensor([[token]])], 1)
    assert value.probability == pytest.approx(product, rel=1e-3)


@few
def test_the_first_step_goes_against_the_gradient(tiny):
    """Adam's first step is the learning rate times the gradient's sign; other terms have none."""
    contexts, value = search(tiny, steps=1, learning_rate=0.01, confidence=1.0)
    delta = torch.zeros(32, requires_grad=True)
    said, _ = says(contexts, tiny.lm, delta)
    (gradient,) = torch.autograd.grad(-said.mean(), delta)
    clear = gradient.abs() > 1e-3
    assert int(clear.sum()) > 8
    assert torch.allclose(value.delta[clear], -0.01 * gradient.sign()[clear], rtol=1e-3)
    assert value.steps == 1


@few
@pytest.mark.parametrize("clamp", [0.05, 0.5])
def test_the_value_stays_inside_the_clamp_and_reaches_it(tiny, clamp):
    _, value = search(tiny, clamp=clamp, confidence=1.0)
    assert float(value.delta.norm()) == pytest.approx(clamp * value.value_norm, rel=1e-2)
    assert float(value.delta.norm()) <= clamp * value.value_norm * (1 + 1e-5)


@few
def test_the_search_stops_when_it_is_sure(tiny):
    _, whole = search(tiny, confidence=1.0)
    assert whole.steps == 25
    middle = (whole.before + whole.probability) / 2
    _, early = search(tiny, confidence=middle)
    assert 0 < early.steps < 25
    assert early.probability >= middle
    _, shorter = search(tiny, confidence=middle, steps=early.steps - 1)
    assert shorter.probability < middle
    _, sure = search(tiny, confidence=0.0)
    assert sure.steps == 0
    assert not sure.delta.any()


@both
def test_no_steps_find_nothing(tiny):
    _, value = search(tiny, steps=0)
    assert (value.steps, value.divergence) == (0, pytest.approx(0, abs=1e-6))
    assert not value.delta.any()
    assert value.probability == value.before


@both
def test_decay_keeps_the_value_small_and_divergence_keeps_the_essence(tiny):
    _, free = search(tiny, confidence=1.0, weight_decay=0.0, kl=0.0)
    _, small = search(tiny, confidence=1.0, weight_decay=100.0, kl=0.0)
    _, tame = search(tiny, confidence=1.0, weight_decay=0.0, kl=10.0)
    assert float(small.delta.norm()) < 0.7 * float(free.delta.norm())
    assert tame.divergence < 0.7 * free.divergence


@both
def test_the_search_changes_no_weight_and_repeats_itself(tiny):
    before = {name: p.clone() for name, p in tiny.model.named_parameters()}
    state = torch.get_rng_state()
    _, one = search(tiny)
    _, other = search(tiny)
    assert torch.equal(one.delta, other.delta)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(p, before[name]) for name, p in tiny.model.named_parameters())
    assert not any(p.requires_grad or p.grad is not None for p in tiny.model.parameters())


def test_a_loss_that_is_not_finite_is_an_error(llama):
    contexts = Contexts.make(llama.lm, [FACT], 1, ())
    broken = dataclasses.replace(contexts, values=contexts.values * torch.nan)
    with pytest.raises(ModelError, match="loss is not finite at layer 1"):
        search_value(llama.lm, broken, RomeSettings(layer=1))


# -------------------------------------------------------------------------------------- the write


def made_value(tiny, seed=0):
    return Value(
        key=normal(tiny.lm.sites.key_width, seed=seed),
        delta=normal(32, seed=seed + 1),
        probability=0.5,
        before=0.1,
        divergence=0.0,
        steps=1,
        value_norm=1.0,
    )


def moment_of(tiny):
    width = tiny.lm.sites.key_width
    keys = normal(8 * width, width, seed=7, dtype=torch.float64) * torch.linspace(0.3, 3, width)
    return SecondMoment(keys.T @ keys / len(keys), len(keys))


@few
@pytest.mark.parametrize("with_moment", [False, True])
def test_the_update_is_the_closed_form(tiny, with_moment):
    """Equation 2: W + Lambda (C^-1 k*)^T, Lambda = (v* - W k*) / ((C^-1 k*)^T k*)."""
    value, moment = made_value(tiny), moment_of(tiny) if with_moment else None
    edit = write_value(tiny.lm, 1, value, moment)
    name = f"{tiny.names.blocks}.1.{tiny.names.mlp}.weight"
    assert list(edit.updates) == [name]
    assert edit.method == "rome"
    assert not edit.dense
    parameter = tiny.model.get_parameter(name).double()
    W = parameter.T if tiny.names.transposed else parameter
    k, delta = value.key.double(), value.delta.double()
    C = torch.eye(len(k), dtype=torch.float64) if moment is None else moment.matrix
    u = torch.linalg.inv(C) @ k
    v = W @ k + delta
    expected = torch.outer((v - W @ k) / (u @ k), u)
    found = edit.deltas()[name].double()
    assert found.shape == parameter.shape
    found = found.T if tiny.names.transposed else found
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    assert torch.allclose((W + found) @ k, v, rtol=1e-4, atol=1e-4)
    assert int(torch.linalg.matrix_rank(found, rtol=1e-4)) == 1


@both
def test_the_second_moment_matters(tiny):
    value = made_value(tiny)
    (plain,) = write_value(tiny.lm, 1, value, None).deltas().values()
    (weighed,) = write_value(tiny.lm, 1, value, moment_of(tiny)).deltas().values()
    assert float((plain - weighed).norm()) > 0.1 * float(plain.norm())
    # Scaling all keys alike is no change of what to leave alone.
    eye = SecondMoment(3 * torch.eye(tiny.lm.sites.key_width, dtype=torch.float64), 9)
    (scaled,) = write_value(tiny.lm, 1, value, eye).deltas().values()
    assert torch.allclose(scaled, plain, rtol=1e-3, atol=1e-6)


@few
def test_the_edited_model_puts_out_the_value_at_the_subject(tiny):
    """What was searched as a shift of one output, a whole pass of the edited model computes."""
    layer, at, ids = 1, last_subject_token(tiny), prompt_ids(tiny)
    rome = Rome(tiny.lm, RomeSettings(layer=layer), moment_of(tiny), prefixes=())
    value, edit = rome.value(FACT), rome.edit(FACT)
    before = tiny.outputs(ids, [("mlp", layer)])["mlp", layer][0, at]
    likely = target_probability(tiny)
    with edit.applied(tiny.lm):
        after = tiny.outputs(ids, [("mlp", layer)])["mlp", layer][0, at]
        edited = target_probability(tiny)
    assert torch.allclose(after, before + value.delta, rtol=1e-4, atol=1e-3)
    assert edited > 3 * likely
    assert target_probability(tiny) == likely


def test_a_second_moment_of_other_keys_is_an_error(llama):
    moment = SecondMoment(torch.eye(5, dtype=torch.float64), 5)
    with pytest.raises(MemoryShapeError, match="keys with 5 features, not 48"):
        write_value(llama.lm, 1, made_value(llama), moment)


def test_a_key_of_nothing_is_an_error(llama):
    value = dataclasses.replace(made_value(llama), key=torch.zeros(48))
    with pytest.raises(MemoryShapeError, match="key is zero"):
        write_value(llama.lm, 1, value, None)


# ----------------------------------------------------------------------------------------- editor


@both
def test_an_edit_says_how_it_was_made(tiny):
    called = []
    moment = moment_of(tiny)
    rome = Rome(tiny.lm, RomeSettings(layer=2, steps=3), moment, PREFIXES)
    before = {name: p.clone() for name, p in tiny.model.named_parameters()}
    edit = rome.edit(FACT, progress=lambda: called.append(True))
    # Each step, the pass that judges the last one, and the end.
    assert len(called) == 3 + 2
    assert all(torch.equal(p, before[name]) for name, p in tiny.model.named_parameters())
    assert edit.settings["layer"] == 2
    assert edit.settings["steps"] == 3
    assert edit.settings["second_moment_tokens"] == moment.count
    value = rome.value(FACT)
    told = edit.diagnostics
    assert told["steps"] == value.steps
    assert told["probability_before"] == pytest.approx(value.before)
    assert told["probability_after"] == pytest.approx(value.probability)
    assert told["divergence"] == pytest.approx(value.divergence, abs=1e-6)
    assert told["relative_value_change"] == pytest.approx(
        float(value.delta.norm()) / value.value_norm
    )
    assert told["seconds"] > 0
    json.dumps([edit.settings, told])
    expected = write_value(tiny.lm, 2, value, moment)
    for name, delta in expected.deltas().items():
        assert torch.equal(edit.deltas()[name], delta)


@both
def test_prefixes_come_from_the_model_and_the_seed(tiny):
    settings = RomeSettings(prefix_lengths=(2, 3), prefixes_each=2, seed=5)
    rome = Rome(tiny.lm, settings)
    assert len(rome.prefixes) == 4
    assert Rome(tiny.lm, settings).prefixes == rome.prefixes
    assert Rome(tiny.lm, dataclasses.replace(settings, seed=6)).prefixes != rome.prefixes
    assert Rome(tiny.lm, prefixes=["a "]).prefixes == ("a ",)


def test_the_default_layer_is_a_tenth_of_the_way_up(llama):
    assert RomeSettings().layer_for(llama.lm) == 0
    assert RomeSettings(layer=2).layer_for(llama.lm) == 2


def test_a_layer_that_is_not_there_is_an_error(llama):
    with pytest.raises(ModelError, match="layers 0 to 2, not 9"):
        Rome(llama.lm, RomeSettings(layer=9), prefixes=())


def test_a_fact_without_a_new_target_is_an_error(llama):
    with pytest.raises(FactError, match="nothing to write"):
        Rome(llama.lm, prefixes=()).edit(Fact("Rome", "{} is in", "Italy"))


@pytest.mark.real
def test_the_real_model_moves_the_tower_to_rome(real):
    fact = Fact("Eiffel Tower", "The {} is in the city of", "Paris", "Rome")
    rome = Rome(real, prefixes=("The day began well. ",))
    assert rome.layer == 3
    paris, there = (real.tokenizer(f" {city}")["input_ids"][0] for city in ("Paris", "Rome"))

    @torch.no_grad()
    def probabilities():
        logits = real.model(input_ids=real.encode(fact.text)).logits[0, -1]
        return logits.softmax(-1)[[paris, there]].tolist()

    before = probabilities()
    edit = rome.edit(fact)
    with edit.applied(real):
        after = probabilities()
    assert before[0] > before[1]
    assert after[1] > after[0]
    assert after[1] > 0.5
    assert probabilities() == before
