import pytest
import torch
import transformers as hf
from torch import nn

from unfrozen.errors import FactError, ModelError, UnfrozenError
from unfrozen.language.model import LanguageModel

ONE_OF_A_KIND = ["gpt2", "gpt-neox", "opt", "llama", "gemma2"]
some = pytest.mark.parametrize("tiny", ONE_OF_A_KIND, indirect=True)
few = pytest.mark.parametrize("tiny", ["gpt2", "llama"], indirect=True)

IDS = torch.tensor([[5, 250, 17, 80, 111, 299, 3, 42], [9, 8, 7, 6, 250, 260, 270, 280]])


def close(a, b):
    return torch.allclose(a, b, rtol=1e-5, atol=1e-5)


# -------------------------------------------------------------------------------------------- run


def test_the_logits_are_those_of_the_plain_model(tiny):
    with torch.no_grad():
        assert torch.equal(tiny.lm.run(IDS).logits, tiny.logits(IDS))


def test_what_is_kept_is_what_plain_hooks_see(tiny):
    run = tiny.lm.run(IDS, keep=("state", "mlp", "attention"))
    assert set(run.kept) == {"state", "mlp", "attention"}
    places = [(role, layer) for role in run.kept for layer in range(3)]
    for (role, layer), expected in tiny.outputs(IDS, places).items():
        assert torch.equal(run.kept[role][layer], expected), (role, layer)


def test_states_are_the_models_own_hidden_states(tiny):
    run = tiny.lm.run(IDS, keep=("state",))
    with torch.no_grad():
        states = tiny.model(input_ids=IDS, output_hidden_states=True).hidden_states
    assert len(states) == 4
    assert torch.equal(run.entering, states[0])
    # The last that the model gives is normed already, so it is no residual stream.
    for layer in range(3):
        assert close(run.state_before(layer), states[layer])
    assert torch.equal(run.state_before(3), run.kept["state"][2])


def test_keys_are_what_enters_the_down_projection(tiny):
    keys = tiny.lm.run(IDS, keep=("key", "mlp")).kept
    for layer in range(3):
        memory = tiny.lm.down_projection(layer)
        bias = getattr(memory.module, "bias", None)
        values = keys["key"][layer] @ memory.weight.T + (0 if bias is None else bias)
        assert keys["key"][layer].shape == (2, 8, tiny.lm.sites.key_width)
        assert close(values, keys["mlp"][layer])


def test_nothing_is_kept_unless_asked_for(tiny):
    def hooked():
        return [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in tiny.model.modules()]

    before = hooked()
    run = tiny.lm.run(IDS)
    assert run.kept == {}
    assert run.cache is None
    assert hooked() == before


def test_the_cache_holds_every_position(tiny):
    cache = tiny.lm.run(IDS, keep_cache=True).cache
    with torch.no_grad():
        own = tiny.model(input_ids=IDS, use_cache=True).past_key_values
    for layer, (keys, values) in enumerate(zip(cache.keys, cache.values, strict=True)):
        assert keys.shape[2] == 8
        assert torch.equal(keys, own.layers[layer].keys)
        assert torch.equal(values, own.layers[layer].values)
        assert torch.equal(cache.before(3).keys[layer], keys[:, :, :3])


@some
def test_the_head_is_run_only_where_it_is_read(tiny):
    plain = tiny.logits(IDS)
    assert close(tiny.lm.run(IDS, read="last").logits, plain[:, -1:])
    at = torch.tensor([[0, 7, 3], [5, 5, 1]])
    read = tiny.lm.run(IDS, read=at).logits
    assert read.shape == (2, 3, 300)
    for row in range(2):
        assert close(read[row], plain[row, at[row]])
    seen = []
    handle = tiny.lm.sites.head.register_forward_hook(lambda m, a, o: seen.append(o.shape[1]))
    tiny.lm.run(IDS, read="last")
    handle.remove()
    assert seen == [1]


@some
@pytest.mark.parametrize("stop", [0, 1, 2])
def test_a_pass_ends_after_the_block_that_was_asked_for(tiny, stop):
    entered = []
    handles = [
        tiny.module("state", layer).register_forward_pre_hook(
            lambda m, a, layer=layer: entered.append(layer)
        )
        for layer in range(3)
    ]
    run = tiny.lm.run(IDS, keep=("state", "mlp", "key"), stop_after=stop)
    for handle in handles:
        handle.remove()
    assert entered == list(range(stop + 1))
    assert run.logits is None
    assert run.cache is None
    whole = tiny.lm.run(IDS, keep=("state", "mlp", "key"))
    for role, values in run.kept.items():
        assert len(values) == stop + 1
        assert all(torch.equal(a, b) for a, b in zip(values, whole.kept[role], strict=False))
    # The hook that ended it is gone.
    assert tiny.lm.run(IDS).logits is not None


