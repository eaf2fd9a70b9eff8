from types import SimpleNamespace

import pytest
import torch
import transformers as hf
from torch import nn

from unfrozen.errors import ModelError
from unfrozen.language.architecture.probe import first_tensor, with_first_tensor
from unfrozen.language.architecture.sites import find_sites
from unfrozen.language.model import LanguageModel

SMALL = {
    "vocab_size": 97,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "bos_token_id": 0,
    "eos_token_id": None,
    "pad_token_id": None,
}
GROUPED = dict(intermediate_size=48, num_key_value_heads=2, **SMALL)
OPT = dict(ffn_dim=48, word_embed_proj_dim=32, max_position_embeddings=64, **SMALL)


def test_every_part_is_the_one_that_the_family_calls_by_its_name(tiny):
    sites, names = tiny.lm.sites, tiny.names
    assert sites.embedding is tiny.model.get_submodule(names.embedding)
    assert sites.head is tiny.model.get_submodule(names.head)
    assert sites.n_layers == 3
    for i, block in enumerate(sites.blocks):
        assert block.name == f"{names.blocks}.{i}"
        assert block.block is tiny.model.get_submodule(block.name)
        for found, inner in ((block.attention, names.attention), (block.mlp, names.mlp)):
            assert found.name == f"{names.blocks}.{i}.{inner}"
            assert found.module is tiny.model.get_submodule(found.name)
            assert found.transposed is names.transposed


def test_sizes_are_those_of_the_config(tiny):
    config, sites = tiny.model.config, tiny.lm.sites
    inner = getattr(config, "intermediate_size", None) or getattr(config, "ffn_dim", None)
    assert sites.vocabulary == config.vocab_size == 300
    assert sites.width == config.hidden_size == 32
    assert sites.key_width == (inner or 4 * 32)


def test_the_weight_maps_keys_to_values_in_every_family(tiny):
    """v = W k + b with W [value, key], whichever way the family stores it."""
    memory = tiny.lm.down_projection(1)
    keys = torch.randn(1, 4, tiny.lm.sites.key_width, generator=torch.Generator().manual_seed(0))
    bias = getattr(memory.module, "bias", None)
    expected = keys @ memory.weight.T + (0 if bias is None else bias)
    assert torch.allclose(tiny.module("mlp", 1)(keys), expected, atol=1e-5)
    parameter = tiny.model.get_parameter(memory.parameter_name)
    assert memory.weight.data_ptr() == parameter.data_ptr()


def test_a_row_of_experts_of_the_blocks_number_is_not_taken_for_the_blocks(make_model):
    """A list inside a block, as long as the list of blocks."""
    model = make_model(hf.LlamaConfig(**GROUPED))
    for block in model.model.layers:
        block.extra = nn.ModuleList(nn.LayerNorm(32) for _ in range(2))
    assert [b.name for b in find_sites(model).blocks] == ["model.layers.0", "model.layers.1"]


def test_nothing_is_left_behind_in_the_model(make_model):
    model = make_model(hf.GPT2Config(vocab_size=97, n_layer=2, n_embd=32, n_head=4))
    before = {name: p.clone() for name, p in model.named_parameters()}
    find_sites(model)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())


def test_finding_draws_nothing_from_the_global_generator(make_model):
    model = make_model(hf.GPT2Config(vocab_size=97, n_layer=2, n_embd=32, n_head=4))
    state = torch.get_rng_state()
    find_sites(model)
    assert torch.equal(torch.get_rng_state(), state)


# --------------------------------------------------------------------------------------- refusals

