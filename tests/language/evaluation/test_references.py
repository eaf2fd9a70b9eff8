"""The reference score against scikit-learn used plainly, and GE against nltk."""

import math
import re

import nltk
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from unfrozen.errors import FactError
from unfrozen.language.evaluation import References, fluency, references_from
from unfrozen.language.facts import Fact

CORPUS = ["Rome is in Italy.", "The Colosseum is in Rome.", "Paris is in France.", "It is old."]


def test_the_score_is_the_cosine_of_tf_idf_vectors():
    written = ["The tower is in Rome, Italy", "Rome is old, as is the tower"]
    vectorizer = TfidfVectorizer().fit(CORPUS)
    vectors = vectorizer.transform([" ".join(written), " ".join(CORPUS[:2])])
    expected = cosine_similarity(vectors[0], vectors[1])[0, 0]
    scorer = References([*CORPUS, CORPUS[0]])  # a text that comes twice is one text
    assert scorer.score(written, CORPUS[:2]) == pytest.approx(expected)
    assert 0 < expected < 1
    assert scorer.score(CORPUS[:2], CORPUS[:2]) == pytest.approx(1)
    assert scorer.score(["nothing known"], CORPUS[:2]) == 0


def test_a_corpus_without_words_is_refused():
    with pytest.raises(FactError, match="no words"):
        References(["!", "?"])


def test_references_are_what_is_true_of_others():
    facts = [
        Fact("France", "The capital of {} is", "Paris", paraphrases=("France is ruled from",)),
        Fact("Louvre", "The {} is in", "paris"),
        Fact("Etna", "{} is in", None, "Spain"),
    ]
    assert references_from(facts) == {
        "paris": (
            "The capital of France is Paris.", "France is ruled from Paris.",
            "The Louvre is in paris.",
        )
    }  # fmt: skip


def published(text):
    """The published code of GE, over nltk's n-grams and counts, with our words."""
    words = re.findall(r"\w+|[^\w\s]", text)
    entropies = []
    for n in (2, 3):
        counts = np.array(list(nltk.FreqDist(nltk.ngrams(words, n)).values()), dtype=float)
        shares = counts / counts.sum()
        entropies.append(np.sum(-shares * np.log(shares) / np.log(2)))
    return float(np.mean(np.array(entropies) * np.array([2 / 3, 4 / 3])))


@given(st.lists(st.sampled_from(["Rome", "is", "in", "old", ",", "."]), min_size=3, max_size=40))
def test_generation_entropy_is_the_published_one(words):
    text = " ".join(words)
    assert fluency(text) == pytest.approx(published(text), abs=1e-12)


def test_words_are_those_of_nltk_where_none_is_contracted():
    text = 'The tower, in 1889 (the year), is "old". Is it? It is; and so on: 300 m.'
    ours = re.findall(r"\w+|[^\w\s]", text)
    theirs = nltk.NLTKWordTokenizer().tokenize(text)
    plain = [w.replace("``", '"').replace("''", '"') for w in theirs]
    # nltk leaves a full stop on a word in the middle of a text.
    assert [p for w in plain for p in re.findall(r"\w+|[^\w\s]", w)] == ours
    assert math.isfinite(fluency(text))
