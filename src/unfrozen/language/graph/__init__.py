"""What a model knows, as a graph: subjects, relations, objects with probabilities; and diffs."""

from unfrozen.language.graph.completion import Completion, Completions, complete
from unfrozen.language.graph.difference import Difference, Moved, differ
from unfrozen.language.graph.knowledge import Answered, KnowledgeGraph, ask_graph
from unfrozen.language.graph.questions import Question, questions_of
from unfrozen.language.graph.reliability import Calibration, Reliability, calibrate, reliability

__all__ = [
    "Answered",
    "Calibration",
    "Completion",
    "Completions",
    "Difference",
    "KnowledgeGraph",
    "Moved",
    "Question",
    "Reliability",
    "ask_graph",
    "calibrate",
    "complete",
    "differ",
    "questions_of",
    "reliability",
]
