"""Papers: every claim beside what was measured, found by words, and run again."""

import pytest
from playwright.sync_api import expect

from browser.conftest import LONG, over, picture, ready
from unfrozen.papers.running import runner


@pytest.fixture
def page(desk):
    return desk.open("papers")


def test_every_claim_of_every_paper_is_there(page):
    papers = page.locator("article.paper")
    expect(papers).to_have_count(len(runner.names()))
    claims = sum(len(runner.load(name).claims) for name in runner.names())
    expect(page.locator("article.paper tbody tr")).to_have_count(claims)
    picture(page, "papers")


def test_claims_are_found_by_words_and_by_what_became_of_them(page):
    page.get_by_label("Search").fill("hopfield capacity")
    expect(page.locator("article.paper").first).to_contain_text("138")
    page.get_by_label("Claims", exact=True).select_option("fails")
    page.get_by_label("Search").fill("")
    expect(page.locator("article.paper .mark.yes", has_text="✓ holds")).to_have_count(0)
    page.get_by_label("Search").fill("no such words")
    expect(page.locator("#papers")).to_contain_text("No claim is of that kind")


def test_a_paper_is_run_again_shown_after_a_reload_and_stopped(page):
    page.get_by_role("button", name="Run rome again").click()
    bar = page.locator("#papers-job")
    expect(bar.get_by_role("button", name="Stop")).to_be_visible()
    page.reload()
    ready(page)
    expect(bar.get_by_role("button", name="Stop")).to_be_visible(timeout=LONG)
    expect(page.get_by_role("button", name="Run memit again")).to_be_disabled()
    picture(page, "papers-running")
    bar.get_by_role("button", name="Stop").click()
    over(page, "#papers-job", "Stopped after")
    expect(page.get_by_role("button", name="Run memit again")).to_be_enabled()
