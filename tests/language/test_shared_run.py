"""Rows that begin alike, run once, against each row run by itself."""

import pytest
import torch
import transformers as hf
from hypothesis import given
from hypothesis import strategies as st

from unfrozen.errors import ModelError
from unfrozen.language.editing.prompts import pad
from unfrozen.language.model import LanguageModel
from unfrozen.language.shared_run import TokenTree, run_shared

OPENING = [7, 250, 17, 80]
ROWS = [
    [*OPENING, 111, 299],
    [*OPENING, 111, 3, 42, 201],
    [*OPENING],
    [*OPENING, 111, 299],
    [9, 250, 17, 80, 111, 299, 5],
    [7, 250, 18, 80, 111],
]


def shared(lm, rows=ROWS, **settings):
    lengths = torch.tensor([len(row) for row in rows])
    chosen = {"keep": ("state", "key"), "keep_layers": {0, 2}, **settings}
    return run_shared(lm, pad(rows), lengths, **chosen)


def tokens_run(lm, rows):
    """How many tokens pass through the first block."""
    passed = []
    block = lm.sites.blocks[0].block
    handle = block.register_forward_pre_hook(
        lambda _, args, kwargs: passed.append((args[0] if args else kwargs["hidden_states"]).shape),
        with_kwargs=True,
    )
    try:
        shared(lm, rows)
    finally:
        handle.remove()
    return sum(shape[0] * shape[1] for shape in passed)


@pytest.mark.usefixtures("unchecked")
@torch.no_grad()
def test_each_row_holds_what_it_holds_by_itself(tiny):
    run = shared(tiny.lm, keep_cache=True)
    ends = torch.tensor([len(row) for row in ROWS])
    cache = run.prefix(torch.arange(len(ROWS)), ends)
    for number, row in enumerate(ROWS):
        alone = tiny.lm.run(torch.tensor([row]), keep=("state", "key"), keep_cache=True)
        nodes = run.places[number, : len(row)]
        for role in ("state", "key"):
            for layer in (0, 2):
                found, expected = run.kept[role][layer][nodes], alone.kept[role][layer][0]
                assert torch.allclose(found, expected, atol=2e-5), (row, role, layer)
        assert torch.allclose(run.state_before(0)[nodes], alone.entering[0], atol=1e-6)
        assert (run.places[number, len(row) :] == nodes[-1]).all()
        for kept, own in ((cache.keys, alone.cache.keys), (cache.values, alone.cache.values)):
            for layer in range(3):
                assert torch.allclose(kept[layer][number, :, -len(row) :], own[layer][0], atol=2e-5)


def test_what_rows_share_is_run_once(llama):
    distinct = {tuple(row[: n + 1]) for row in ROWS for n in range(len(row))}
    longest = max(map(len, ROWS))
    # The longest row is run by itself as well, to see that the tree is true.
    assert tokens_run(llama.lm, ROWS) == len(distinct) + longest
    unlike = [[n, 5, 6] for n in range(10, 20)]
    assert tokens_run(llama.lm, unlike) == 30


@torch.no_grad()
def test_a_window_that_a_row_does_not_fit_in_is_kept(make_model, tokenizer):
    config = hf.MistralConfig(
        hidden_size=32, intermediate_size=48, num_attention_heads=4, num_key_value_heads=2,
        num_hidden_layers=3, vocab_size=300, sliding_window=6,
    )  # fmt: skip
    lm = LanguageModel(make_model(config), tokenizer)
    run = shared(lm)
    for number, row in enumerate(ROWS):
        alone = lm.run(torch.tensor([row]), keep=("state",)).kept["state"][2][0]
        assert torch.allclose(
            run.kept["state"][2][run.places[number, : len(row)]], alone, atol=2e-5
        )


def test_a_row_that_is_too_long_is_an_error(llama):
    longest = llama.model.config.max_position_embeddings
    with pytest.raises(ModelError, match="shorten it"):
        shared(llama.lm, [[5] * (longest + 1)])


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=5), min_size=1, max_size=8))
def test_a_tree_holds_each_row_and_sees_its_ancestors_only(rows):
    tree = TokenTree.of(rows)
    visible = tree.visible()
    distinct = {tuple(row[: n + 1]) for row in rows for n in range(len(row))}
    assert len(tree.ids) == len(distinct)
    for row, places in zip(rows, tree.places.tolist(), strict=True):
        path = places[: len(row)]
        assert tree.ids[path].tolist() == row
        assert tree.depth[path].tolist() == list(range(len(row)))
        assert visible[path[-1]].nonzero()[:, 0].tolist() == sorted(path)
