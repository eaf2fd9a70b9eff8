"""Whether a model has read of a subject: an answer about one that it never met is extrapolated.

Last states do not tell: asked for the capital of a country that nobody has heard of, a model is as
sure of being asked for a capital, and its states at the end of the prompt are as near to those of
questions that it answers right as any.  What tells is the subject itself.  Names of real subjects
surprise the model less, token by token, and the state at their last token, in the middle of the
layers, has read who they are (Ferrando et al. 2025, "Do I know this entity?").  So names are made
up from the real ones, letter by letter, and a logistic regression learns to tell them apart.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import FactError
from unfrozen.language.editing.prompts import pad
from unfrozen.language.facts.fact import plain, seeded
from unfrozen.language.graph.completion import Progress
from unfrozen.language.graph.knowledge import KnowledgeGraph
from unfrozen.language.graph.questions import Question
from unfrozen.language.model import LanguageModel
from unfrozen.language.subject import subject_span

FEWEST = 20
"""Of so few subjects nothing is learnt."""

# Chosen on names made up of subjects set apart: where states tell subjects, the penalty of the
# regression, and what the surprise is multiplied by, so that the penalty weighs two numbers
# against the hundreds of a state.
_DEPTH, _C, _SURPRISE = 0.6, 1e-2, 10.0
_FOLDS = 5
_TRIES = 30
# Real subjects of which so many are called extrapolated.
_ALARMS = 0.05
_ROWS = 64
# Letters follow so many before them; fewer where too few names can be made up so.
_LETTERS = (3, 2)


@dataclass(frozen=True)
class Familiarity:
    """Tells subjects that a model has read of from names that are made up.

    Attributes:
        weights: of the surprise (two numbers) and of the state's features.
        constant: of the logistic regression.
        mean: of surprise and state, of real subjects.
        deviation: likewise.
        layer: whose output is the state.
        threshold: log-odds below which a subject counts as unfamiliar: one in twenty real ones
            that the regression had not seen were.
        n: how many real subjects it was learnt from.
    """

    weights: Float[Tensor, " feature"]
    constant: float
    mean: Float[Tensor, " feature"]
    deviation: Float[Tensor, " feature"]
    layer: int
    threshold: float
    n: int

    def log_odds(
        self, lm: LanguageModel, questions: Sequence[Question], progress: Progress | None = None
    ) -> Float[Tensor, " n"]:
        """Log-odds that each question's subject is a real one.

        Args:
            lm: the model.
            questions: about any subjects.
            progress: called as subjects are read.
        """
        features = _features(lm, questions, self.layer, progress)
        return (features - self.mean) / self.deviation @ self.weights + self.constant

    def mark(
        self, lm: LanguageModel, graph: KnowledgeGraph, progress: Progress | None = None
    ) -> KnowledgeGraph:
        """The graph with each subject's familiarity, and what is extrapolated marked.

        Args:
            lm: the model in the graph's state.
            graph: to be marked.
            progress: called as subjects are read.
        """
        odds = self.log_odds(lm, [a.question for a in graph.answers], progress)
        answers = tuple(
            replace(a, familiarity=float(torch.sigmoid(o)), extrapolated=bool(o < self.threshold))
            for a, o in zip(graph.answers, odds, strict=True)
        )
        return replace(graph, answers=answers)


def learn_familiarity(
    lm: LanguageModel,
    questions: Sequence[Question],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Familiarity | None:
    """Learn to tell the subjects of some questions from names made up of them.

    Args:
        lm: the model.
        questions: about subjects that are real.
        seed: of the names.
        progress: called as subjects are read.

    Returns:
        What was learnt; None where there are too few subjects, or no name can be made up.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict

    made = made_up_questions(questions, seed)
    subjects = [plain(q.subject) for q in questions]
    if len(set(subjects)) < FEWEST or len(made) < FEWEST:
        return None
    layer = round((lm.n_layers - 1) * _DEPTH)
    everything = [*questions, *made]
    states = _features(lm, everything, layer, progress)
    real = np.arange(len(everything)) < len(questions)
    mean = states[: len(questions)].mean(0)
    deviation = states[: len(questions)].std(0) + 1e-3
    deviation[:2] /= _SURPRISE
    features = ((states - mean) / deviation).double().cpu().numpy()
    names = [*subjects, *(plain(q.subject) for q in made)]
    regression = LogisticRegression(C=_C, max_iter=1000)
    unseen = cross_val_predict(
        regression,
        features,
        real,
        groups=names,
        cv=GroupKFold(_FOLDS),
        method="decision_function",
    )
    regression.fit(features, real)
    threshold = np.quantile(np.asarray(unseen)[: len(questions)], _ALARMS)
    return Familiarity(
        weights=torch.from_numpy(np.ravel(regression.coef_)).to(states),
        constant=float(np.ravel(regression.intercept_)[0]),
        mean=mean,
        deviation=deviation,
        layer=layer,
        threshold=float(threshold),
        n=len(set(subjects)),
    )


