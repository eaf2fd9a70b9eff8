"""Continual learning: streams of tasks, learners of many kinds, and what each forgets.

A stream brings tasks one after the other; a learner takes each image once and is never told which
task it is in.  Learners by backpropagation stand beside those that write to associative memories.
"""

from unfrozen.learning.continual.learners import LEARNERS, Batch, Inputs, Kind, Learner, make
from unfrozen.learning.continual.metrics import (
    average_accuracy,
    average_forgetting,
    backward_transfer,
    forward_transfer,
    plasticity_lost,
)
from unfrozen.learning.continual.run import Online, Run, run, run_online
from unfrozen.learning.continual.streams import (
    Stream,
    Task,
    class_incremental,
    permuted,
    rotated,
)

__all__ = [
    "LEARNERS",
    "Batch",
    "Inputs",
    "Kind",
    "Learner",
    "Online",
    "Run",
    "Stream",
    "Task",
    "average_accuracy",
    "average_forgetting",
    "backward_transfer",
    "class_incremental",
    "forward_transfer",
    "make",
    "permuted",
    "plasticity_lost",
    "rotated",
    "run",
    "run_online",
]
