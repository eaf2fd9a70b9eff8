import base64
import io
import re
from html.parser import HTMLParser

import matplotlib.figure
import matplotlib.image
import pytest

from unfrozen.errors import DataError
from unfrozen.papers.claim import ClaimSpec, Figure, Outcome, RunRecord, Table
from unfrozen.papers.report import claims_table, render, value_text, write_report

NASTY = "<img src=x onerror=alert(1)> & \"quotes\" 'too'"
VOID = {"meta", "img"}


class Page(HTMLParser):
    """Reads a page, insisting that every element is closed where it should be."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join("".join(self.texts).split())


def _record(*claims):
    return RunRecord(
        paper=NASTY, budget="quick", claims=claims, seconds=3725.0, peak_memory_bytes=2_500_000_000,
        flops=12_345_678_901_234, seeds=(3,), versions={"torch": NASTY},
        machine={"processor": NASTY, "memory_bytes": 8_000_000_000, "gpu": None}, commit=None,
    )  # fmt: skip


HOLDS = ClaimSpec("p.good", NASTY, 0.9, NASTY).measured(0.95, deviation=0.02, holds=True)
FAILS = ClaimSpec("p.bad", "Text.", None, "s").measured(12, holds=False, note=NASTY)
NOTHING = ClaimSpec("p.none", "Text.", True, "").failed("raised")


@pytest.fixture(scope="module")
def text():
    figure = matplotlib.figure.Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [1, 0])
    outcome = Outcome(
        (), (Figure(NASTY, figure, NASTY),), (Table(NASTY, (NASTY, "n"), ((NASTY, 1.5),), NASTY),)
    )
    return render(_record(HOLDS, FAILS, NOTHING), outcome, command=NASTY, data=NASTY)


def test_nothing_a_user_wrote_becomes_markup(text):
    page = Page(text)
    assert text.count("<img") == 1
    assert {tag for tag, _ in page.tags} & {"script", "iframe", "link", "object"} == set()
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert page.text.count(NASTY) == 16


def test_the_page_stands_alone(text):
    sources = re.findall(r"(?:src|href)\s*=\s*\"([^\"]*)\"", text)
    assert [s[:15] for s in sources] == ["data:image/png;", "&lt;img src=x o"]
    assert "url(" not in text
    assert "@import" not in text


def test_the_figure_is_in_the_page(text):
    (data,) = re.findall(r"base64,([^\"]+)", text)
    picture = matplotlib.image.imread(io.BytesIO(base64.b64decode(data)), format="png")
    assert picture.shape[0] > 50
    assert picture.std() > 0


def test_every_claim_shows_both_figures_and_a_verdict_in_words(text):
    page = Page(text)
    assert "0.95 ± 0.02" in page.text
    assert "1 of 3 claims hold" in page.text
    assert page.texts.count("✓ holds") == 1
    assert page.texts.count("✗ does not hold") == 2
    for claim in (HOLDS, FAILS, NOTHING):
        assert claim.id in page.texts
    assert "12 s" in page.texts


def test_cost_environment_and_budget_are_in_words(text):
    page = Page(text)
    for expected in ("1 h 2 min", "2.5 GB", "1.23e+13", "8 GB", "quick run", "not from a checkout"):
        assert expected in page.text
    assert "GPU" not in page.text


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(DataError):
        write_report(_record(HOLDS), Outcome(()), blocked / "page.html")
    target = tmp_path / "page.html"
    figure = matplotlib.figure.Figure()
    figure.savefig = None
    with pytest.raises(TypeError):
        write_report(_record(HOLDS), Outcome((), (Figure("f", figure),)), target)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_the_table_for_the_terminal_has_a_row_a_claim():
    table = claims_table(_record(HOLDS, FAILS, NOTHING))
    assert [row[0] for row in table.rows] == ["p.good", "p.bad", "p.none"]
    assert [row[-1] for row in table.rows] == ["✓ holds", "✗ does not", "✗ does not"]
    assert value_text(NOTHING) == "–"
