"""What a model knows, as a graph: subjects, relations, objects with probabilities; and diffs."""

from unfrozen.language.graph.completion import Completion, Completions, complete
from unfrozen.language.graph.difference import Difference, Moved, differ
from unfrozen.language.graph.familiarity import Familiarity, learn_familiarity, made_up
from unfrozen.language.graph.knowledge import Answered, KnowledgeGraph, ask_graph, write_graphml
from unfrozen.language.graph.questions import Question, question_about, questions_of
from unfrozen.language.graph.reading import Reading, Separation, assess, read_graph
from unfrozen.language.graph.reliability import Calibration, Reliability, calibrate, reliability

__all__ = [
    "Answered",
    "Calibration",
    "Completion",
    "Completions",
    "Difference",
    "Familiarity",
    "KnowledgeGraph",
    "Moved",
    "Question",
    "Reading",
    "Reliability",
    "Separation",
    "ask_graph",
    "assess",
    "calibrate",
    "complete",
    "differ",
    "learn_familiarity",
    "made_up",
    "question_about",
    "questions_of",
    "read_graph",
    "reliability",
    "write_graphml",
]
