"""A workbench on the real model, served to a real browser; every test leaves a picture."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from browser.chromium import chromium

PICTURES = Path("reports") / "browser"
AXE = Path(__file__).parent / "axe" / "axe.min.js"
LONG = 300_000
"""Milliseconds that model work may take on a busy machine."""

expect.set_options(timeout=20_000)


def pytest_collection_modifyitems(items):
    """The stories of a page go first: what they leave is what the pictures show."""
    items.sort(key=lambda item: item.path.name == "test_frame.py")


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def address(home):
    """The address, with its token, of a workbench that runs as a user's does."""
    command = [sys.executable, "-m", "unfrozen.cli.main", "workbench", str(home)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--no-browser"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    try:
        process.stdout.readline()
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.stdout.close()


@pytest.fixture(scope="session")
def root(address):
    return address.partition("/?")[0]


@pytest.fixture(scope="session")
def engine():
    with sync_playwright() as playwright:
        engine = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield engine
        engine.close()


class Desk:
    """A browser of one user: pages in it share their cookie."""

    def __init__(self, engine, address, **options):
        self.context = engine.new_context(viewport={"width": 1280, "height": 900}, **options)
        self.address, self.root = address, address.partition("/?")[0]
        self.faults, self.asked = [], []
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.context.on("weberror", lambda error: self.faults.append(str(error.error)))
        self.context.on("console", self._heard)

    def _heard(self, message):
        refused = "Failed to load resource" in message.text  # the page tells those itself
        if message.type in ("error", "warning") and not refused:
            self.faults.append(message.text)

    def open(self, name):
        """A page in a tab of its own, ready."""
        page = self.context.new_page()
        if len(self.context.pages) == 1:
            page.goto(self.address)
            page.wait_for_url(f"{self.root}/knowledge")
        page.goto(f"{self.root}/{name}")
        ready(page)
        return page


def ready(page):
    expect(page.locator("body[data-ready]")).to_be_attached(timeout=LONG)


def over(page, job, told="Done in"):
    """Wait for a job to end as it should."""
    expect(page.locator(job)).to_contain_text(told, timeout=LONG)


def picture(page, name):
    """Keep what is seen."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(400)  # plotly draws in frames of its own
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def run(page, script):
    """Run a script in a page, past its policy, which the page's own scripts are bound by."""
    session = page.context.new_cdp_session(page)
    found = session.send(
        "Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True}
    )
    session.detach()
    assert "exceptionDetails" not in found, found
    return found["result"].get("value")


def serious(page):
    """What axe finds that is serious, a line each."""
    run(page, f"{AXE.read_text(encoding='utf-8')};0")
    found = run(page, "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
    return [
        f"{one['id']}: {node['html'][:160]} ({node['failureSummary']})"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.fixture
def desk(engine, address):
    desk = Desk(engine, address)
    yield desk
    desk.context.close()
    assert desk.faults == []
    elsewhere = [url for url in desk.asked if not url.startswith((desk.root, "data:", "blob:"))]
    assert elsewhere == []
