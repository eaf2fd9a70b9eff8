"""What every test gets: one torch thread, no network, a cache that outlives the run."""

import importlib.util
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import hypothesis
import jaxtyping
import pytest
import torch

# Two threads on shared cores waste several times the work, and xdist uses the cores already.
torch.set_num_threads(1)

hypothesis.settings.register_profile(
    "unfrozen", deadline=None, derandomize=True, max_examples=25, print_blob=True
)
hypothesis.settings.load_profile("unfrozen")


@pytest.fixture
def unchecked():
    """Shapes as a user has them: not checked before the function is called."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A tiny language model of random weights, saved as a folder that loads by its name."""
    return _saved(tmp_path_factory.mktemp("models") / "tiny", "LlamaConfig")


@pytest.fixture(scope="session")
def experts_folder(tmp_path_factory):
    """A tiny model whose MLPs are mixtures of experts, which have no one down-projection."""
    experts = {"num_local_experts": 2, "num_experts_per_tok": 1}
    return _saved(tmp_path_factory.mktemp("models") / "experts", "MixtralConfig", **experts)


def _saved(folder, config, **more):
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    sizes = {
        "vocab_size": len(letters), "num_hidden_layers": 3, "hidden_size": 32,
        "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2,
        "bos_token_id": None, "eos_token_id": None, "pad_token_id": None,
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = getattr(transformers, config)(initializer_range=0.2, **sizes, **more)
        model = transformers.AutoModelForCausalLM.from_config(made)
    model.save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """The toy paper as the only one, in a checkout whose results are in tmp_path."""
    from unfrozen.papers.running import measure, runner

    file = Path(__file__).parent / "papers" / "toy.py"
    spec = importlib.util.spec_from_file_location("toy_paper", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "toy_paper", module)
    monkeypatch.setattr(runner, "REGISTRY", {"dice": "toy_paper"})
    monkeypatch.setattr(runner, "ALIASES", {"die": "dice"})
    monkeypatch.setattr(measure, "checkout", lambda: tmp_path)
    monkeypatch.setattr(measure, "commit", lambda: "c0ffee-dirty")
    return module.EXPERIMENT
