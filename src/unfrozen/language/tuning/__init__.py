"""What a language model is tuned on: examples, and what of them is to be made small."""

from unfrozen.language.tuning.examples import Example, read_examples
from unfrozen.language.tuning.task import Task

__all__ = ["Example", "Task", "read_examples"]
