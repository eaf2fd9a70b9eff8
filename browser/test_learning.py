"""Learning: curves come live, a run is stopped, found after a reload, and gone on with."""

import pytest
from playwright.sync_api import expect

from browser.conftest import over, picture, ready


@pytest.fixture
def page(desk):
    return desk.open("learning")


def test_mezo_is_stopped_found_after_a_reload_and_goes_on(page):
    page.get_by_role("button", name="Learn").click()
    expect(page.locator("#mezo-found .told")).to_contain_text("of 3,000")
    expect(page.locator("#mezo-found .main-svg").first).to_be_visible()
    page.locator("#mezo-job").get_by_role("button", name="Stop").click()
    over(page, "#mezo-job", "Stopped after")
    picture(page, "learning-stopped")
    page.reload()
    ready(page)
    expect(page.locator("#mezo-found .told")).to_contain_text("of 3,000")
    page.get_by_role("button", name="Go on").click()
    over(page, "#mezo-job")
    expect(page.locator("#mezo-found .told")).to_contain_text("the same to the bit")
    expect(page.get_by_role("button", name="Go on")).to_be_disabled()
    picture(page, "learning-mezo")


def test_layers_learn_in_both_tabs(desk, page):
    page.get_by_role("tab", name="Forward-Forward").click()
    page.get_by_label("Epochs").fill("12")
    page.get_by_role("button", name="Learn").click()
    other = desk.open("learning#forward")
    for one in (page, other):
        over(one, "#forward-job")
        expect(one.locator("#forward-found .told")).to_contain_text("Epoch 12 of 12")
    picture(page, "learning-forward")


def test_a_setting_that_blows_up_is_no_fault_of_the_page(page):
    page.get_by_label("Steps", exact=True).fill("40")
    page.get_by_label("Step size").first.fill("10")
    page.get_by_role("button", name="Learn").click()
    over(page, "#mezo-job")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_is_refused_is_told(page):
    page.route("**/api/learning/mezo", lambda route: route.continue_(post_data='{"steps": 1}'))
    page.get_by_role("button", name="Learn").click()
    expect(page.get_by_role("alert")).to_contain_text("steps")
    picture(page, "learning-error")
