"""Map: a world is walked by keys, foreseen, found again; units are drawn over its places."""

import pytest
from playwright.sync_api import expect

from browser.conftest import over, picture, ready, run


@pytest.fixture
def page(desk):
    page = desk.open("map")
    page.get_by_label("Worlds").select_option("grid")
    page.get_by_label("Size").fill("5")
    page.get_by_role("button", name="New world").click()
    expect(page.locator("#count")).to_contain_text("0 steps, 1 of 25 places")
    return page


def test_arrow_keys_walk_and_what_comes_round_is_foreseen(page):
    for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown") * 2:
        page.keyboard.press(key)
    for key in ("ArrowLeft", "ArrowDown", "ArrowRight", "ArrowUp") * 2:
        page.keyboard.press(key)
        page.wait_for_timeout(150)
    expect(page.locator("#steps .mark.yes").first).to_be_visible()
    expect(page.locator("#belief")).to_contain_text("it is there")
    picture(page, "map-walked")


def test_a_step_is_answered_at_once(page):
    script = """(async () => {
      const took = [];
      const {id} = await (await fetch('/api/map/walks/last')).json();
      for (let i = 0; i < 20; i++) {
        const began = performance.now();
        await fetch(`/api/map/walks/${id}/step`, {method: 'POST',
          headers: {'Content-Type': 'application/json'}, body: JSON.stringify({action: i % 4})});
        took.push(performance.now() - began);
      }
      return took.sort((a, b) => a - b)[10];
    })()"""
    assert run(page, script) < 200


def test_it_walks_by_itself_and_finds_the_way_in_both_tabs(desk, page):
    other = desk.open("map")
    page.get_by_role("button", name="Walk by itself").click()
    over(page, "#wander-job")
    expect(page.locator("#count")).to_contain_text("60 steps")
    symbol = page.locator("#steps tbody tr:nth-child(8) td:nth-child(4)").inner_text()
    page.get_by_label("To a symbol that was seen").fill(symbol)
    page.get_by_role("button", name="Find the way").click()
    expect(page.locator("#route")).to_contain_text(f"ymbol {symbol}")
    picture(page, "map-route")
    page.keyboard.press("Escape")
    other.reload()
    ready(other)
    expect(other.locator("#count")).to_contain_text("60 steps")
    page.get_by_role("group", name="Steps").get_by_role("button").first.click()
    expect(other.locator("#count")).to_contain_text("61 steps")


def test_it_is_set_down_elsewhere(page):
    page.get_by_role("button", name="Begin elsewhere in it").click()
    expect(page.locator("#steps tbody tr").first).to_contain_text("began")


def test_what_was_not_seen_is_told(page):
    page.get_by_label("To a symbol that was seen").fill("44")
    page.get_by_role("button", name="Find the way").click()
    expect(page.get_by_role("alert")).to_contain_text("was not seen in this world")
    picture(page, "map-error")


@pytest.mark.parametrize(("family", "key"), [("hexagonal", "d"), ("line", "1")])
def test_other_worlds_are_walked_by_other_keys(page, family, key):
    page.get_by_label("Worlds").select_option(family)
    page.get_by_role("button", name="New world").click()
    expect(page.locator("#keys")).to_contain_text("Keys")
    page.locator("main").focus()
    page.keyboard.press(key)
    expect(page.locator("#count")).to_contain_text("1 steps")
    picture(page, f"map-{family}")


def test_units_are_drawn_and_found_again_after_a_reload(page):
    page.get_by_role("tab", name="Rate maps").click()
    page.get_by_role("button", name="Watch units").click()
    over(page, "#cells-job")
    expect(page.locator("#cells-found svg")).to_have_count(12)
    page.reload()
    ready(page)
    expect(page.locator("#cells-found svg")).to_have_count(12)
    picture(page, "map-cells")
