"""MEMIT against its equations, computed from whole plain passes and numpy's solver."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from unfrozen.errors import FactError, ModelError
from unfrozen.language.editing.batch import (
    Memit,
    MemitSettings,
    NullSpaceSolver,
    PreservingSolver,
    RegularisedSolver,
)
from unfrozen.language.facts import Fact
from unfrozen.memory import SecondMoment

PREFIXES = ("In the city. ", "Mount Etna is old, we said. ")
FACTS = [
    Fact("Eiffel Tower", "In the {}", "Paris", "Rome Italy"),
    Fact("Mount Etna", "In Paris, we said that the {} is old and in", "Italy", "Paris"),
    Fact("He", "{} said we came to the", "city", "old tower in Rome"),
    Fact("Rome", "The capital {} is in", "Italy", "France"),
]
few = pytest.mark.parametrize("tiny", ["gpt2", "llama", "gemma2"], indirect=True)
# Where what an MLP puts out is added to the residual stream as it is.
linear = pytest.mark.parametrize("tiny", ["gpt2", "llama"], indirect=True)
LAYERS = (0, 1, 2)


def moments(tiny, layers=LAYERS):
    width = tiny.lm.sites.key_width
    found = {}
    for layer in layers:
        rows = torch.randn(
            3 * width, width, generator=torch.Generator().manual_seed(layer)
        ).double()
        found[layer] = SecondMoment(rows.T @ rows / len(rows), len(rows))
    return found


def memit(tiny, layers=LAYERS, second_moments=None, **settings):
    settings = {"confidence": 0.9, "clamp": 3.0, "steps": 15, **settings}
    made = MemitSettings(layers=layers, **settings)
    return Memit(tiny.lm, made, second_moments or moments(tiny, layers), PREFIXES)


def place(tiny, template, subject):
    """Ids of a prompt and the position of its subject's last token, by characters."""
    text = template.replace("{}", subject)
    end = template.index("{}") + len(subject)
    encoded = tiny.lm.tokenizer(text, return_offsets_mapping=True)
    at = max(i for i, (a, b) in enumerate(encoded["offset_mapping"]) if a < end <= b)
    return torch.tensor([encoded["input_ids"]]), at


def state_of(tiny, fact, layer):
    ids, at = place(tiny, fact.prompt, fact.subject)
    return tiny.outputs(ids, [("state", layer)])["state", layer][0, at]


@torch.no_grad()
def key_of(tiny, fact, layer):
    """Half the plain prompt's, half the mean of the prefixed ones."""
    keys = []
    for prefix in ("", *PREFIXES):
        ids, at = place(tiny, prefix + fact.prompt, fact.subject)
        seen = []
        handle = tiny.module("mlp", layer).register_forward_pre_hook(lambda m, a: seen.append(a[0]))  # noqa: B023
        tiny.logits(ids)
        handle.remove()
        keys.append(seen[0].reshape(ids.shape[1], -1)[at])
    return keys[0] / 2 + (keys[1] + keys[2]) / 4


def weight_of(tiny, layer):
    memory = tiny.lm.down_projection(layer)
    return memory.parameter_name, memory.weight.detach().double().numpy().copy()


@few
def test_values_are_spread_over_the_layers_as_published(tiny):
    editor = memit(tiny, solver=RegularisedSolver(5.0))
    values = editor.values(FACTS)
    edit = editor.write(FACTS, values.target)
    before = {n: p.clone() for n, p in tiny.model.named_parameters()}
    expected = {}
    for done, layer in enumerate(LAYERS):
        with tiny.lm.edited(expected):
            keys = np.stack([key_of(tiny, f, layer).double().numpy() for f in FACTS], 1)
            now = np.stack([state_of(tiny, f, LAYERS[-1]).double().numpy() for f in FACTS], 1)
        residual = (values.target.double().numpy().T - now) / (len(LAYERS) - done)
        c = editor.second_moments[layer].regularised.numpy()
        change = residual @ keys.T @ np.linalg.inv(5.0 * c + keys @ keys.T)
        name, _ = weight_of(tiny, layer)
        transposed = tiny.lm.down_projection(layer).transposed
        expected[name] = torch.tensor(change.T if transposed else change).float()
    assert set(edit.updates) == set(expected)
    for name, change in expected.items():
        found = edit.updates[name].dense()
        assert torch.allclose(found, change, atol=2e-3 * float(change.abs().max()))
    assert all(torch.equal(p, before[n]) for n, p in tiny.model.named_parameters())


