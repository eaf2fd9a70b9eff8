"""Where a transformer's parts are, found by what they do and not by what they are called.

A block of a decoder writes to its residual stream through two linear maps: the attention's output
projection and the MLP's down-projection.  The second is the linear associative memory that ROME
and MEMIT write to (Meng et al. 2022, section 3).  Both are found by behaviour, on a probe of two
rows of tokens that differ in their first token only:

* a *linear map* is a module whose output is ``x W^T + b`` or ``x W + b`` of its input and weight;
* the *attention output* is the first linear map, in order of call, whose input at the last
  position hears the first token (nothing before attention mixes positions);
* the *down-projection* is the last other linear map without which, and without the attention
  output, the block is the identity.

Whatever does not pass (fused, quantised, mixture of experts, post-norm) is refused with an error
that says what was not found.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unfrozen.errors import ModelError
from unfrozen.language.architecture.probe import Probed, identity_without, linear_calls


@dataclass(frozen=True)
class LinearMap:
    """A linear map ``v = W k + b`` inside a block.

    Attributes:
        module: the module that computes it.
        name: its full name in the model.
        transposed: True when the parameter is stored [in, out] (GPT-2's Conv1D).
    """

    module: nn.Module
    name: str
    transposed: bool

    @property
    def parameter_name(self) -> str:
        """Full name of the weight, as in ``model.named_parameters()``."""
        return f"{self.name}.weight"

    @property
    def weight(self) -> Tensor:
        """The weight as ``W [out, in]``: a view, so writing to it writes to the model."""
        weight = self.module.weight
        if not isinstance(weight, Tensor):
            raise ModelError(f"{self.name} has no weight tensor")
        return weight.detach().T if self.transposed else weight.detach()


@dataclass(frozen=True)
class BlockSites:
    """The parts of one block.

    Attributes:
        block: the block itself.
        name: its full name in the model.
        attention: the attention's output projection.
        mlp: the MLP's down-projection, the linear memory.
        returns_tuple: whether the block returns a tuple with its hidden state first.
    """

    block: nn.Module
    name: str
    attention: LinearMap
    mlp: LinearMap
    returns_tuple: bool

    @property
    def writers(self) -> tuple[nn.Module, tuple[nn.Module, nn.Module]]:
        """The block, and the modules that write to its residual stream."""
        return self.block, (self.attention.module, self.mlp.module)


@dataclass(frozen=True)
class Sites:
    """The parts of a causal language model, by role."""

    embedding: nn.Module
    head: nn.Module
    blocks: tuple[BlockSites, ...]

    @property
    def n_layers(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    @property
    def vocabulary(self) -> int:
        """Number of rows of the token embedding."""
        return self.embedding.get_parameter("weight").shape[0]

    @property
    def width(self) -> int:
        """Width of the residual stream."""
        return self.blocks[0].mlp.weight.shape[0]

    @property
    def key_width(self) -> int:
        """Width of the down-projection's input: of a key of the linear memory."""
        return self.blocks[0].mlp.weight.shape[1]


def find_sites(model: nn.Module) -> Sites:
    """Find the embedding, the head, the blocks and each block's two writers.

    Args:
        model: a Hugging Face causal language model, on any device but ``meta``.

    Returns:
        The parts by role.

    Raises:
        ModelError: a part was not found, or the architecture is fused, quantised or a mixture of
            experts; the message says which part.
    """
    kind = type(model).__name__
    embedding, head = _ends(model, kind)
    list_name, blocks = _block_list(model, kind)
    _refuse_quantised(model, blocks, kind)
    _refuse_experts(blocks[0], kind)
    vocabulary = embedding.get_parameter("weight").shape[0]
    with torch.no_grad():
        attention_name, mlp_name, probed = _writers(model, vocabulary, blocks[0], kind)
        found = []
        for i, block in enumerate(blocks):
            name = f"{list_name}.{i}"
            attention, mlp = (
                LinearMap(_part(block, inner, i, kind), f"{name}.{inner}", probed.transposed[inner])
                for inner in (attention_name, mlp_name)
            )
            found.append(BlockSites(block, name, attention, mlp, probed.returns_tuple))
        sites = Sites(embedding, head, tuple(found))
        if not identity_without(model, sites.vocabulary, [b.writers for b in found]):
            raise ModelError(
                f"{kind}: with '{attention_name}' and '{mlp_name}' silenced the blocks still "
                "change their input, so something else writes to the residual stream"
            )
    return sites


def _part(block: nn.Module, inner: str, i: int, kind: str) -> nn.Module:
    try:
        return block.get_submodule(inner)
    except AttributeError:
        raise ModelError(
            f"{kind}: block {i} has no '{inner}', which block 0 has; "
            "models with unlike blocks are not supported"
        ) from None


def _ends(model: nn.Module, kind: str) -> tuple[nn.Module, nn.Module]:
    ends = []
    for getter, what in (
        ("get_input_embeddings", "token embedding"),
        ("get_output_embeddings", "output head"),
    ):
        get: Callable[[], nn.Module | None] | None = getattr(model, getter, None)
        try:
            module = get() if get is not None else None
        # What transformers raises of a model that has none: here that is an answer.
        except (NotImplementedError, AttributeError):
            module = None
        if module is None:
            raise ModelError(
                f"{kind}: no {what} was found; load the model with AutoModelForCausalLM"
            )
        ends.append(module)
    return ends[0], ends[1]


def _block_list(model: nn.Module, kind: str) -> tuple[str, list[nn.Module]]:
    config = getattr(model, "config", None)
    text_config = config.get_text_config() if config is not None else None
    n = getattr(text_config, "num_hidden_layers", None)
    if getattr(config, "is_encoder_decoder", False):
        raise ModelError(f"{kind}: encoder-decoder models are not supported, only causal decoders")
    if not isinstance(n, int):
        raise ModelError(f"{kind}: the config does not say how many hidden layers there are")
    lists = [
        (name, list(module))
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList)
        and len(module) == n
        and len({type(child) for child in module}) == 1
        and any(True for _ in module[0].parameters())
    ]
    # A list inside a block (experts, say) can have the same length by chance: keep the outermost.
    outer = [
        (name, blocks)
        for name, blocks in lists
        if not any(name.startswith(f"{other}.") for other, _ in lists)
    ]
    if len(outer) != 1:
        raise ModelError(
            f"{kind}: expected one list of {n} like blocks, found {len(outer)}"
            + (f" ({', '.join(name for name, _ in outer)})" if outer else "")
        )
    return outer[0]


