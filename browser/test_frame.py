"""The frame: let in by the token, readable everywhere and by everybody, by keyboard alone."""

import pytest
from playwright.sync_api import expect

from browser.conftest import Desk, picture, ready, run, serious
from unfrozen.workbench.pages import PAGES

NAMES = [page.name for page in PAGES]


@pytest.fixture
def visit(engine, address):
    """Pages as somebody with these wishes sees them."""
    desks = []

    def open_(name, **options):
        desks.append(Desk(engine, address, **options))
        return desks[-1].open(name)

    yield open_
    for desk in desks:
        desk.context.close()
        assert desk.faults == []


def panels(page):
    """Every tab of a page in turn, or the page itself."""
    tabs = page.get_by_role("tab")
    yield from range(1) if tabs.count() == 0 else ()
    for i in range(tabs.count()):
        tabs.nth(i).click()
        yield i


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_serious(visit, name, scheme):
    page = visit(name, color_scheme=scheme)
    for i in panels(page):
        page.wait_for_timeout(300)
        assert serious(page) == []
        if i == 0:
            picture(page, f"{name}-{scheme}")


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_read_on_a_phone(visit, name):
    page = visit(name)
    page.set_viewport_size({"width": 375, "height": 800})
    for i in panels(page):
        page.wait_for_timeout(300)
        wide = run(page, "document.scrollingElement.scrollWidth - innerWidth")
        assert wide <= 0
        assert serious(page) == []
        picture(page, f"{name}-phone-{i}")


def test_a_stranger_is_told_what_to_do(engine, root):
    context = engine.new_context()
    page = context.new_page()
    assert page.goto(f"{root}/knowledge").status == 401
    expect(page.get_by_role("heading")).to_have_text("This page needs its token")
    picture(page, "stranger")
    context.close()


def test_the_token_is_out_of_the_address_and_the_cookie_out_of_reach(desk):
    page = desk.open("knowledge")
    assert "token" not in page.url
    assert run(page, "document.cookie") == ""
    (cookie,) = desk.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")


def test_another_page_gets_nothing(desk):
    desk.open("knowledge")
    other = desk.context.new_page()
    other.route("http://evil.example/", lambda route: route.fulfill(body="<h1>evil</h1>"))
    desk.asked.clear()
    other.goto("http://evil.example/")
    desk.asked.clear()
    for options in ("{}", "{mode: 'no-cors', credentials: 'include'}"):
        script = f"fetch('{desk.root}/api/jobs', {options}).then(r => r.text()).catch(() => '')"
        assert run(other, script) == ""
    desk.faults.clear()


def test_the_theme_is_chosen_and_kept(desk):
    page = desk.open("memory")
    html = page.locator("html")
    expect(html).to_have_attribute("data-theme", "light")
    switch = page.get_by_role("button", name="Theme")
    switch.click()
    switch.click()
    expect(switch).to_have_text("Theme: dark")
    expect(html).to_have_attribute("data-theme", "dark")
    page.goto(f"{desk.root}/papers")
    ready(page)
    expect(html).to_have_attribute("data-theme", "dark")


def test_everything_is_reached_by_keyboard(desk):
    page = desk.open("knowledge")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.get_by_role("tab", name="Ask").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Trace")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Trace")).to_be_visible()
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="Diff")).to_have_attribute("aria-selected", "true")
    assert page.url.endswith("#diff")