def made_up_questions(questions: Sequence[Question], seed: int) -> list[Question]:
    """As many questions about subjects that do not exist, where so many names can be made up.

    Args:
        questions: about real subjects.
        seed: of the names.
    """
    groups: dict[str, dict[str, Question]] = defaultdict(dict)
    for one in questions:
        groups[one.relation].setdefault(plain(one.subject), one)
    made = []
    for relation, group in groups.items():
        around = list(group.values())
        names = made_up([q.subject for q in around], len(around), seed, relation)
        made += [
            replace(q, subject=name, truth=None, intended=None)
            for q, name in zip(around, names, strict=False)
        ]
    return made


def made_up(names: Sequence[str], number: int, seed: int, *texts: str) -> list[str]:
    """Names like some names, that are none of them: letters follow others as they do in those.

    Args:
        names: real ones.
        number: how many to make at most; there are fewer where there is little to make them of.
        seed: of the draw.
        texts: that the draw depends on too.

    Example:
        >>> made_up(["Bulgaria", "Hungary", "Romania", "Tanzania"], 2, seed=0)
        ['Hungaria', 'Bulgary']
    """
    rng = seeded(seed, "made up", *texts)
    taken = {plain(name) for name in names}
    longest = max(map(len, names), default=0)
    found: list[str] = []
    for letters in _LETTERS:
        follow: dict[str, list[str]] = defaultdict(list)
        for name in names:
            padded = "\0" * letters + name + "\1"
            for at in range(letters, len(padded)):
                follow[padded[at - letters : at]].append(padded[at])
        for _ in range(_TRIES * number if names else 0):
            if len(found) == number:
                return found
            text = "\0" * letters
            while not text.endswith("\1") and len(text) <= longest + letters:
                text += rng.choice(follow[text[-letters:]])
            name = text.strip("\0\1 ")
            key = plain(name)
            # A part of a real name is a name, and one with a real name in it is about that.
            if key and key not in taken and not any(key in o or o in key for o in taken):
                taken.add(key)
                found.append(name)
    return found


@torch.no_grad()
def _features(
    lm: LanguageModel, questions: Sequence[Question], layer: int, progress: Progress | None = None
) -> Float[Tensor, "question feature"]:
    """How surprising each subject's name is, in all and after its first token, and its state."""
    if not questions:
        raise FactError("there is no question whose subject could be read")
    spans = [subject_span(lm.tokenizer, q.template, q.subject) for q in questions]
    found: list[Tensor] = [torch.empty(0)] * len(spans)
    order = sorted(range(len(spans)), key=lambda i: len(spans[i].tokens))
    for at in range(0, len(order), _ROWS):
        part = [spans[i] for i in order[at : at + _ROWS]]
        # Each token of a name is foretold one place before; the first of a text is not.
        places = [list(range(max(s.start - 1, 0), max(s.stop - 1, 1))) for s in part]
        ids = pad([s.tokens for s in part], lm.device)
        run = lm.run(ids, keep=("state",), keep_layers={layer}, read=pad(places, lm.device))
        assert run.logits is not None
        logs = run.logits.float().log_softmax(-1)
        for row, span in enumerate(part):
            told = range(max(span.start, 1), span.stop)
            said = [float(logs[row, j, span.tokens[t]]) for j, t in enumerate(told)]
            rest = said[1:] if span.start else said
            state = run.kept["state"][layer][row, span.stop - 1].float()
            found[order[at + row]] = torch.cat([state.new_tensor([sum(said), sum(rest)]), state])
        if progress is not None:
            progress("Reading subjects", at + len(part), len(order))
    return torch.stack(found)
