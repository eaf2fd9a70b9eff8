"""Memory: patterns are stored, damaged and recalled step by step; heads are put in classes."""

import json

import pytest
from playwright.sync_api import expect

from browser.conftest import over, picture, ready


@pytest.fixture
def page(desk):
    return desk.open("memory")


def test_a_damaged_letter_is_recalled_step_by_step(page):
    expect(page.locator("#recall-found .mark.yes")).to_be_visible()
    expect(page.locator("#recall-found")).to_contain_text("It fell into A")
    expect(page.locator("#recall-found .main-svg").first).to_be_visible()
    picture(page, "memory-recall")
    step = page.get_by_label("Step", exact=True)
    step.focus()
    page.keyboard.press("Home")
    expect(page.locator("#recall-found")).to_contain_text("Step 0 of")
    expect(page.get_by_role("button", name="One step back")).to_be_disabled()
    page.get_by_role("button", name="One step on").click()
    expect(page.locator("#recall-found")).to_contain_text("Step 1 of")


@pytest.mark.parametrize("network", ["dense", "classical", "kernel"])
def test_every_network_answers(page, network):
    page.get_by_role("button", name="Z", exact=True).click()
    page.get_by_label("Network").select_option(network)
    expect(page.locator("#recall-found .mark")).to_be_visible()
    expect(page.locator("#recall-fault .fault")).to_have_count(0)
    picture(page, f"memory-{network}")


def test_a_pattern_is_drawn_and_stays_after_a_reload(page):
    page.get_by_role("button", name="Draw one").click()
    dialog = page.get_by_role("dialog")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(dialog.locator('[aria-pressed="true"]')).to_have_count(2)
    picture(page, "memory-draw")
    dialog.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("button", name="drawn 1")).to_have_attribute("aria-pressed", "true")
    page.reload()
    ready(page)
    expect(page.get_by_role("button", name="drawn 1")).to_be_visible()


def test_patterns_come_from_a_file_and_other_files_are_refused(page, tmp_path):
    good, bad = tmp_path / "rows.json", tmp_path / "rows.pkl"
    good.write_text(json.dumps([[1, -1] * 8, [-1, 1] * 8, [1] * 16]))
    bad.write_bytes(b"\x80\x04K\x01.")
    page.get_by_text("From a file").click()
    page.get_by_label("Rows of numbers").set_input_files(bad)
    expect(page.get_by_role("alert")).to_contain_text("is not taken")
    picture(page, "memory-error")
    page.get_by_label("Rows of numbers").set_input_files(good)
    expect(page.locator("#stored .pattern")).to_have_count(3)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_heads_are_put_in_classes(page):
    page.get_by_role("tab", name="Heads").click()
    page.get_by_label("Rows of text").fill("2")
    page.get_by_label("Tokens of a row").fill("64")
    page.get_by_role("button", name="Look at the heads").click()
    over(page, "#heads-job")
    expect(page.locator("#heads-found")).to_contain_text("270 heads in 30 layers")
    picture(page, "memory-heads")
