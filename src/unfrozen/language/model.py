"""A Hugging Face causal language model seen by role: the one place where architectures differ.

The MLP's down-projection of each block is a linear associative memory (`unfrozen.memory.linear`):
its input is a key, its output a value.  Tracing reads it, ROME and MEMIT write to it.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from unfrozen.data.models import DEFAULT_MODEL, load_pretrained
from unfrozen.errors import ModelError
from unfrozen.language.architecture.probe import first_tensor, hooked
from unfrozen.language.architecture.replay import Joining, KeyValues, reading, replay
from unfrozen.language.architecture.sites import LinearMap, Sites, find_sites
from unfrozen.language.generation import continue_rows
from unfrozen.language.subject import check_text

Role = Literal["state", "mlp", "attention", "key"]
"""Block output; down-projection output; attention output; down-projection input."""


@dataclass(frozen=True)
class Run:
    """A forward pass and what was kept of it.

    Attributes:
        logits: at the positions read; None when the pass stopped early.
        entering: the residual stream entering block 0.
        kept: role -> one tensor a layer [row, time, width].
        cache: keys and values, if asked for.
    """

    logits: Float[Tensor, "row read vocabulary"] | None
    entering: Float[Tensor, "row time width"]
    kept: dict[Role, tuple[Tensor, ...]]
    cache: KeyValues | None

    def state_before(self, layer: int) -> Tensor:
        """The residual stream entering a block; the number of layers gives the last output."""
        return self.entering if layer == 0 else self.kept["state"][layer - 1]


@dataclass(frozen=True)
class Token:
    """A possible next token."""

    id: int
    text: str
    probability: float


class LanguageModel:
    """A causal language model with its parts found by role.

    Args:
        model: a Hugging Face causal language model; set to evaluation mode.
        tokenizer: its tokenizer.
        name: how to call it in reports.
        check: whether to test that its hooks reproduce its own logits (three tiny passes).

    Raises:
        ModelError: a part was not found or a hook does not reproduce the model's logits.

    Example:
        >>> lm = LanguageModel.from_pretrained()
        >>> lm.top("The capital of France is")[0].text
        ' Paris'
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        name: str = "",
        *,
        check: bool = True,
    ) -> None:
        self.model: PreTrainedModel = model.eval()
        self.model.requires_grad_(False)
        self.tokenizer = tokenizer
        self.name = name or str(getattr(model.config, "_name_or_path", "")) or type(model).__name__
        self.sites: Sites = find_sites(model)
        if check:
            self._check()

    @classmethod
    def from_pretrained(
        cls,
        name: str = DEFAULT_MODEL,
        *,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
        check: bool = True,
    ) -> "LanguageModel":
        """Load by name (the carried model, a folder, or a hub id).

        Raises:
            DataError: there is no such model, or it cannot be reached.
            ModelError: it lacks the parts that are needed.
        """
        loaded = load_pretrained(name, dtype=dtype, device=device)
        return cls(loaded.model, loaded.tokenizer, loaded.name, check=check)

    @property
    def n_layers(self) -> int:
        """Number of blocks."""
        return self.sites.n_layers

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.model.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of its weights."""
        return self.down_projection(0).weight.dtype

    def layer(self, layer: int) -> int:
        """A layer's number, checked.

        Raises:
            ModelError: there is no such layer.
        """
        if not 0 <= layer < self.n_layers:
            raise ModelError(f"{self.name} has layers 0 to {self.n_layers - 1}, not {layer}")
        return layer

    def down_projection(self, layer: int) -> LinearMap:
        """The linear memory of a layer: ``weight`` is W [value, key], a view on the parameter."""
        return self.sites.blocks[self.layer(layer)].mlp

    def encode(self, text: str) -> Int[Tensor, "1 time"]:
        """Token ids with whatever special tokens the tokenizer puts in front.

        Raises:
            FactError: the text holds half a character.
            ModelError: it has no tokens.
        """
        check_text(text)
        ids = list(self.tokenizer(text)["input_ids"])
        if not ids:
            raise ModelError("an empty prompt has no tokens to read")
        return torch.tensor([ids], device=self.device)

    def check_length(self, tokens: int) -> None:
        """Whether a text is no longer than the model can read.

        Raises:
            ModelError: it is.
        """
        config = self.model.config.get_text_config()
        longest = getattr(config, "max_position_embeddings", None)
        if isinstance(longest, int) and 0 < longest < tokens:
            raise ModelError(
                f"{self.name} reads texts of up to {longest} tokens, not of {tokens}: shorten it"
            )

    def decode(self, ids: list[int] | Tensor) -> str:
        """The text of token ids."""
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text if isinstance(text, str) else "".join(text)

    @torch.no_grad()
    def run(
        self,
        input_ids: Int[Tensor, "row time"],
        *,
        keep: Collection[Role] = (),
        keep_cache: bool = False,
        keep_layers: Collection[int] | None = None,
        noise: Float[Tensor, "row time width"] | None = None,
        read: Int[Tensor, "row read"] | Literal["all", "last"] = "all",
        stop_after: int | None = None,
        position_ids: Int[Tensor, "one time"] | None = None,
        attention_mask: Tensor | None = None,
    ) -> Run:
        """Run the model and keep what passes.

        Args:
            input_ids: rows padded on the right with anything: attention is causal.
            keep: what to keep, of every layer run.
            keep_cache: whether to keep the keys and values.
            keep_layers: of which layers to keep it; of the others an empty tensor is kept.
            noise: added to the token embeddings.
            read: the positions at which to compute the logits.
            stop_after: the last block to run; there are then no logits.
            position_ids: of the tokens; in order by default.
            attention_mask: added to the scores [row, one, time, time]; causal by default.

        Raises:
            ModelError: the rows are longer than the model can read.
        """
        # Whatever is refused is refused before there is a hook.
        times = input_ids.shape[1] if position_ids is None else int(position_ids.max()) + 1
        self.check_length(times)
        last = None if stop_after is None else self.layer(stop_after)
        kept: dict[Role, list[Tensor]] = {role: [] for role in keep}
        entering: list[Tensor] = []
        handles = []

        def into(role: Role, layer: int) -> Callable[..., None]:
            def hook(module: nn.Module, args: tuple[object, ...], output: object) -> None:
                value = first_tensor(args[0] if role == "key" else output)
                if keep_layers is None or layer in keep_layers:
                    kept[role].append(value.reshape(*input_ids.shape, -1))
                else:
                    kept[role].append(value.new_empty(0))

            return hook

        def enter(module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
            entering.append(first_tensor(args[0] if args else kwargs["hidden_states"]))

        def corrupt(module: nn.Module, args: object, output: Tensor) -> Tensor:
            return output if noise is None else output + noise.to(output.dtype)

        def stop(module: nn.Module, args: object, output: object) -> None:
            raise _PassEndsError

        first = self.sites.blocks[0].block
        handles.append(first.register_forward_pre_hook(enter, with_kwargs=True))
        for layer, site in enumerate(self.sites.blocks):
            modules: dict[Role, nn.Module] = {
                "state": site.block,
                "mlp": site.mlp.module,
                "attention": site.attention.module,
                "key": site.mlp.module,
            }
            handles += [modules[role].register_forward_hook(into(role, layer)) for role in kept]
        if noise is not None:
            handles.append(self.sites.embedding.register_forward_hook(corrupt))
        if not isinstance(read, str) or read == "last":
            positions = read if isinstance(read, Tensor) else None
            handles.append(self.sites.head.register_forward_pre_hook(reading(positions)))
        if last is not None:
            handles.append(self.sites.blocks[last].block.register_forward_hook(stop))
        # Left to itself a model with sliding windows keeps the keys of the last window only.
        cache = DynamicCache() if keep_cache else None
        output = None
        given = {"position_ids": position_ids, "attention_mask": attention_mask}
        placed: dict[str, object] = {k: v for k, v in given.items() if v is not None}
        with hooked(handles), suppress(_PassEndsError):
            placed |= {"use_cache": keep_cache, "past_key_values": cache}
            output = self.model(input_ids=input_ids, **placed)
        return Run(
            logits=None if output is None else output.logits,
            entering=entering[0],
            kept={role: tuple(values) for role, values in kept.items()},
            cache=KeyValues.of(output.past_key_values) if keep_cache and output else None,
        )

    def replay(
        self, joins: dict[int, Joining], prefix: KeyValues, **settings: object
    ) -> Float[Tensor, "row read vocabulary"]:
        """Logits of rows that join a kept run from the middle: see `architecture.replay`."""
        return replay(self.model, self.sites, joins, prefix, **settings)  # pyright: ignore[reportArgumentType]

    @torch.no_grad()
    def top(self, prompt: str, k: int = 5) -> list[Token]:
        """The likeliest next tokens of a prompt, with their probabilities."""
        logits = self.run(self.encode(prompt), read="last").logits
        assert logits is not None
        best = logits[0, -1].float().softmax(-1).topk(k)
        return [
            Token(int(i), self.decode([int(i)]), float(p))
            for p, i in zip(best.values, best.indices, strict=True)
        ]

    def generate(
        self,
        prompts: Sequence[str],
        tokens: int,
        *,
        generator: torch.Generator | None = None,
        top_k: int = 1,
        temperature: float = 1.0,
    ) -> list[str]:
        """Continue prompts: greedily, or by sampling among the ``top_k`` likeliest tokens.

        All prompts share every pass.

        Args:
            prompts: what to continue.
            tokens: how many tokens to write.
            generator: where the randomness comes from; needed when ``top_k > 1``.
            top_k: 1 is greedy; 0 samples from the whole vocabulary.
            temperature: divides the logits.

        Returns:
            The continuations, without the prompts.

        Raises:
            ModelError: a text would be longer than the model can read.
        """
        rows = [self.encode(p)[0] for p in prompts]
        self.check_length(max(map(len, rows), default=0) + tokens)
        ids = continue_rows(
            self.model,
            rows,
            tokens,
            generator=generator,
            top_k=top_k,
            temperature=temperature,
        )
        return [self.decode(row) for row in ids]

    def continue_ids(
        self,
        ids: Int[Tensor, "row time"],
        tokens: int,
        generator: torch.Generator | None = None,
        top_k: int = 1,
        temperature: float = 1.0,
    ) -> Int[Tensor, "row tokens"]:
        """Continue rows of token ids of one length: see `generate`."""
        self.check_length(ids.shape[1] + tokens)
        return continue_rows(
            self.model,
            list(ids),
            tokens,
            generator=generator,
            top_k=top_k,
            temperature=temperature,
        )

    @contextmanager
    def edited(self, deltas: dict[str, Tensor]) -> Iterator[None]:
        """Hold changed parameters for the length of a block; the old ones come back to the bit.

        Args:
            deltas: parameter name -> what to add to it, in the parameter's own shape.
        """
        kept = {name: self.model.get_parameter(name).detach().clone() for name in deltas}
        try:
            with torch.no_grad():
                for name, delta in deltas.items():
                    parameter = self.model.get_parameter(name)
                    parameter.add_(delta.to(parameter))
            yield
        finally:
            with torch.no_grad():
                for name, value in kept.items():
                    self.model.get_parameter(name).copy_(value)

    @torch.no_grad()
    def _check(self) -> None:
        """Test the hooks against the model's own logits."""
        vocabulary = self.sites.vocabulary
        ids = (torch.arange(2 * 5, device=self.device).reshape(2, 5) * 7 + 3) % vocabulary
        own = self.model(input_ids=ids, use_cache=False).logits
        run = self.run(ids, keep=("state", "mlp", "attention"), keep_cache=True)
        assert run.logits is not None
        assert run.cache is not None
        scale = float(own.abs().max())

        def agrees(logits: Tensor) -> bool:
            tolerance = 1e-3 if own.dtype in (torch.float32, torch.float64) else 5e-2
            return bool((logits - own[:, -1]).abs().max() <= tolerance * scale)

        layer, t = self.n_layers // 2, 2
        rows = torch.arange(2, device=self.device)
        joins = {layer: Joining(run.state_before(layer)[:, t:], rows)}
        same = {
            role: {j: (lambda _, v=v: v[:, t:]) for j, v in enumerate(run.kept[role]) if j >= layer}
            for role in ("mlp", "attention")
        }
        try:
            cut = run.cache.before(t)
            resumed = self.replay(joins, cut, **same)[:, -1]
            silenced = self.replay(joins, cut, mlp={layer: torch.zeros_like})[:, -1]
        except (RuntimeError, TypeError, ValueError) as error:
            raise ModelError(
                f"{self.name}: cannot be run from the middle ({str(error).splitlines()[0]})"
            ) from error
        if not agrees(run.logits[:, -1]) or not agrees(resumed):
            gap = float((resumed - own[:, -1]).abs().max())
            raise ModelError(
                f"{self.name}: running from block {layer} does not reproduce the model's own "
                f"logits (largest gap {gap:.2g}); the architecture keeps state that the adapter "
                "cannot see"
            )
        if bool((silenced == resumed).all()):
            raise ModelError(
                f"{self.name}: silencing the MLP of block {layer} changes nothing, so it is not "
                "where the adapter looks"
            )


class _PassEndsError(Exception):
    """Raised in a hook to end a pass whose later layers nobody needs."""
