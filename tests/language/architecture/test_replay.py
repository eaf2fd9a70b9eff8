"""Rows replayed from the middle against whole plain passes in which hooks do the same."""

from contextlib import contextmanager

import pytest
import torch
import transformers as hf
from hypothesis import given, settings
from hypothesis import strategies as st

from unfrozen.errors import ModelError
from unfrozen.language.architecture.replay import Joining, KeyValues, reading, resume
from unfrozen.language.model import LanguageModel

IDS = torch.tensor(
    [
        [5, 250, 17, 80, 111, 299, 3, 42, 201, 64],
        [9, 8, 7, 6, 250, 260, 270, 280, 33, 91],
    ]
)
TIME = IDS.shape[1]


def close(a, b):
    return torch.allclose(a, b, rtol=1e-5, atol=2e-5)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@contextmanager
def entering(block, t, state):
    """Put a state in place of what enters a block from position t on."""

    def hook(module, args, kwargs):
        old = args[0] if args else kwargs["hidden_states"]
        new = torch.cat([old[:, :t], state], 1)
        return ((new, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": new})

    handle = block.register_forward_pre_hook(hook, with_kwargs=True)
    yield
    handle.remove()


def whole_pass(tiny, ids, t, layer, state, scales):
    """Logits of one row whose state entering a block is replaced, with writers scaled after it."""
    changes = {}
    for (role, j), scale in scales.items():
        if j >= layer:
            changes[role, j] = lambda x, scale=scale: torch.cat([x[:, :t], x[:, t:] * scale], 1)
    if layer == 3:
        changes["state", 2] = lambda x: torch.cat([x[:, :t], state], 1)
        return tiny.logits(ids, changes)
    with entering(tiny.module("state", layer), t, state):
        return tiny.logits(ids, changes)


@torch.no_grad()
def check(tiny, t, rows, patched, seed=0):
    """Rows (layer, sample) joined together, each with its own scale of the patched outputs."""
    prefix = tiny.lm.run(IDS, keep_cache=True).cache.before(t)
    rows = sorted(rows, key=lambda row: row[0])
    states = normal(len(rows), TIME - t, 32, seed=seed)
    scale = 1 + normal(len(rows), seed=seed + 1)
    joins = {}
    for layer in {layer for layer, _ in rows}:
        mine = [i for i, row in enumerate(rows) if row[0] == layer]
        joins[layer] = Joining(states[mine], torch.tensor([rows[i][1] for i in mine]))
    patches = {"mlp": {}, "attention": {}}
    for role, j in patched:
        patches[role][j] = lambda x: x * scale[: x.shape[0], None, None]
    read = torch.arange(TIME - t).expand(len(rows), -1)
    logits = tiny.lm.replay(joins, prefix, read=read, **patches)
    last = tiny.lm.replay(joins, prefix, **patches)
    assert logits.shape == (len(rows), TIME - t, 300)
    for i, (layer, sample) in enumerate(rows):
        scales = dict.fromkeys(patched, scale[i])
        expected = whole_pass(tiny, IDS[sample][None], t, layer, states[i][None], scales)
        assert close(logits[i], expected[0, t:]), (layer, sample)
        assert close(last[i, 0], expected[0, -1]), (layer, sample)


@pytest.mark.parametrize("t", [0, 3, TIME - 1])
def test_rows_that_join_at_every_layer_are_as_in_whole_passes(tiny, t):
    rows = [(0, 0), (0, 1), (1, 1), (2, 0), (2, 1), (3, 0)]
    check(tiny, t, rows, [("mlp", 0), ("attention", 1), ("mlp", 2), ("attention", 2)])


@pytest.mark.parametrize("tiny", ["gpt2", "gpt-neox", "llama", "gemma2"], indirect=True)
@settings(max_examples=12)
@given(
    t=st.integers(0, TIME - 1),
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), min_size=1, max_size=6),
    patched=st.sets(st.tuples(st.sampled_from(["mlp", "attention"]), st.integers(0, 2))),
    seed=st.integers(0, 99),
)
def test_any_rows_from_anywhere_with_any_patches(tiny, t, rows, patched, seed):
    check(tiny, t, rows, patched, seed)


