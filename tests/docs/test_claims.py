import dataclasses
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def claims():
    file = ROOT / "docs" / "extensions" / "claims.py"
    spec = importlib.util.spec_from_file_location("docs_claims", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(text, claim):
    """The lines of a claim's row, from its target to the next row."""
    return text.split(f"(claim-{claim.replace('.', '-')})=")[1].split("\n* -")[0].split("::::")[0]


def test_every_registered_claim_is_there_once(claims):
    papers = claims.experiments()
    text = claims.page(papers, claims.records())
    for paper in papers.values():
        for spec in paper.claims:
            assert text.count(f"`{spec.id}`") == 1


def test_what_was_measured_is_told_as_it_is_kept(claims):
    kept = claims.records()
    text = claims.page(claims.experiments(), kept)
    assert kept
    for record in kept.values():
        for claim in record.claims:
            assert ("✓ holds" if claim.holds else "✗ does not hold") in row(text, claim.id)


def test_a_claim_that_fails_is_shown_so(claims):
    papers, kept = claims.experiments(), claims.records()
    name, record = next((n, r) for n, r in kept.items() if all(c.holds for c in r.claims))
    broken = dataclasses.replace(record.claims[0], holds=False, value=12.5, deviation=None)
    kept[name] = dataclasses.replace(record, claims=(broken, *record.claims[1:]))
    found = row(claims.page(papers, kept), broken.id)
    assert "✗ does not hold" in found
    assert "12.5" in found


def test_without_a_record_a_paper_is_not_yet_run(claims):
    papers = claims.experiments()
    text = claims.page(papers, {})
    assert "✓" not in text
    assert "✗" not in text
    for name in papers:
        assert f"$ unfrozen reproduce {name}\n" in text


def test_a_figure_can_be_asked_for(claims):
    papers, kept = claims.experiments(), claims.records()
    record = next(iter(kept.values()))
    assert claims.measured(record.claims[0].id, papers, kept).split(" ")[0].strip()
    assert claims.measured(record.claims[0].id, papers, {}) == claims.NOT_RUN
    with pytest.raises(KeyError):
        claims.measured("no.claim", papers, kept)


def test_text_is_no_markup(claims):
    assert claims.plain("a_b*c $d$ <e>\n|f|") == r"a\_b\*c \$d\$ \<e\> \|f\|"


def test_pages_ask_only_for_claims_that_there_are(claims):
    papers, kept = claims.experiments(), claims.records()
    pages = [*(ROOT / "docs").glob("**/*.md"), *(ROOT / "examples").glob("*.py")]
    for path in pages:
        for claim in re.findall(r"(?:\{claim\}|:claim:)`([^`]+)`", path.read_text()):
            claims.measured(claim, papers, kept)
