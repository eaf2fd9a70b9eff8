import hashlib
import logging
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from unfrozen.data.models import (
    CARRIED,
    DEFAULT_MODEL,
    available_models,
    load_pretrained,
    quiet,
    weights_hash,
)
from unfrozen.errors import DataError


def tiny_model(tied=True):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=tied,
    )
    return LlamaForCausalLM(config)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="?").save_pretrained(folder)
    tiny_model().save_pretrained(folder)
    return folder


def reference_hash(model):
    """The definition, spelled out with copies."""
    whole, seen = b"", []
    for name in sorted(model.state_dict()):
        tensor = model.state_dict()[name]
        if any(tensor.data_ptr() == other.data_ptr() for other in seen):
            continue
        seen.append(tensor)
        whole += f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode()
        wide = {torch.bfloat16: torch.int16}.get(tensor.dtype, tensor.dtype)
        whole += tensor.contiguous().view(wide).numpy().tobytes()
    return hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("tied", [True, False])
def test_the_hash_is_that_of_names_types_shapes_and_bytes(dtype, tied):
    model = tiny_model(tied).to(dtype)
    assert weights_hash(model) == reference_hash(model)


def test_the_hash_takes_buffers_scalars_and_views_that_are_not_contiguous():
    model = nn.Module()
    model.register_buffer("scalar", torch.tensor(3))
    model.register_buffer("flags", torch.tensor([True, False]))
    model.register_buffer("turned", torch.arange(6.0).reshape(2, 3).T)
    assert weights_hash(model) == reference_hash(model)


@given(place=st.integers(0, 11), scale=st.sampled_from([1e-7, 1.0]))
def test_any_changed_weight_changes_the_hash(place, scale):
    model = nn.Linear(4, 3)
    before = weights_hash(model)
    with torch.no_grad():
        old = model.weight.reshape(-1)[place].item()
        model.weight.reshape(-1)[place] += scale
        changed = model.weight.reshape(-1)[place].item() != old
    assert (weights_hash(model) != before) == changed


def test_the_same_bytes_in_another_shape_have_another_hash():
    first, second = nn.Linear(4, 3, bias=False), nn.Linear(3, 4, bias=False)
    second.weight.data = first.weight.data.reshape(4, 3)
    assert weights_hash(first) != weights_hash(second)


def test_a_weight_without_data_is_refused():
    with pytest.raises(DataError, match="weight"):
        weights_hash(nn.Linear(2, 2, device="meta"))


def test_a_local_folder_loads_frozen_and_as_it_was_saved(folder):
    loaded = load_pretrained(str(folder))
    assert loaded.name == str(folder.resolve())
    assert loaded.revision is None
    assert not loaded.model.training
    assert not any(p.requires_grad for p in loaded.model.parameters())
    assert loaded.tokenizer("a b")["input_ids"] == [0, 1]
    assert loaded.weights_hash == weights_hash(tiny_model())
    ids = torch.tensor([[0, 1, 2]])
    torch.testing.assert_close(loaded.model(ids).logits, tiny_model().eval()(ids).logits)


def test_the_precision_asked_for_is_given(folder):
    loaded = load_pretrained(str(folder), dtype=torch.bfloat16)
    assert {p.dtype for p in loaded.model.parameters()} == {torch.bfloat16}


def test_loading_says_nothing_and_gives_every_setting_back(folder, capfd):
    from transformers.utils import logging as transformers_logging

    transformers_logging.enable_progress_bar()
    transformers_logging.set_verbosity(logging.INFO)
    try:
        load_pretrained(str(folder))
        assert transformers_logging.get_verbosity() == logging.INFO
        assert transformers_logging.is_progress_bar_enabled()
    finally:
        transformers_logging.set_verbosity_warning()
    assert capfd.readouterr() == ("", "")


def test_settings_come_back_after_an_error_too():
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    before = transformers_logging.get_verbosity()

    def fail():
        with quiet():
            warnings.warn("not heard", stacklevel=1)
            raise KeyError("x")

    try:
        with pytest.raises(KeyError):
            fail()
        assert transformers_logging.get_verbosity() == before
        assert not transformers_logging.is_progress_bar_enabled()
    finally:
        transformers_logging.enable_progress_bar()


@pytest.mark.parametrize("name", ["./nowhere", "~/nowhere/at/all", "/nowhere", "a/b/c", ""])
def test_a_folder_that_is_not_there_is_a_clear_error(name):
    with pytest.raises(DataError, match="no model folder") as caught:
        load_pretrained(name)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_a_clear_error(tmp_path):
    with pytest.raises(DataError, match=r"no config\.json"):
        load_pretrained(str(tmp_path))


def test_a_damaged_folder_is_a_clear_error(folder, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(DataError, match="cannot load the model in") as caught:
        load_pretrained(str(copy))
    assert "\n" not in str(caught.value)


def test_an_unknown_id_without_network_says_what_was_tried_and_what_to_do(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataError, match="HF_HUB_OFFLINE") as caught:
        load_pretrained("nobody/no-such-model")
    assert "\n" not in str(caught.value)
    assert "nobody/no-such-model" in str(caught.value)
    assert DEFAULT_MODEL in str(caught.value)


def test_the_carried_model_is_listed_before_it_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path))
    first = available_models()[0]
    assert first.name == DEFAULT_MODEL
    assert not first.cached
    assert first.licence == "Apache-2.0"


def test_a_causal_model_in_the_cache_of_the_hub_is_listed(tmp_path, monkeypatch):
    import huggingface_hub

    repository = tmp_path / "models--someone--small"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    (snapshot / "config.json").write_text('{"architectures": ["GPT2LMHeadModel"]}')
    scan = huggingface_hub.scan_cache_dir
    monkeypatch.setattr(huggingface_hub, "scan_cache_dir", lambda: scan(tmp_path))
    (found,) = [info for info in available_models() if info.source == "hub"]
    assert (found.name, found.cached) == ("someone/small", True)


@pytest.mark.real
def test_the_carried_model_knows_where_paris_is():
    loaded = load_pretrained()
    assert sum(p.numel() for p in loaded.model.parameters()) == CARRIED[DEFAULT_MODEL].parameters
    ids = loaded.tokenizer("The capital of France is", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        best = loaded.model(ids).logits[0, -1].argmax()
    assert loaded.tokenizer.decode(best) == " Paris"


@pytest.mark.real
def test_the_carried_model_is_the_same_each_time_it_is_loaded():
    assert load_pretrained().weights_hash == load_pretrained().weights_hash
    assert available_models()[0].cached