@pytest.mark.parametrize(
    "tiny",
    ["gpt2", "gpt-neox", "gpt-j", "opt", "llama", "mistral", "gemma2", "gemma3", "phi", "olmo2"],
    indirect=True,
)
@torch.no_grad()
def test_rows_with_prefixes_of_unlike_lengths_are_as_if_alone(tiny):
    """Row i is replayed from its own position, with a mask over what stands before it."""
    lengths, starts, layer, time = (TIME, 7), (5, 2), 1, 5
    rows = [IDS[i, :n] for i, n in enumerate(lengths)]
    run = tiny.lm.run(IDS, keep=("state",), keep_cache=True)
    prefix = run.cache.before(max(starts))
    before = torch.tensor([[p < s for p in range(max(starts))] for s in starts])
    seen = torch.cat(
        [
            before[:, None, :].expand(-1, time, -1),
            torch.ones(time, time).tril().bool().expand(2, -1, -1),
        ],
        2,
    )
    mask = torch.where(seen, 0.0, torch.finfo(torch.float32).min)[:, None]
    states = torch.stack([run.state_before(layer)[i, s : s + time] for i, s in enumerate(starts)])
    shift = normal(32, seed=4)

    def add(output):
        first = torch.zeros_like(output)
        first[:, 0] = shift
        return output + first

    logits = tiny.lm.replay(
        {layer: Joining(states, torch.arange(2))},
        prefix,
        position_ids=torch.tensor(starts)[:, None] + torch.arange(time),
        attention_mask=mask,
        mlp={layer: add},
        read=torch.arange(time).expand(2, -1),
    )
    for i, (row, start) in enumerate(zip(rows, starts, strict=True)):

        def add_there(output, start=start):
            output = output.clone()
            output[:, start] += shift
            return output

        expected = tiny.logits(row[None], {("mlp", layer): add_there})[0, start : start + time]
        assert close(logits[i, : len(expected)], expected)
        # The shift is seen at all.
        assert not close(expected, tiny.logits(row[None])[0, start : start + time])


# -------------------------------------------------------------------------------- what it leaves


def forwards(tiny):
    return [m for m in tiny.model.modules() if "forward" in vars(m)]


def hook_counts(tiny):
    return [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in tiny.model.modules()]


@pytest.mark.parametrize("tiny", ["gpt2", "llama"], indirect=True)
@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_as_it_was(tiny, fails):
    run = tiny.lm.run(IDS, keep=("state",), keep_cache=True)
    before = hook_counts(tiny)

    def patch(output):
        if fails:
            raise KeyError("in a patch")
        return output

    try:
        joins = {2: Joining(run.state_before(2)[:, 4:], torch.arange(2))}
        tiny.lm.replay(joins, run.cache.before(4), mlp={2: patch})
    except KeyError:
        assert fails
    assert hook_counts(tiny) == before
    assert forwards(tiny) == []
    assert torch.equal(tiny.lm.run(IDS).logits, run.logits)


def test_blocks_below_the_first_row_are_not_run(llama):
    run = llama.lm.run(IDS, keep=("state",), keep_cache=True)
    ran = []
    handles = [
        llama.module("mlp", j).register_forward_hook(lambda m, a, o, j=j: ran.append((j, len(o))))
        for j in range(3)
    ]
    joins = {
        1: Joining(run.state_before(1)[:1, 4:], torch.tensor([0])),
        2: Joining(run.state_before(2)[:, 4:], torch.arange(2)),
    }
    llama.lm.replay(joins, run.cache.before(4))
    for handle in handles:
        handle.remove()
    # And no row is run before it joins.
    assert ran == [(1, 1), (2, 3)]


def test_one_prefix_serves_every_pass(llama):
    run = llama.lm.run(IDS, keep=("state",), keep_cache=True)
    prefix = run.cache.before(4)
    kept = [k.clone() for k in (*prefix.keys, *prefix.values)]
    joins = {1: Joining(run.state_before(1)[:, 4:], torch.arange(2))}
    first = llama.lm.replay(joins, prefix)
    assert torch.equal(llama.lm.replay(joins, prefix), first)
    assert all(torch.equal(a, b) for a, b in zip((*prefix.keys, *prefix.values), kept, strict=True))


