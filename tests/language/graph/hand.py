"""Answers made by hand."""

from unfrozen.language.graph import Answered, Completion, Completions, KnowledgeGraph, Question


def answered(subject, shares, *, relation="capital", rest=0.0, least=0.005, **more):
    """An answer of given probabilities."""
    found = sorted(shares.items(), key=lambda one: (-one[1], one[0]))
    completions = Completions(tuple(Completion(o, p) for o, p in found), rest, least)
    objects = more.pop("objects", tuple(shares))
    fields = {name: more.pop(name) for name in ("truth", "intended") if name in more}
    question = Question(subject, relation, "The capital of {} is", objects, **fields)
    share = completions.shares[found[0][0]]
    return Answered(question, completions, more.pop("confidence", share), **more)


def graph(*answers, model="a model", **more):
    """A graph of answers."""
    return KnowledgeGraph(model, answers, **more)