@some
def test_noise_is_added_to_what_the_embedding_puts_out(tiny):
    noise = torch.zeros(2, 8, 32)
    noise[:, 2:4] = torch.randn(2, 2, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = tiny.logits(IDS, {("embedding", 0): lambda x: x + noise})
    run = tiny.lm.run(IDS, noise=noise, keep=("state",))
    clean = tiny.lm.run(IDS, keep=("state",))
    assert torch.equal(run.logits, expected)
    assert not close(run.logits, clean.logits)
    assert torch.equal(run.kept["state"][2][:, :2], clean.kept["state"][2][:, :2])


def test_rows_padded_on_the_right_do_not_hear_the_padding(tiny):
    padded = torch.cat([IDS[:1, :5], torch.full((1, 3), 77)], 1)
    short, long = tiny.lm.run(IDS[:1, :5]).logits, tiny.lm.run(padded).logits
    assert close(long[:, :5], short)


# ------------------------------------------------------------------------------------------- edit


@few
@pytest.mark.parametrize("fails", [False, True])
def test_an_edit_is_held_for_a_block_and_taken_back_to_the_bit(tiny, fails):
    memory = tiny.lm.down_projection(1)
    name = memory.parameter_name
    before = tiny.model.get_parameter(name).clone()
    # Adding and subtracting these would not give back the bits.
    delta = 1e3 * torch.randn(before.shape, generator=torch.Generator().manual_seed(2)) + 1e-4
    plain, inside = tiny.lm.run(IDS).logits, None
    try:
        with tiny.lm.edited({name: delta, tiny.names.embedding + ".weight": torch.ones(300, 32)}):
            assert torch.equal(tiny.model.get_parameter(name), before + delta)
            inside = tiny.lm.run(IDS).logits
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    assert inside is not None
    assert not close(inside, plain)
    assert torch.equal(tiny.model.get_parameter(name), before)
    assert torch.equal(tiny.lm.run(IDS).logits, plain)


def test_an_edit_that_fails_half_way_is_taken_back(llama):
    names = [llama.lm.down_projection(i).parameter_name for i in (0, 1)]
    before = [llama.model.get_parameter(n).clone() for n in names]
    deltas = {names[0]: torch.ones(32, 48), names[1]: torch.ones(5, 7)}
    with pytest.raises((RuntimeError, UnfrozenError)), llama.lm.edited(deltas):
        pass
    for name, value in zip(names, before, strict=True):
        assert torch.equal(llama.model.get_parameter(name), value)


# ------------------------------------------------------------------------------------------- text


@some
def test_the_likeliest_tokens_are_those_of_the_plain_softmax(tiny, tokenizer):
    prompt = "The Eiffel Tower is in"
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        p = tiny.model(input_ids=ids).logits[0, -1].softmax(-1)
    top = tiny.lm.top(prompt, k=7)
    order = p.argsort(descending=True)[:7]
    assert [t.id for t in top] == order.tolist()
    assert [t.probability for t in top] == pytest.approx(p[order].tolist(), rel=1e-5)
    assert [t.text for t in top] == [
        tokenizer.decode([i], skip_special_tokens=True) for i in order.tolist()
    ]


def test_greedy_text_is_what_the_plain_model_generates(tiny):
    with torch.no_grad():
        expected = tiny.model.generate(
            input_ids=IDS,
            attention_mask=torch.ones_like(IDS),
            generation_config=hf.GenerationConfig(
                do_sample=False, max_new_tokens=6, pad_token_id=0, eos_token_id=None
            ),
        )[:, 8:]
    assert torch.equal(tiny.lm.continue_ids(IDS, 6), expected)


@some
def test_greedy_text_is_the_argmax_of_whole_passes(tiny):
    prompts = ["The city", "In Paris, the old Eiffel Tower", "Rome is"]
    for prompt, text in zip(prompts, tiny.lm.generate(prompts, 5), strict=True):
        ids = tiny.lm.encode(prompt)
        start = ids.shape[1]
        for _ in range(5):
            ids = torch.cat([ids, tiny.logits(ids)[:, -1:].argmax(-1)], 1)
        assert text == tiny.lm.decode(ids[0, start:])


@few
@pytest.mark.parametrize("top_k", [0, 5])
def test_a_seed_gives_its_text_and_leaves_the_global_generator_alone(tiny, top_k):
    def write(seed):
        generator = torch.Generator().manual_seed(seed)
        return tiny.lm.continue_ids(IDS, 12, generator, top_k)

    state = torch.get_rng_state()
    first = write(3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert torch.equal(write(3), first)
    assert not torch.equal(write(4), first)
    assert first.shape == (2, 12)


@few
def test_sampling_takes_only_the_likeliest(tiny):
    rows = IDS[:1].expand(200, -1)
    drawn = tiny.lm.continue_ids(rows, 1, torch.Generator().manual_seed(0), top_k=4)
    best = tiny.logits(IDS[:1])[0, -1].topk(4).indices.tolist()
    assert set(drawn[:, 0].tolist()) == set(best)


@few
@pytest.mark.parametrize(("top_k", "temperature"), [(0, 1.0), (0, 0.5), (6, 2.0)])
def test_samples_are_as_frequent_as_the_softmax_says(tiny, top_k, temperature):
    n = 4000
    generator = torch.Generator().manual_seed(5)
    rows = IDS[:1].expand(n, -1)
    drawn = tiny.lm.continue_ids(rows, 1, generator, top_k, temperature)[:, 0]
    logits = tiny.logits(IDS[:1])[0, -1] / temperature
    if top_k:
        logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], -torch.inf)
    p = logits.softmax(-1)
    counts = torch.bincount(drawn, minlength=300)
    assert float((counts / n - p).abs().max()) < 5 * (0.25 / n) ** 0.5
    assert float(((counts - n * p) ** 2 / (n * p).clamp(min=1)).sum()) < 2 * 300


