"""The frame: pages, their files, and errors as one line."""

import hashlib
import importlib
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.workbench.conftest import ADDRESS, TOKEN

from unfrozen.errors import UnfrozenError
from unfrozen.workbench.pages import PAGES
from unfrozen.workbench.server.app import STATIC, create_app


@pytest.mark.parametrize("one", PAGES, ids=lambda page: page.name)
def test_every_page_stands_in_the_frame_and_all_that_it_loads_is_here(page, one):
    html = page.get(f"/{one.name}").text
    assert f"<title>{one.title} · unfrozen</title>" in html
    assert html.count("aria-current=page") == 1
    assert re.findall(r'<li><a href="/(\w+)"', html) == [p.name for p in PAGES]
    assert "{{" not in html
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(set(ids)) == len(ids)
    targets = re.findall(r'\s(?:for|aria-controls|aria-labelledby)="([^"]+)"', html)
    assert set(targets) <= set(ids)
    loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', html)
    assert f"/static/pages/{one.name}/page.js" in loaded
    for path in loaded:
        assert page.get(path).status_code == 200, path


def test_the_modules_import_what_is_there_and_nothing_from_elsewhere():
    for module in STATIC.rglob("*.js"):
        if "vendor" in module.parts:
            continue
        text = module.read_text(encoding="utf-8")
        assert "innerHTML" not in text, module
        assert not re.search(r"https?://", text), module
        for path in re.findall(r'(?:from|import) "([^"]+)"', text):
            assert (module.parent / path).is_file(), (module, path)


def test_what_is_vendored_is_what_its_note_says():
    folder = STATIC / "vendor" / "plotly"
    note = (folder / "VERSION.md").read_text(encoding="utf-8")
    file = folder / "plotly-cartesian.min.js"
    assert hashlib.sha256(file.read_bytes()).hexdigest() in note
    version = re.search(r"plotly.js-cartesian-dist-min (\S+),", note)[1]
    assert f"v{version}" in file.read_text(encoding="utf-8")[:200]
    assert "MIT" in (folder / "LICENSE").read_text(encoding="utf-8")


def test_the_door_leads_to_the_first_page_and_out_of_the_address(page):
    entered = page.client.get("/", params={"token": TOKEN})
    assert f'url=/{PAGES[0].name}"' in entered.text
    again = page.client.get("/", follow_redirects=False)
    assert again.headers["location"] == f"/{PAGES[0].name}"


def test_errors_are_json_with_one_line(page):
    assert page.refused(page.get("/api/nowhere")) == "Not Found"
    assert "no job 99" in page.refused(page.get("/api/jobs/99"))
    assert page.refused(page.post("/api/knowledge/ask", {})).startswith("prompt: ")
    unknown = page.post("/api/knowledge/ask", {"prompt": "a", "colour": "red"})
    assert page.refused(unknown).startswith("colour: ")


def test_a_bug_is_told_as_one_and_the_rest_goes_on(settings, monkeypatch):
    app = create_app(settings)

    def broken(number):
        raise ZeroDivisionError("no")

    monkeypatch.setattr(app.state.bench.jobs, "get", broken)
    client = TestClient(app, base_url=ADDRESS, raise_server_exceptions=False)
    client.get("/", params={"token": TOKEN})
    failed = client.get("/api/jobs/1")
    assert failed.status_code == 500
    assert failed.json()["error"].startswith("a bug of unfrozen")


def test_a_new_error_of_ours_needs_no_line_here(settings):
    class NewError(UnfrozenError):
        pass

    app = create_app(settings)

    @app.get("/api/new")
    def new():
        raise NewError("do\nthis")

    client = TestClient(app, base_url=ADDRESS)
    client.get("/", params={"token": TOKEN})
    assert client.get("/api/new").json() == {"error": "do this"}


def test_no_page_is_heavy():
    ours = [p for p in STATIC.rglob("*") if p.is_file() and "vendor" not in Path(p).parts]
    assert sum(p.stat().st_size for p in ours) < 300_000


def test_what_a_first_answer_would_wait_for_is_imported_as_soon_as_it_serves(
    settings, tmp_path, monkeypatch
):
    (tmp_path / "slow_page.py").write_text("CALLED = []\ndef get(): CALLED.append(1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    asked = ("no_such_module", "slow_page", "slow_page:missing", "slow_page:get")
    with TestClient(create_app(settings, [replace(PAGES[0], slow=asked)]), base_url=ADDRESS):
        for _ in range(1000):
            # It stands there before it is read to its end.
            if getattr(sys.modules.get("slow_page"), "CALLED", ()):
                break
            time.sleep(0.01)
        assert sys.modules.pop("slow_page").CALLED == [1]


@pytest.mark.parametrize("slow", [slow for page in PAGES for slow in page.slow])
def test_what_is_imported_early_is_there(slow):
    name, _, function = slow.partition(":")
    module = importlib.import_module(name)
    assert not function or callable(getattr(module, function))
