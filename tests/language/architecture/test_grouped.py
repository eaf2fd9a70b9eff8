"""Grouped attention against torch's own, and models that use it against themselves."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from unfrozen.language.architecture.grouped import NAME, grouped_attention, use_grouped
from unfrozen.language.editing.search import copy_for_search


@given(
    *(st.integers(1, n) for n in (3, 3, 3, 5, 6)),
    st.sampled_from([None, "bool", "float"]),
    st.integers(0, 99),
)
def test_it_reads_what_attention_reads(rows, shared, group, time, before, kind, seed):
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(rows, shared * group, time, 8, generator=generator, requires_grad=True)
    key = torch.randn(rows, shared, before + time, 8, generator=generator, requires_grad=True)
    value = torch.randn(rows, shared, before + time, 4, generator=generator, requires_grad=True)
    # Each query sees what stands before it; some places before are hidden from some rows.
    seen = torch.ones(time, before + time, dtype=torch.bool).tril(before).expand(rows, 1, -1, -1)
    if kind is not None:
        hidden = torch.rand(rows, 1, 1, before, generator=generator) < 0.5
        seen = seen & ~torch.cat([hidden, hidden.new_zeros(rows, 1, 1, time)], 3)
    added = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
    mask = {"bool": seen, "float": added, None: None}[kind]
    found = grouped_attention(query, key, value, mask, 0.3)
    expected = scaled_dot_product_attention(query, key, value, seen, scale=0.3, enable_gqa=True)
    assert found.shape == (rows, time, shared * group, 4)
    assert torch.allclose(found, expected.transpose(1, 2), atol=1e-5)
    direction = torch.randn(found.shape, generator=generator)
    inputs = (query, key, value)
    ours = torch.autograd.grad((found * direction).sum(), inputs)
    theirs = torch.autograd.grad((expected.transpose(1, 2) * direction).sum(), inputs)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.usefixtures("unchecked")
@torch.no_grad()
def test_a_model_that_uses_it_says_what_it_said(tiny):
    ids = torch.tensor([[5, 250, 17, 80, 111, 299], [9, 8, 7, 6, 250, 260]])
    mask = torch.tensor([[0, 0, 1, 1, 1, 1], [1] * 6])
    copy = copy_for_search(tiny.lm, tiny.lm.dtype)
    assert copy.model.config._attn_implementation in (NAME, "eager")
    for settings in ({}, {"attention_mask": mask}):
        expected = tiny.model(input_ids=ids, **settings).logits
        found = copy.model(input_ids=ids, **settings).logits
        assert torch.allclose(found[:, 2:], expected[:, 2:], atol=1e-4)


def test_a_copy_for_the_search_shares_the_weights_and_leaves_the_model_as_it_is(llama):
    before = llama.model.config._attn_implementation
    copy = copy_for_search(llama.lm, torch.float32)
    half = copy_for_search(llama.lm, torch.bfloat16)
    assert copy.model.config._attn_implementation == NAME
    assert llama.model.config._attn_implementation == before != NAME
    assert (
        copy.down_projection(0).weight.data_ptr() == llama.lm.down_projection(0).weight.data_ptr()
    )
    assert half.dtype == torch.bfloat16
    assert llama.lm.dtype == torch.float32
    assert not use_grouped(copy.model)