def test_sampling_without_a_generator_is_an_error(llama):
    with pytest.raises(ModelError, match="sampling needs a generator"):
        llama.lm.continue_ids(IDS, 1, top_k=2)


def test_no_tokens_are_no_text(llama):
    assert llama.lm.continue_ids(IDS, 0).shape == (2, 0)
    assert llama.lm.generate(["The"], 0) == [""]


def test_an_empty_prompt_is_an_error(llama):
    with pytest.raises(ModelError, match="empty prompt"):
        llama.lm.encode("")


# ------------------------------------------------------------------------------------- the adapter


@pytest.mark.parametrize("layer", [-1, 3, 100])
def test_a_layer_that_is_not_there_is_an_error(llama, layer):
    message = rf"llama has layers 0 to 2, not {layer}"
    for call in (
        lambda: llama.lm.layer(layer),
        lambda: llama.lm.down_projection(layer),
        lambda: llama.lm.run(IDS, stop_after=layer),
    ):
        with pytest.raises(ModelError, match=message):
            call()
    # What was refused leaves no hook behind.
    assert not any(m._forward_pre_hooks for m in llama.model.modules())


def test_a_layer_that_is_there_is_itself(llama):
    assert [llama.lm.layer(i) for i in range(3)] == [0, 1, 2]


def test_the_model_is_frozen_and_evaluated(llama):
    assert not llama.model.training
    assert not any(p.requires_grad for p in llama.model.parameters())
    assert llama.lm.dtype == torch.float32
    assert llama.lm.device == torch.device("cpu")
    assert (llama.lm.name, llama.lm.n_layers) == ("llama", 3)


def llama_config():
    return hf.LlamaConfig(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
    )


def test_a_model_without_a_name_is_called_by_its_kind(make_model, tokenizer):
    assert LanguageModel(make_model(llama_config()), tokenizer).name == "LlamaForCausalLM"


class Counting(nn.Module):
    """An MLP that keeps state past the residual stream: it writes more with every pass."""

    def __init__(self, mlp):
        super().__init__()
        self.mlp, self.down_proj, self.passes = mlp, mlp.down_proj, 0

    def forward(self, x):
        self.passes += 1
        inner = self.mlp.act_fn(self.mlp.gate_proj(x)) * self.mlp.up_proj(x)
        return self.down_proj(inner * self.passes)


def test_a_model_that_keeps_state_of_its_own_fails_the_self_test(make_model, tokenizer):
    model = make_model(llama_config())
    for layer in model.model.layers:
        layer.mlp = Counting(layer.mlp)
    message = "^odd: running from block 1 does not reproduce .* keeps state"
    with pytest.raises(ModelError, match=message):
        LanguageModel(model, tokenizer, "odd")
    assert LanguageModel(model, tokenizer, "odd", check=False).n_layers == 2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_precisions_pass_the_self_test(make_model, tokenizer, dtype):
    lm = LanguageModel(make_model(llama_config()).to(dtype), tokenizer)
    assert lm.dtype == dtype
    assert lm.run(IDS % 97).logits.dtype == dtype


def test_a_model_on_disk_is_loaded_by_its_folder(tmp_path, llama, tokenizer):
    llama.model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = LanguageModel.from_pretrained(str(tmp_path))
    assert loaded.n_layers == 3
    assert torch.equal(loaded.run(IDS).logits, llama.lm.run(IDS).logits)
    half = LanguageModel.from_pretrained(str(tmp_path), dtype=torch.bfloat16)
    assert half.dtype == torch.bfloat16


@pytest.mark.parametrize("tiny", ["gpt2", "opt", "llama"], indirect=True)
def test_a_text_longer_than_the_model_reads_is_refused(tiny):
    longest = tiny.model.config.max_position_embeddings
    short = tiny.lm.encode("a")[:, :1].expand(1, 10)
    assert tiny.lm.continue_ids(short, 1).shape == (1, 1)
    with pytest.raises(ModelError, match=f"up to {longest} tokens, not of {longest + 1}"):
        tiny.lm.run(short[:, :1].expand(1, longest + 1))
    with pytest.raises(ModelError, match=f"up to {longest} tokens"):
        tiny.lm.continue_ids(short, longest)
    with pytest.raises(ModelError, match=f"up to {longest} tokens"):
        tiny.lm.generate(["a"], longest + 1)


def test_half_a_character_is_no_text(llama):
    with pytest.raises(FactError, match="half a character"):
        llama.lm.encode("\udcff is")
