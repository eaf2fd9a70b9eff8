import pytest

from unfrozen.errors import FactError
from unfrozen.language.evaluation import NAMES, Estimate
from unfrozen.workspace.evaluation import check_limits, missed, read_limits

FIGURES = {
    "S": Estimate(0.8, 0.7, 0.9, 5),
    "efficacy_score": Estimate(0.94, None, None, 5),
    "perplexity_ratio": Estimate(1.2, 1.1, 1.3, 5),
}


def test_limits_that_are_missed_are_told_one_a_line():
    limits = read_limits("S=0.8,efficacy=0.95") + read_limits("perplexity_ratio=1.1", upper=True)
    assert missed(limits, FIGURES) == [
        "efficacy_score is 0.94, under 0.95",
        "perplexity_ratio is 1.2, over 1.1",
    ]
    assert missed(read_limits("S=0.8"), FIGURES) == []
    assert missed(read_limits("S=0.80001"), FIGURES) == ["S is 0.8, under 0.80001"]
    assert "could not be measured" in missed(read_limits("choice=0"), FIGURES)[0]
    broken = {"S": Estimate(float("nan"), None, None, 1)}
    assert missed(read_limits("S=0"), broken)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("S", "'S' is no limit"),
        ("S=high", "'S=high' is no limit"),
        ("S=nan", "no limit"),
        ("", "there is no limit"),
        ("magic=1", "no figure 'magic'"),
        ("drift_mean=1", "give it an upper limit"),
    ],
)
def test_what_is_no_limit_is_refused(text, said):
    with pytest.raises(FactError, match=said):
        read_limits(text)


def test_a_limit_needs_its_metric():
    check_limits(read_limits("S=1"), ["scores"])
    with pytest.raises(FactError, match="S is not measured: add scores"):
        check_limits(read_limits("S=1"), ["drift"])
    names = [name for inside in NAMES.values() for name in inside]
    assert len(names) == len(set(names))
