"""Agent: a life is lived and watched in two tabs, paused, changed, asked why, found again."""

import pytest
from playwright.sync_api import expect

from browser.conftest import over, picture, ready


@pytest.fixture
def page(desk):
    page = desk.open("agent")
    if page.locator("#nobody").is_visible():
        page.get_by_role("button", name="Begin this life").click()
        expect(page.locator("#lived")).to_be_visible()
    return page


def live(page, errands, delay="0"):
    page.get_by_label("Errands", exact=True).fill(str(errands))
    page.get_by_label("Rest at a step").fill(delay)
    page.get_by_role("button", name="Live", exact=True).click()


def test_a_life_is_lived_and_modules_are_lit(page):
    live(page, 6)
    over(page, "#live-job")
    expect(page.locator("#score")).to_contain_text("6 of 6 errands done")
    expect(page.locator("#modules li")).to_have_count(8)
    expect(page.locator("#modules li.acts").first).to_be_visible()
    expect(page.locator("#town svg .agent")).to_be_visible()
    picture(page, "agent-lived")


def test_two_tabs_see_the_same_life_that_waits_and_goes_on(desk, page):
    other = desk.open("agent")
    live(page, 2, "0.3")
    expect(other.get_by_role("button", name="Pause")).to_be_enabled()
    other.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    page.wait_for_timeout(600)
    before = page.locator("#when").inner_text()
    expect(other.locator("#when")).to_have_text(before)
    page.get_by_role("button", name="One step", exact=True).click()
    expect(page.locator("#when")).not_to_have_text(before)
    picture(page, "agent-paused")
    page.reload()
    ready(page)
    expect(page.get_by_role("button", name="Go on")).to_be_enabled()
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Rest at a step").fill("0")
    over(page, "#live-job")


def test_something_is_changed_and_it_recovers(page):
    place = page.get_by_label("Where").input_value()
    page.get_by_role("button", name="Change it").click()
    expect(page.locator("#change-told")).to_contain_text("Changed")
    live(page, 5)
    over(page, "#live-job")
    expect(page.locator("#record")).to_contain_text(f"moves to the {place}")
    expect(page.locator("#curve .main-svg").first).to_be_visible()
    picture(page, "agent-changed")


def test_a_step_of_the_past_is_asked_why(page):
    page.get_by_role("button", name="Show errand 5").click()
    expect(page.locator("#when")).to_contain_text("errand 5, step 0")
    page.get_by_role("button", name="One step on").click()
    expect(page.locator("#when")).to_contain_text("errand 5, step 1")
    page.get_by_role("button", name="Why this step?").click()
    over(page, "#why-job")
    expect(page.locator("#why-found")).to_contain_text("effort")
    picture(page, "agent-why")


def test_what_cannot_be_is_told(page):
    page.get_by_text("Begin another").click()
    page.get_by_label("Name").fill("life")
    page.get_by_role("button", name="Begin this life").click()
    expect(page.get_by_role("alert")).to_contain_text("is in use")
    picture(page, "agent-error")
