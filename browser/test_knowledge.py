"""Knowledge: a workspace is made, a fact asked, traced, rewritten, compared and taken back."""

import pytest
from playwright.sync_api import expect

from browser.conftest import LONG, over, picture, ready

PARIS = "The Eiffel Tower is located in the city of"


def choose(page, name):
    """A workspace, made if it is not there."""
    where = page.locator("#where")
    if page.locator(f'#where option[value="workspace:{name}"]').count() == 0:
        page.get_by_text("New workspace").click()
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_role("button", name="Make").click()
        expect(page.locator(f'#where option[value="workspace:{name}"]')).to_be_attached(
            timeout=LONG
        )
    where.select_option(f"workspace:{name}")


def tab(page, name):
    page.get_by_role("tab", name=name).click()
    return page.get_by_role("tabpanel", name=name)


def first_token(panel, number=0):
    return panel.locator(".bars").nth(number).locator(".name").first


@pytest.fixture
def page(desk):
    return desk.open("knowledge")


def test_a_fact_is_traced_rewritten_compared_and_taken_back(page):
    choose(page, "facts")
    asking = tab(page, "Ask")
    asking.get_by_label("Prompt").fill(PARIS)
    asking.get_by_role("button", name="Ask").click()
    over(page, "#ask-job")
    expect(first_token(asking)).to_have_text("␣Paris")
    picture(page, "knowledge-ask")

    tracing = tab(page, "Trace")
    tracing.get_by_label("Noise samples").fill("2")
    tracing.get_by_role("button", name="Trace").click()
    expect(tracing.locator(".maps figure").first).to_be_visible(timeout=LONG)
    over(page, "#trace-job")
    expect(tracing.locator(".maps figure")).to_have_count(3)
    picture(page, "knowledge-trace")
    cell = tracing.locator(".cell")
    tracing.locator(".maps figure").nth(1).locator(".nsewdrag").click(position={"x": 200, "y": 40})
    expect(cell).to_contain_text("MLP outputs, layer")
    before = cell.inner_text()
    tracing.get_by_role("application").nth(1).focus()
    page.keyboard.press("ArrowRight")
    expect(cell).not_to_have_text(before)
    tracing.get_by_role("application").nth(0).focus()
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    cell.get_by_role("button", name="Edit in layer 3").click()

    editing = page.get_by_role("tabpanel", name="Edit")
    expect(editing.get_by_label("Layer")).to_have_value("3")
    editing.get_by_label("New object").fill("Rome")
    editing.get_by_text("What else to measure").click()
    editing.get_by_label("Neighbours").fill("The Louvre is located in the city of")
    editing.get_by_label("Without the second moment").check()
    editing.get_by_role("button", name="Edit").click()
    over(page, "#edit-job")
    expect(first_token(editing, 0)).to_have_text("␣Paris")
    expect(first_token(editing, 1)).to_have_text("␣Rome")
    expect(editing.get_by_role("row", name="Efficacy 0.000 1.000")).to_be_visible()
    picture(page, "knowledge-edit")

    tab(page, "Diff").get_by_role("button", name="Compare").click()
    over(page, "#diff-job")
    expect(page.locator("#diff-found")).to_contain_text("Deliberate changes that are there: 1 of 1")
    picture(page, "knowledge-diff")

    log = tab(page, "Log")
    expect(log.get_by_text("Eiffel Tower: Paris → Rome")).to_be_visible()
    picture(page, "knowledge-log")
    log.get_by_role("button", name="Revert").click()
    expect(log.get_by_role("button", name="Restore")).to_be_visible()
    tab(page, "Ask").get_by_role("button", name="Ask").click()
    expect(page.locator("#ask-found")).to_contain_text("facts, 0 changes", timeout=LONG)
    expect(first_token(page.locator("#ask-found"))).to_have_text("␣Paris")


def test_a_graph_is_drawn_and_filtered(page):
    panel = tab(page, "Graph")
    panel.get_by_label("Subjects of a relation").fill("6")
    panel.get_by_role("button", name="Read the graph").click()
    over(page, "#graph-job")
    rows = panel.locator("tbody tr")
    expect(rows).to_have_count(6)
    picture(page, "knowledge-graph")
    panel.get_by_label("Least confidence").fill("1")
    expect(rows).not_to_have_count(6)


def test_what_is_refused_is_told_where_it_was_asked(page):
    panel = tab(page, "Trace")
    panel.get_by_label("Subject").fill("Louvre")
    panel.get_by_role("button", name="Trace").click()
    expect(panel.get_by_role("alert")).to_contain_text("is not in the prompt", timeout=LONG)
    picture(page, "knowledge-error")
    panel.get_by_label("Subject").fill("Eiffel Tower")
    expect(panel.get_by_role("button", name="Trace")).to_be_enabled()


def test_long_work_survives_a_reload_and_can_be_stopped(page):
    panel = tab(page, "Trace")
    panel.get_by_label("Subject").fill("Eiffel Tower")  # what was asked last is there again
    panel.get_by_label("Noise samples").fill("16")
    panel.get_by_role("button", name="Trace").click()
    expect(panel.get_by_role("button", name="Stop")).to_be_visible()
    page.reload()
    ready(page)
    expect(page.get_by_role("tab", name="Trace")).to_have_attribute("aria-selected", "true")
    expect(panel.get_by_label("Noise samples")).to_have_value("16")
    expect(page.locator("#trace-job")).to_contain_text("Restoring states", timeout=LONG)
    picture(page, "knowledge-progress")
    panel.get_by_role("button", name="Stop").click()
    over(page, "#trace-job", "Stopped after")
    expect(panel.get_by_role("button", name="Trace")).to_be_enabled()


def test_two_tabs_see_one_log(desk):
    one = desk.open("knowledge")
    choose(one, "shared")
    two = desk.open("knowledge")
    choose(two, "shared")
    log = tab(two, "Log")
    editing = tab(one, "Edit")
    editing.get_by_label("Without the second moment").check()
    editing.get_by_role("button", name="Edit").click()
    # The other tab goes on answering while this one works.
    tab(two, "Ask")
    tab(two, "Log")
    over(one, "#edit-job")
    expect(log.get_by_role("button", name="Revert")).to_be_visible()
    log.get_by_role("button", name="Revert").click()
    expect(log.get_by_role("button", name="Restore")).to_be_visible()
    expect(tab(one, "Log").get_by_role("button", name="Restore")).to_be_visible()
