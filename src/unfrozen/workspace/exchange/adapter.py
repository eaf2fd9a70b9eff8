"""Changes as a LoRA adapter that PEFT loads: low-rank edits are nothing else."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from unfrozen.errors import WorkspaceError
from unfrozen.memory import LowRank
from unfrozen.workspace.change import Change
from unfrozen.workspace.files import new_folder
from unfrozen.workspace.kinds import RUN
from unfrozen.workspace.tuning.run import ZerothOrderRun

_SMALLEST = 1e-7


def write_adapter(
    changes: Sequence[Change], model: nn.Module, base_name: str, folder: Path
) -> Path:
    """Write changes as one LoRA adapter.

    Each parameter's changes are added up; a sum of higher rank than its shape allows is written
    with as many columns as it needs.

    Args:
        changes: of low rank, runs of adapters among them.
        model: their base model, which says which modules are transposed.
        base_name: its name, for PEFT to find it.
        folder: a new or empty folder; it appears when it is complete.

    Returns:
        The folder.

    Raises:
        WorkspaceError: there is nothing to write, a change is not of a module's weight, or the
            folder is not empty.
    """
    sums: dict[str, list[LowRank]] = {}
    for change in changes:
        if change.kind == RUN:
            updates = ZerothOrderRun().updates(change.payload)
        else:
            updates = change.payload.get("updates", change.payload)
        for name, update in updates.items():
            sums.setdefault(name, []).append(update)
    if not sums:
        raise WorkspaceError("there are no changes to export")
    tensors: dict[str, torch.Tensor] = {}
    ranks: dict[str, int] = {}
    turned = set()
    for name, updates in sums.items():
        module_name, _, leaf = name.rpartition(".")
        module = model.get_submodule(module_name)
        if leaf != "weight":
            raise WorkspaceError(f"a LoRA changes the weights of modules, not {name}")
        factors = _tight(LowRank.concatenate([u.to(torch.float32) for u in updates]))
        # A Conv1D keeps its weight [in, out], the way a Linear layer's is not.
        turned.add(not isinstance(module, nn.Linear))
        out, into = (
            (factors.left, factors.right)
            if isinstance(module, nn.Linear)
            else (factors.right, factors.left)
        )
        prefix = f"base_model.model.{module_name}"
        tensors[f"{prefix}.lora_A.weight"] = into.T.contiguous()
        tensors[f"{prefix}.lora_B.weight"] = out.contiguous()
        ranks[module_name] = factors.rank
    if len(turned) > 1:
        raise WorkspaceError("some changes are of transposed modules: export them apart")
    largest = max(ranks.values())
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "r": largest,
        # Equal to the rank, so that the factors are taken as they are.
        "lora_alpha": largest,
        "rank_pattern": dict(ranks),
        "alpha_pattern": dict(ranks),
        "target_modules": sorted(ranks),
        "fan_in_fan_out": turned.pop(),
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
    }
    with new_folder(folder) as temporary:
        (temporary / "adapter_model.safetensors").write_bytes(save(tensors, {"format": "pt"}))
        text = json.dumps(config, indent=2, sort_keys=True) + "\n"
        (temporary / "adapter_config.json").write_text(text, encoding="utf-8")
    return folder


def _tight(change: LowRank) -> LowRank:
    """The same matrix with no more columns than its rank, by a singular value decomposition."""
    if change.rank <= min(change.left.shape[0], change.right.shape[0]):
        return change
    u, s, v = torch.linalg.svd(change.dense().double(), full_matrices=False)
    kept = s > _SMALLEST * s[0]
    root = s[kept].sqrt()
    return LowRank((u[:, kept] * root).float(), (v[kept].T * root).float())