@linear
def test_states_are_reached_when_the_prior_is_weak(tiny):
    editor = memit(tiny, (1,), solver=RegularisedSolver(1e-6))
    # Without prefixes, since a key that is a mean over contexts is nobody's own.
    editor = Memit(tiny.lm, editor.settings, editor.second_moments, ())
    edit = editor.edit(FACTS)
    with edit.applied(tiny.lm):
        for i, fact in enumerate(FACTS):
            gap = state_of(tiny, fact, 1) - edit.targets[i]
            assert float(gap.norm()) < 0.01 * edit.each[i]["value_change"]
    assert all(e["missing"] < 0.01 * e["value_change"] for e in edit.each)
    assert all(e["probability_found"] > e["probability_before"] for e in edit.each)


@linear
def test_batches_after_one_another_are_one_batch(tiny):
    """Recursive least squares: at one layer no write moves the keys of another."""
    solver = PreservingSolver(strength=2.0, norm=0.0)
    editor = memit(tiny, (1,), solver=solver)
    editor = Memit(tiny.lm, editor.settings, editor.second_moments, ())
    values = editor.values(FACTS)
    whole = editor.write(FACTS, values.target)
    first = editor.write(FACTS[:2], values.target[:2])
    with first.applied(tiny.lm):
        second = editor.write(FACTS[2:], values.target[2:], first.keys)
    (name,) = whole.updates
    both = first.updates[name].dense() + second.updates[name].dense()
    expected = whole.updates[name].dense()
    assert torch.allclose(both, expected, atol=1e-3 * float(expected.abs().max()))


@few
def test_keys_of_earlier_batches_keep_their_values(tiny):
    for solver in (PreservingSolver(1e-3, norm=1e-6), NullSpaceSolver(energy=0.05, ridge=1e-3)):
        editor = memit(tiny, (1,), solver=solver)
        first = editor.edit(FACTS[:2])
        with first.applied(tiny.lm):
            free = editor.edit(FACTS[2:])
            spared = editor.edit(FACTS[2:], first.keys)
        (name,) = first.updates
        transposed = tiny.lm.down_projection(1).transposed
        moved = []
        for edit in (free, spared):
            change = edit.updates[name].dense()
            moved.append(float((first.keys[1] @ (change if transposed else change.T)).norm()))
        assert moved[1] < 0.2 * moved[0]