def _refuse_quantised(model: nn.Module, blocks: list[nn.Module], kind: str) -> None:
    odd = [n for n, p in blocks[0].named_parameters() if not p.is_floating_point()]
    odd += [
        n
        for n, b in blocks[0].named_buffers()
        if not b.is_floating_point() and b.ndim == 2 and b.numel() > 64 and b.dtype != torch.bool
    ]
    if getattr(model, "is_quantized", False) or odd:
        raise ModelError(
            f"{kind}: the weights are quantised"
            + (f" ('{odd[0]}' in block 0)" if odd else "")
            + "; load the model dequantised (float32, bfloat16 or float16)"
        )


def _refuse_experts(block: nn.Module, kind: str) -> None:
    stacked = [
        f"{n}.{p}" if n else p
        for n, m in block.named_modules()
        if not isinstance(m, nn.Conv1d)
        for p, value in m.named_parameters(recurse=False)
        if value.ndim == 3
    ]
    listed = [
        n
        for n, m in block.named_modules()
        if isinstance(m, nn.ModuleList)
        and len(m) > 1
        and all(any(p.ndim == 2 for p in child.parameters()) for child in m)
    ]
    if stacked or listed:
        raise ModelError(
            f"{kind}: '{(stacked + listed)[0]}' in block 0 is a mixture of experts; there is no "
            "single down-projection to read or write"
        )


def _writers(
    model: nn.Module, vocabulary: int, block: nn.Module, kind: str
) -> tuple[str, str, Probed]:
    probed = linear_calls(model, vocabulary, block)
    calls, width = probed.calls, probed.width
    candidates = [c for c in calls if c.out_width == width]
    attention = next((c for c in calls if c.hears), None)
    if attention is None:
        raise ModelError(
            f"{kind}: no attention output projection was found in block 0 (no linear map hears "
            "earlier tokens)"
        )
    if attention.out_width != width:
        raise ModelError(
            f"{kind}: '{attention.name}' follows attention but writes {attention.out_width} "
            f"features where the residual stream has {width}: the block is fused"
        )
    for mlp in reversed(candidates):
        if mlp.name == attention.name:
            continue
        pair = BlockSites(
            block,
            "block 0",
            LinearMap(block.get_submodule(attention.name), attention.name, attention.transposed),
            LinearMap(block.get_submodule(mlp.name), mlp.name, mlp.transposed),
            probed.returns_tuple,
        )
        if identity_without(model, vocabulary, [pair.writers]):
            return attention.name, mlp.name, probed
    raise ModelError(
        f"{kind}: no MLP down-projection was found in block 0 (tried "
        f"{', '.join(repr(c.name) for c in candidates if c.name != attention.name) or 'nothing'}): "
        "with it and the attention output silenced, the block should leave its input unchanged"
    )
