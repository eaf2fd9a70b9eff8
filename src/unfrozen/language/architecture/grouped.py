"""Attention of a few queries to many kept keys, where several heads of queries share one of keys.

The fused attention of a CPU has a slow gradient in half precision, and the plain one first copies
keys and values for every head of queries.  Here the queries that share keys stand in one matrix.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "unfrozen_grouped"
"""Under which name transformers knows it."""


def grouped_attention(
    query: Float[Tensor, "row head time feature"],
    key: Float[Tensor, "row key_head all_time feature"],
    value: Float[Tensor, "row key_head all_time value_feature"],
    mask: Bool[Tensor, "row one time all_time"] | Float[Tensor, "row one time all_time"] | None,
    scale: float,
) -> Float[Tensor, "row time head value_feature"]:
    """Scaled dot-product attention (Vaswani et al. 2017) whose heads share keys in groups.

    Args:
        query: heads that share a head of keys stand side by side.
        key: of all places, those before the queries too.
        value: likewise.
        mask: true where a query sees a key, or what is added to the scores; without one a query
            sees what stands before it, the last query the last key.
        scale: of the scores.

    Returns:
        What is read, heads behind times.
    """
    rows, heads, time, width = query.shape
    shared, places = key.shape[1], key.shape[2]
    group = heads // shared
    packed = (query * scale).reshape(rows, shared, group * time, width)
    scores = (packed @ key.transpose(2, 3)).view(rows, shared, group, time, places)
    if mask is None and time > 1:
        mask = torch.ones(time, places, dtype=torch.bool, device=query.device)
        mask = mask.tril(places - time)[None, None]
    if mask is not None and mask.dtype == torch.bool:
        # A query that sees nothing (a padded one) reads something finite.
        scores = scores.masked_fill(~mask[:, :, None], torch.finfo(scores.dtype).min)
    elif mask is not None:
        scores = scores + mask[:, :, None].to(scores.dtype)
    share = scores.softmax(-1).view(rows, shared, group * time, places)
    read = (share @ value).view(rows, heads, time, value.shape[-1])
    return read.transpose(1, 2).contiguous()


def use_grouped(model: PreTrainedModel) -> bool:
    """Let a model attend so, if it leaves its attention to others and has one mask for all heads.

    Args:
        model: it is changed; what it computes is not.

    Returns:
        Whether it does so now.
    """
    if model.config._attn_implementation != "sdpa":
        return False
    model.set_attn_implementation(NAME)
    return uses_grouped(model)


def uses_grouped(model: PreTrainedModel) -> bool:
    """Whether a model attends so."""
    return model.config._attn_implementation == NAME


@contextmanager
def with_gradient(model: PreTrainedModel, dtype: torch.dtype) -> Iterator[None]:
    """A block in which the gradient of a model's attention takes no longer than it must.

    On a CPU that of the fused attention in half precision takes longer than all the rest.  Which
    one torch takes is one choice for all threads, so such a model is searched in one.

    Args:
        model: the model.
        dtype: its precision.
    """
    if needs_plain(model, dtype):
        with sdpa_kernel(SDPBackend.MATH):
            yield
    else:
        yield


def needs_plain(model: PreTrainedModel, dtype: torch.dtype) -> bool:
    """Whether `with_gradient` has to keep torch from its fused attention."""
    half = dtype in (torch.bfloat16, torch.float16)
    return half and model.device.type == "cpu" and not uses_grouped(model)


def _forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: object,
) -> tuple[Tensor, None]:
    plain = kwargs.get("position_bias") is None and kwargs.get("cache") is None and not dropout
    if not plain or (attention_mask is not None and attention_mask.shape[1] != 1):
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **kwargs  # pyright: ignore[reportArgumentType]
        )  # fmt: skip
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return grouped_attention(query, key, value, attention_mask, scale), None


AttentionInterface.register(NAME, _forward)
AttentionMaskInterface.register(NAME, sdpa_mask)