@few
def test_a_write_in_the_null_space_moves_other_keys_less(tiny):
    values = memit(tiny, (1,)).values(FACTS)
    width = tiny.lm.sites.key_width
    generator = torch.Generator().manual_seed(0)
    rows = (torch.randn(200, width // 2, generator=generator)).double()
    rows = rows @ torch.randn(width // 2, width, generator=generator).double()
    moment = {1: SecondMoment(rows.T @ rows / 200, 200)}
    moved = []
    for solver, known in ((NullSpaceSolver(1.0, 1e-2), moment), (RegularisedSolver(1.0), None)):
        editor = memit(tiny, (1,), moment, solver=solver)
        editor = Memit(tiny.lm, editor.settings, known, PREFIXES)
        (update,) = editor.write(FACTS, values.target).updates.values()
        change = update.dense().double()
        change = change.T if tiny.lm.down_projection(1).transposed else change
        moved.append(float((change @ rows.T).norm() / change.norm()))
    assert moved[0] < 1e-3 * moved[1]


def test_anchored_values_have_the_norm_of_unedited_states(llama):
    editor = memit(llama, anchor=True)
    assert torch.allclose(
        editor.values(FACTS).target.norm(dim=1), editor.values(FACTS).start.norm(dim=1).mean()
    )
    told = Memit(llama.lm, editor.settings, None, PREFIXES, reference=2.5)
    assert torch.allclose(told.values(FACTS).target.norm(dim=1), torch.tensor(2.5))
    states = torch.stack([state_of(llama, f, LAYERS[-1]) for f in FACTS])
    assert editor.reference_norm(FACTS) == pytest.approx(float(states.norm(dim=1).mean()), rel=1e-4)


@pytest.fixture
def threads():
    """A function that gives torch so many threads; afterwards it has as many as before."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("cores", [1, 3])
@pytest.mark.parametrize("piece", [2, 50])
@pytest.mark.parametrize("tokens", [1, 60])
def test_a_large_batch_is_searched_in_parts_and_told_of(
    llama, monkeypatch, threads, cores, piece, tokens
):
    editor = memit(llama)
    whole = editor.values(FACTS)
    monkeypatch.setattr("unfrozen.language.editing.batch.memit._SEARCH_TOKENS", tokens)
    monkeypatch.setattr("unfrozen.language.editing.batch.memit._PIECE", piece)
    threads(cores)
    assert len(editor._pieces(FACTS)) == -(-len(FACTS) // piece)
    told = []
    parts = editor.values(FACTS, lambda *news: told.append(news))
    assert torch.allclose(parts.delta, whole.delta, atol=2e-2 * float(whole.delta.abs().max()))
    assert told[-1] == ("Searching values", 4, 4)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert torch.get_num_threads() == cores


def test_a_piece_that_fails_ends_the_others_and_says_why(llama, monkeypatch, threads):
    editor = memit(llama)
    monkeypatch.setattr("unfrozen.language.editing.batch.memit._PIECE", 1)
    threads(2)
    ended, search = [], Memit.search

    def failing(self, lm, facts, told):
        if facts[0] == FACTS[0]:
            raise ModelError("the loss is not finite")
        try:
            while True:
                told(0)
                time.sleep(0.01)
        except BaseException as error:
            ended.append(type(error).__name__)
            raise

    monkeypatch.setattr(Memit, "search", failing)
    monkeypatch.setattr(Memit, "_pieces", lambda self, facts: [[i] for i in range(len(facts))])
    before = threading.active_count()
    with pytest.raises(ModelError, match="not finite"):
        # The last pieces are begun first, of which one would go on for ever.
        editor.values([FACTS[i] for i in (1, 2, 0, 3)])
    assert ended in ([], ["CancelledError"])
    assert threading.active_count() == before
    monkeypatch.setattr(Memit, "search", search)
    assert editor.values(FACTS[:1]).delta.shape[0] == 1


@pytest.mark.usefixtures("unchecked")
def test_the_default_layers_lie_where_published_ranges_do(llama):
    class Deep:
        n_layers = 48

        def layer(self, layer):
            return layer

    assert MemitSettings().layers_for(Deep()) == tuple(range(5, 12))
    assert MemitSettings().layers_for(llama.lm) == (0,)


def test_what_cannot_be_written_is_an_error(llama):
    with pytest.raises(FactError, match="no facts to write"):
        memit(llama).values([])
    with pytest.raises(FactError, match="nothing to write for 'Rome'"):
        memit(llama).edit([Fact("Rome", "{} is in")])
    with pytest.raises(ModelError, match="in a row"):
        memit(llama, (0, 2))
    with pytest.raises(ModelError, match="layers 0 to 2, not 3"):
        memit(llama, (2, 3))
    with pytest.raises(ModelError, match="no second moment of the keys of layer 2"):
        Memit(llama.lm, MemitSettings(layers=(1, 2)), moments(llama, (1,)), PREFIXES)
    lonely = Memit(llama.lm, MemitSettings(layers=(1,), solver=NullSpaceSolver()), None, PREFIXES)
    with pytest.raises(ModelError, match="needs the second moment"):
        lonely.edit(FACTS[:1])


def test_an_edit_tells_how_it_was_made(llama):
    edit = memit(llama, seed=3).edit(FACTS)
    assert edit.settings["layers"] == [0, 1, 2]
    assert edit.settings["solver"] == {"name": "RegularisedSolver", "strength": 15_000.0}
    assert edit.settings["second_moment_tokens"] == 3 * llama.lm.sites.key_width
    assert len(edit.each) == 4
    assert len(edit.diagnostics["missing"]) == 4
    assert replace(edit, keys={}).updates == edit.updates
