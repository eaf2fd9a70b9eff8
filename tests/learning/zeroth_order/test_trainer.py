"""The Trainer of Hugging Face by forward passes, against the optimizer alone."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, TrainerCallback, TrainingArguments

from unfrozen.learning.zeroth_order import MeZO
from unfrozen.learning.zeroth_order.trainer import ForwardTrainer

ROWS = [
    {"input_ids": row, "labels": row}
    for row in torch.randint(0, 40, (16, 7), generator=torch.Generator().manual_seed(0)).tolist()
]


class _Stop(TrainerCallback):
    def on_step_end(self, args, state, control, **more):
        control.should_training_stop = control.should_save = state.global_step == 3
        return control


def model():
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=1,
                    num_attention_heads=2, attention_dropout=0.0)
    )  # fmt: skip


def trainer(folder, made, steps, **more):
    arguments = TrainingArguments(
        str(folder), max_steps=steps, learning_rate=1e-3, per_device_train_batch_size=4,
        report_to=[], logging_steps=1, save_steps=3, disable_tqdm=True, use_cpu=True, seed=5,
        **more,
    )  # fmt: skip
    return ForwardTrainer(
        model=made, args=arguments, train_dataset=ROWS, mezo={"eps": 1e-3, "noise": "rademacher"}
    )


@pytest.mark.parametrize("parts", [1, 2])
def test_it_does_what_the_optimizer_does(parts, tmp_path, monkeypatch):
    made, seen = model(), []
    run = trainer(tmp_path, made, 4, gradient_accumulation_steps=parts, weight_decay=0.1)
    prepare = run._prepare_inputs

    def watched(batch):
        seen.append(batch)
        return prepare(batch)

    monkeypatch.setattr(run, "_prepare_inputs", watched)
    run.train()
    assert len(seen) == 4 * parts
    beside = model()
    beside.eval()
    norms = [(n, p) for n, p in beside.named_parameters() if "norm" in n]
    rest = [(n, p) for n, p in beside.named_parameters() if "norm" not in n]
    groups = [{"params": rest, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}]
    optimizer = MeZO(groups, lr=1e-3, eps=1e-3, noise="rademacher", seed=5)
    losses = []
    for step in range(4):
        # The Trainer lets the rate fall to nothing, evenly.
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (1 - step / 4)
        part = seen[step * parts : (step + 1) * parts]
        losses.append(optimizer.step([lambda b=b: beside(**b).loss for b in part]))
    for one, other in zip(made.parameters(), beside.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)
    told = [log["loss"] for log in run.state.log_history if "loss" in log]
    assert told == pytest.approx(losses, rel=1e-3)
    assert all(p.grad is None for p in made.parameters())


def test_it_goes_on_from_its_checkpoint(tmp_path):
    whole, part = model(), model()
    trainer(tmp_path / "whole", whole, 6).train()
    # As if it had been killed after the third step, of six.
    first = trainer(tmp_path / "part", part, 6)
    first.add_callback(_Stop)
    first.train()
    rest = model()
    trainer(tmp_path / "part", rest, 6).train(
        resume_from_checkpoint=str(tmp_path / "part" / "checkpoint-3")
    )
    for one, other in zip(whole.parameters(), rest.parameters(), strict=True):
        assert torch.equal(one, other)