def test_gradients_reach_what_a_patch_adds(llama):
    """Against differences of whole passes."""
    run = llama.lm.run(IDS[:1], keep=("state",), keep_cache=True)
    joins = {1: Joining(run.state_before(1)[:, 4:], torch.tensor([0]))}
    delta = torch.zeros(32, requires_grad=True)
    logits = llama.lm.replay(joins, run.cache.before(4), mlp={1: lambda x: x + delta})
    (gradient,) = torch.autograd.grad(logits[0, -1, 7], delta)
    direction = normal(32, seed=3)

    @torch.no_grad()
    def at(step):
        def add(x):
            return torch.cat([x[:, :4], x[:, 4:] + step * direction], 1)

        return float(llama.logits(IDS[:1], {("mlp", 1): add})[0, -1, 7])

    slope = (at(1e-2) - at(-1e-2)) / 2e-2
    assert float(gradient @ direction) == pytest.approx(slope, rel=1e-2, abs=1e-3)


# ---------------------------------------------------------------------------------------- errors


def test_a_replay_of_nothing_is_an_error(llama):
    prefix = llama.lm.run(IDS, keep_cache=True).cache
    with pytest.raises(ModelError, match="needs rows"):
        llama.lm.replay({}, prefix)


@pytest.mark.parametrize("cache", [None, object()])
def test_a_cache_without_keys_and_values_is_an_error(cache):
    with pytest.raises(ModelError, match="keeps no attention keys and values"):
        KeyValues.of(cache)


def test_reading_copies_no_strides():
    state = normal(2, 5, 3)
    (last,) = reading(None)(torch.nn.Identity(), (state,))
    assert last.is_contiguous()
    assert torch.equal(last, state[:, 4:])
    at = torch.tensor([[1, 3], [0, 0]])
    (read,) = reading(at)(torch.nn.Identity(), (state,))
    assert torch.equal(read, torch.stack([state[0, [1, 3]], state[1, [0, 0]]]))


@pytest.mark.parametrize(
    "config", [hf.MistralConfig, hf.Gemma2Config, hf.Gemma3TextConfig], ids=lambda c: c.model_type
)
def test_prompts_longer_than_a_sliding_window(config, make_model, tokenizer):
    grouped = {"num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}
    width = {"hidden_size": 32, "intermediate_size": 48, "head_dim": 8, "vocab_size": 97}
    tokens = {"bos_token_id": 0, "eos_token_id": None, "pad_token_id": None}
    lm = LanguageModel(
        make_model(config(sliding_window=4, **grouped, **width, **tokens)), tokenizer, "windowed"
    )
    ids = torch.randint(0, 97, (2, 20), generator=torch.Generator().manual_seed(0))
    run = lm.run(ids, keep=("state",), keep_cache=True)
    assert run.cache is not None
    with torch.no_grad():
        expected = lm.model(input_ids=ids, use_cache=False).logits[:, -1]
        for t in (2, 9, 15):
            joins = {1: Joining(run.state_before(1)[:, t:], torch.arange(2))}
            found = lm.replay(joins, run.cache.before(t))[:, -1]
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_rows_that_go_on_from_a_run_are_as_whole_passes(tiny):
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(5, 250, (3, 9), generator=generator)
    more = torch.randint(5, 250, (5, 4), generator=generator)
    samples = torch.tensor([2, 0, 2, 1, 0])
    prefix = tiny.lm.run(ids, keep_cache=True).cache
    kept = [k.clone() for k in prefix.keys]
    found = resume(tiny.model, tiny.lm.sites, more, prefix, samples)
    with torch.no_grad():
        whole = tiny.model(input_ids=torch.cat([ids[samples], more], 1), use_cache=False).logits
    assert close(found[:, -1], whole[:, -1])
    read = torch.tensor([[0, 3], [1, 1], [2, 0], [3, 2], [0, 1]])
    found = resume(tiny.model, tiny.lm.sites, more, prefix, samples, read)
    assert close(found, whole[torch.arange(5)[:, None], 9 + read])
    assert all(torch.equal(a, b) for a, b in zip(prefix.keys, kept, strict=True))
