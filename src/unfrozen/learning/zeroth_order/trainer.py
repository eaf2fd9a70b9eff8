"""The Trainer of Hugging Face, by forward passes alone.

Its loop asks for a loss, goes backward, and steps.  Here the losses of a step's batches are put
aside, and the step asks them all on both sides of the weights.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from transformers import Trainer

from unfrozen.errors import LearningError
from unfrozen.learning.zeroth_order.mezo import MeZO
from unfrozen.learning.zeroth_order.workers import Workers


class ForwardTrainer(Trainer):
    """A Trainer that needs no gradients, and no memory for them.

    Learning rate, its schedule, weight decay, seed, batches and their accumulation, evaluation,
    checkpoints and resuming are the Trainer's own; processes that were started with torchrun
    exchange losses only.

    Args:
        mezo: settings of `MeZO` but ``lr``, ``weight_decay``, ``seed`` and ``exchange``.
        arguments: of the Trainer.

    Example::

        trainer = ForwardTrainer(model=model, args=TrainingArguments("out", learning_rate=1e-6),
                                 train_dataset=data, mezo={"eps": 1e-3, "noise": "rademacher"})
        trainer.train()
    """

    def __init__(self, *positional: Any, mezo: dict[str, Any] | None = None, **arguments: Any):
        self.mezo = dict(mezo or {})
        self._asked: list[Callable[[], Tensor]] = []
        super().__init__(*positional, **arguments)

    def train(self, *positional: Any, **arguments: Any) -> Any:
        """As the Trainer; batches that an earlier training left aside are forgotten."""
        self._asked = []
        return super().train(*positional, **arguments)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """A `MeZO` of all parameters that are to be trained.

        Raises:
            LearningError: gradients are to be scaled, of which there are none.
        """
        if self.args.fp16:
            raise LearningError("fp16 scales gradients, and there are none: take bf16, or neither")
        if self.optimizer is None:
            moved = self.model if model is None else model
            assert moved is not None
            several = dist.is_available() and dist.is_initialized()
            # As the Trainer has it, biases and norms do not decay.
            decaying = set(self.get_decay_parameter_names(moved))
            groups: list[dict[str, Any]] = []
            for decays in (True, False):
                named = [
                    (name, p)
                    for name, p in moved.named_parameters()
                    if p.requires_grad and (name in decaying) == decays
                ]
                if named:
                    decay = self.args.weight_decay if decays else 0.0
                    groups.append({"params": named, "weight_decay": decay})
            self.optimizer = _Stepped(
                groups,
                lr=self.args.learning_rate,
                seed=self.args.seed,
                exchange=Workers() if several else None,
                **self.mezo,
            )
        return self.optimizer

    def training_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Put a batch aside, and step with the last one of a step; returns the step's loss then."""
        model.eval()
        prepared = self._prepare_inputs(inputs)

        def ask() -> Tensor:
            with self.compute_loss_context_manager():
                loss = self.compute_loss(model, prepared, num_items_in_batch=num_items_in_batch)
            # Several devices give a loss each.
            return (loss if isinstance(loss, Tensor) else loss[0]).mean()

        self._asked.append(ask)
        if not self.accelerator.sync_gradients:
            return torch.zeros((), device=self.args.device)
        asked, self._asked = self._asked, []
        optimizer = self.optimizer
        stepped = getattr(optimizer, "optimizer", optimizer)
        assert isinstance(stepped, MeZO)
        loss = stepped.step([lambda: torch.stack([one() for one in asked]).sum()]
                            if self._scaled(num_items_in_batch) else asked)  # fmt: skip
        return torch.tensor(loss, device=self.args.device)

    def _scaled(self, num_items_in_batch: Tensor | int | None) -> bool:
        """Whether each batch's loss is already its part of the step's."""
        if self.loss_is_scaled_for_ga is not None:
            return self.loss_is_scaled_for_ga
        told = self.model_accepts_loss_kwargs and num_items_in_batch is not None
        return told or self.compute_loss_func is not None


class _Stepped(MeZO):
    """A `MeZO` whose step has been made when the Trainer's loop asks for it."""

    def step(self, closure: Any = None, more: bool = False) -> float:
        """Nothing, without a closure."""
        return 0.0 if closure is None else super().step(closure, more)