REFUSED = {
    "experts, stacked": (
        lambda: hf.MixtralConfig(num_local_experts=2, **GROUPED),
        r"MixtralForCausalLM: 'mlp\.experts\.\w+' in block 0 is a mixture of experts",
    ),
    "post-norm": (
        lambda: hf.OPTConfig(do_layer_norm_before=False, **OPT),
        "OPTForCausalLM: no MLP down-projection was found in block 0",
    ),
    "recurrent": (
        lambda: hf.MambaConfig(
            vocab_size=97, hidden_size=32, num_hidden_layers=2, state_size=4, pad_token_id=None
        ),
        r"MambaForCausalLM: 'mixer\.x_proj' follows attention but writes 10 features",
    ),
    "alibi, Bloom": (
        lambda: hf.BloomConfig(vocab_size=97, hidden_size=32, n_layer=2, n_head=4),
        "tiny: cannot be run from the middle",
    ),
    "Falcon": (
        lambda: hf.FalconConfig(**SMALL),
        "tiny: ",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_such_parts_is_refused_by_saying_what_was_not_found(
    kind, make_model, tokenizer
):
    config, message = REFUSED[kind]
    with pytest.raises(ModelError, match=message) as error:
        LanguageModel(make_model(config()), tokenizer, "tiny")
    assert "\n" not in str(error.value)


def test_encoder_decoders_are_refused(tokenizer):
    config = hf.T5Config(vocab_size=97, d_model=32, d_ff=48, num_layers=2, num_heads=4, d_kv=8)
    with torch.random.fork_rng():
        model = hf.T5ForConditionalGeneration(config)
    with pytest.raises(ModelError, match="encoder-decoder models are not supported"):
        LanguageModel(model, tokenizer)


def llama():
    with torch.random.fork_rng():
        return hf.LlamaForCausalLM(hf.LlamaConfig(**GROUPED)).eval()


def test_weights_in_integers_are_refused_as_quantised():
    model = llama()
    down = model.model.layers[0].mlp.down_proj
    del down.weight
    down.weight = nn.Parameter(torch.zeros(32, 48, dtype=torch.int8), requires_grad=False)
    with pytest.raises(ModelError, match=r"quantised \('mlp\.down_proj\.weight' in block 0\)"):
        find_sites(model)


def test_packed_weights_in_buffers_are_refused_as_quantised():
    model = llama()
    down = model.model.layers[0].mlp.down_proj
    del down.weight
    down.register_buffer("qweight", torch.zeros(32, 6, dtype=torch.int32))
    with pytest.raises(ModelError, match=r"quantised \('mlp\.down_proj\.qweight' in block 0\)"):
        find_sites(model)


def test_a_mask_in_a_buffer_is_not_taken_for_quantised_weights():
    model = llama()
    model.model.layers[0].register_buffer("mask", torch.ones(16, 16, dtype=torch.bool))
    assert find_sites(model).n_layers == 2


def test_a_list_of_experts_is_refused():
    model = llama()
    for block in model.model.layers:
        block.experts = nn.ModuleList(nn.Linear(32, 32) for _ in range(3))
    with pytest.raises(ModelError, match="'experts' in block 0 is a mixture of experts"):
        find_sites(model)


def test_a_model_without_values_is_refused():
    with torch.device("meta"):
        model = hf.LlamaForCausalLM(hf.LlamaConfig(**GROUPED))
    with pytest.raises(ModelError, match="meta device"):
        find_sites(model)


def test_a_bare_module_has_no_embedding():
    with pytest.raises(ModelError, match="Linear: no token embedding was found"):
        find_sites(nn.Linear(2, 2))


def test_a_model_without_its_head_is_refused():
    with pytest.raises(ModelError, match="LlamaModel: no output head was found"):
        find_sites(llama().model)


def test_a_config_that_does_not_count_its_layers_is_refused():
    model = llama()
    model.config = SimpleNamespace(get_text_config=SimpleNamespace)
    with pytest.raises(ModelError, match="does not say how many hidden layers"):
        find_sites(model)


def test_two_lists_that_could_be_the_blocks_are_refused_by_their_names():
    model = llama()
    model.other = nn.ModuleList(nn.Linear(2, 2) for _ in range(2))
    with pytest.raises(ModelError, match=r"2 like blocks, found 2 \(model\.layers, other\)"):
        find_sites(model)


def test_no_list_of_the_right_length_is_refused():
    model = llama()
    model.config.num_hidden_layers = 5
    with pytest.raises(ModelError, match="expected one list of 5 like blocks, found 0"):
        find_sites(model)


def test_a_block_that_lacks_what_the_first_has_is_refused():
    class Renamed(nn.Module):
        def __init__(self, mlp):
            super().__init__()
            self.inner = mlp

        def forward(self, x):
            return self.inner(x)

    model = llama()
    model.model.layers[1].mlp = Renamed(model.model.layers[1].mlp)
    with pytest.raises(ModelError, match=r"block 1 has no 'mlp\.down_proj', which block 0 has"):
        find_sites(model)


class Leaky(nn.Module):
    """An MLP that writes to the residual stream past its down-projection."""

    def __init__(self, mlp):
        super().__init__()
        self.down_proj, self.up = mlp.down_proj, nn.Linear(32, 48)

    def forward(self, x):
        return self.down_proj(self.up(x)) + 0.1 * x


def test_a_first_block_with_a_third_writer_is_refused():
    model = llama()
    model.model.layers[0].mlp = Leaky(model.model.layers[0].mlp)
    with pytest.raises(ModelError, match=r"no MLP down-projection .* 'mlp\.down_proj'"):
        find_sites(model)


def test_a_later_block_with_a_third_writer_is_refused():
    model = llama()
    model.model.layers[1].mlp = Leaky(model.model.layers[1].mlp)
    with pytest.raises(ModelError, match="something else writes to the residual stream"):
        find_sites(model)


def test_blocks_without_attention_are_refused():
    class Still(nn.Module):
        def __init__(self, attention):
            super().__init__()
            self.o_proj = attention.o_proj

        def forward(self, hidden_states, **kwargs):
            return self.o_proj(hidden_states), None

    model = llama()
    for block in model.model.layers:
        block.self_attn = Still(block.self_attn)
    with pytest.raises(ModelError, match="no attention output projection was found in block 0"):
        find_sites(model)


# ----------------------------------------------------------------------------------------- probe


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: (x, None), lambda x: [x, 1]])
def test_the_hidden_state_is_the_first_tensor_of_what_a_block_returns(wrap):
    old, new = torch.zeros(2), torch.ones(2)
    assert first_tensor(wrap(old)) is old
    replaced = with_first_tensor(wrap(old), new)
    assert first_tensor(replaced) is new
    if not isinstance(wrap(old), torch.Tensor):
        assert list(replaced)[1:] == list(wrap(old))[1:]


@pytest.mark.parametrize("output", [None, (), (None,), {"x": 1}])
def test_a_block_that_returns_no_tensor_is_an_error(output):
    with pytest.raises(ModelError, match="not a hidden state"):
        first_tensor(output)


@pytest.mark.real
def test_the_real_model(real):
    memory = real.down_projection(3)
    assert memory.name == "model.layers.3.mlp.down_proj"
    assert memory.weight.shape == (576, 1536)
    assert not memory.transposed
    assert real.sites.blocks[3].attention.name == "model.layers.3.self_attn.o_proj"
