"""Tiny language models of every family, and plain forward passes to hold ours against.

What the library finds by behaviour is written down here by name, and what it replays from the
middle is computed here by whole passes with hooks: the tests' truth shares no code with it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import pytest
import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.trainers import BpeTrainer
from torch import Tensor, nn

from unfrozen.language.model import LanguageModel

VOCABULARY = 300
LAYERS = 3
WINDOW = 6  # of GPT-Neo's local attention: shorter than the tests' prompts

CORPUS = [
    "The Eiffel Tower is in the city of Paris, and Paris is the capital of France.",
    "Mount Etna is in Italy. Rome is a city. He is a man; the city of Rome in Italy is old.",
    "In the city, we said that it is the old tower. When he came, Etna and Paris burned.",
] * 8


class Names(NamedTuple):
    """How a family calls its parts; `attention` and `mlp` are names inside a block."""

    embedding: str
    head: str
    blocks: str
    attention: str
    mlp: str
    transposed: bool = False


GPT = {"vocab_size": VOCABULARY, "n_layer": LAYERS, "n_embd": 32, "n_head": 4, "n_positions": 128}
TOKENS = {"bos_token_id": 0, "eos_token_id": None, "pad_token_id": None}
FULL = dict(
    vocab_size=VOCABULARY,
    num_hidden_layers=LAYERS,
    hidden_size=32,
    intermediate_size=48,
    num_attention_heads=4,
    **TOKENS,
)
GROUPED = dict(num_key_value_heads=2, **FULL)
OPT = dict(FULL, ffn_dim=48, word_embed_proj_dim=32, max_position_embeddings=128)
del OPT["intermediate_size"]

LLAMA = Names("model.embed_tokens", "lm_head", "model.layers", "self_attn.o_proj", "mlp.down_proj")
NEOX = Names(
    *("gpt_neox.embed_in", "lm_head", "gpt_neox.layers", "attention.dense", "mlp.dense_4h_to_h")
)
FAMILIES: dict[str, tuple[Callable[[], hf.PretrainedConfig], Names]] = {
    "gpt2": (
        lambda: hf.GPT2Config(**GPT, **TOKENS),
        Names("transformer.wte", "lm_head", "transformer.h", "attn.c_proj", "mlp.c_proj", True),
    ),
    "gpt-neox": (lambda: hf.GPTNeoXConfig(**FULL), NEOX),
    "gpt-neox, serial": (lambda: hf.GPTNeoXConfig(use_parallel_residual=False, **FULL), NEOX),
    "gpt-j": (
        lambda: hf.GPTJConfig(rotary_dim=4, **GPT, **TOKENS),
        Names("transformer.wte", "lm_head", "transformer.h", "attn.out_proj", "mlp.fc_out"),
    ),
    "gpt-neo": (
        lambda: hf.GPTNeoConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_layers=LAYERS,
            num_heads=4,
            window_size=WINDOW,
            max_position_embeddings=128,
            attention_types=[[["global", "local", "global"], 1]],
            **TOKENS,
        ),
        Names(
            *("transformer.wte", "lm_head", "transformer.h", "attn.attention.out_proj"),
            "mlp.c_proj",
        ),
    ),
    "opt": (
        lambda: hf.OPTConfig(**OPT),
        Names(
            *("model.decoder.embed_tokens", "lm_head", "model.decoder.layers"),
            *("self_attn.out_proj", "fc2"),
        ),
    ),
    "llama": (lambda: hf.LlamaConfig(**GROUPED), LLAMA),
    "llama, square": (lambda: hf.LlamaConfig(**{**GROUPED, "intermediate_size": 32}), LLAMA),
    "mistral": (lambda: hf.MistralConfig(sliding_window=64, **GROUPED), LLAMA),
    "qwen2": (lambda: hf.Qwen2Config(**GROUPED), LLAMA),
    "qwen3": (lambda: hf.Qwen3Config(head_dim=8, **GROUPED), LLAMA),
    "gemma": (lambda: hf.GemmaConfig(head_dim=8, **GROUPED), LLAMA),
    "gemma2": (lambda: hf.Gemma2Config(head_dim=8, sliding_window=64, **GROUPED), LLAMA),
    "gemma3": (lambda: hf.Gemma3TextConfig(head_dim=8, sliding_window=64, **GROUPED), LLAMA),
    "phi": (
        lambda: hf.PhiConfig(**FULL),
        Names("model.embed_tokens", "lm_head", "model.layers", "self_attn.dense", "mlp.fc2"),
    ),
    "phi3": (lambda: hf.Phi3Config(**GROUPED), LLAMA),
    "olmo2": (lambda: hf.Olmo2Config(**GROUPED), LLAMA),
    "starcoder2": (lambda: hf.Starcoder2Config(**GROUPED), LLAMA._replace(mlp="mlp.c_proj")),
}

Change = Callable[[Tensor], Tensor]
"""What a module puts out [row, time, width] -> what shall stand in its place."""


@cache
def byte_level() -> hf.PreTrainedTokenizerFast:
    """A byte-level tokenizer with a few merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return hf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>")


def random_model(config: hf.PretrainedConfig, seed: int = 0) -> hf.PreTrainedModel:
    """A model whose parts all matter: no bias is zero, no layer is a whisper."""
    # Initialising draws from the global generator, which the tests leave alone as the library does.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = hf.AutoModelForCausalLM.from_config(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                parameter.add_(0.1 * noise)
            else:
                parameter.copy_(1.5 * noise / parameter.shape[-1] ** 0.5)
    return model


@dataclass(frozen=True)
class Tiny:
    """A tiny model, the library's view of it, and its parts by name."""

    family: str
    lm: LanguageModel
    names: Names

    @property
    def model(self) -> hf.PreTrainedModel:
        return self.lm.model

    def module(self, role: str, layer: int = 0) -> nn.Module:
        """The module whose output plays a role: embedding, state, attention or mlp."""
        if role == "embedding":
            return self.model.get_submodule(self.names.embedding)
        inner = {"state": "", "attention": self.names.attention, "mlp": self.names.mlp}[role]
        return self.model.get_submodule(f"{self.names.blocks}.{layer}.{inner}".rstrip("."))

    def logits(self, ids: Tensor, changes: Mapping[tuple[str, int], Change] = {}) -> Tensor:
        """A whole plain pass in which the outputs of some (role, layer) are changed."""
        with hooks(
            (self.module(role, layer), _changing(change, tuple(ids.shape)))
            for (role, layer), change in changes.items()
        ):
            return self.model(input_ids=ids, use_cache=False).logits

    @torch.no_grad()
    def outputs(
        self,
        ids: Tensor,
        places: Sequence[tuple[str, int]],
        changes: Mapping[tuple[str, int], Change] = {},
    ) -> dict[tuple[str, int], Tensor]:
        """What some (role, layer) put out in a whole plain pass [row, time, width]."""
        seen: dict[tuple[str, int], Tensor] = {}

        def see(place: tuple[str, int]) -> Change:
            def change(output: Tensor) -> Tensor:
                seen[place] = output.clone()
                return output

            return change

        with hooks((self.module(*p), _changing(see(p), tuple(ids.shape))) for p in places):
            self.logits(ids, changes)
        return seen

    def probability(self, logits: Tensor, answer: int) -> Tensor:
        """Of a token, after the last position."""
        return logits[:, -1].softmax(-1)[:, answer]


@contextmanager
def hooks(pairs) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module, hook in pairs]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _changing(change: Change, shape: tuple[int, ...]):
    def hook(module, args, output):
        tensor = output[0] if isinstance(output, tuple) else output
        # Some families run their MLP on rows and times in one.
        changed = change(tensor.reshape(*shape, -1)).reshape(tensor.shape)
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    return hook


@cache
def _tiny(family: str) -> Tiny:
    config, names = FAMILIES[family]
    return Tiny(family, LanguageModel(random_model(config()), byte_level(), family), names)


@pytest.fixture(scope="session", params=list(FAMILIES))
def tiny(request) -> Tiny:
    """A tiny model: of every family, or of those a test names by indirect parametrisation."""
    return _tiny(request.param)


@pytest.fixture(scope="session")
def llama() -> Tiny:
    """A tiny model, where any family would do."""
    return _tiny("llama")


@pytest.fixture(scope="session")
def tokenizer() -> hf.PreTrainedTokenizerFast:
    return byte_level()


@pytest.fixture(scope="session")
def make_model() -> Callable[[hf.PretrainedConfig], hf.PreTrainedModel]:
    """A function that makes a random model from a config."""
    return random_model


@pytest.fixture(scope="session")
def real() -> LanguageModel:
    """The real model."""
    return LanguageModel.from_pretrained()
