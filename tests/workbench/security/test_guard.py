"""What is refused, each by a test of its own; and what is let in."""

import pytest
from fastapi.testclient import TestClient
from tests.workbench.conftest import ADDRESS, TOKEN

from unfrozen.workbench.pages import PAGES
from unfrozen.workbench.server.app import create_app
from unfrozen.workbench.settings import Settings

HEAD = {"Authorization": f"Bearer {TOKEN}"}
PATHS = ["/api/jobs", "/static/shared/api.js", *(f"/{page.name}" for page in PAGES)]


def error(response):
    return response.json()["error"]


@pytest.mark.parametrize("path", PATHS)
def test_whoever_has_no_token_is_refused(stranger, path):
    assert stranger.get(path).status_code == 401


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é"])
def test_another_token_is_refused(stranger, token):
    assert stranger.get("/", params={"token": token}).status_code == 401
    assert "set-cookie" not in stranger.get("/", params={"token": token}).headers
    stranger.cookies.set("unfrozen-8421", token.encode("ascii", "ignore").decode())
    assert stranger.get("/api/jobs").status_code == 401


def test_the_token_of_an_address_counts_at_the_door_only(stranger):
    assert stranger.get("/api/jobs", params={"token": TOKEN}).status_code == 401
    assert stranger.get("/knowledge", params={"token": TOKEN}).status_code == 401


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(stranger):
    response = stranger.get("/", params={"token": TOKEN})
    cookie = response.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in response.text
    assert stranger.get("/api/jobs").status_code == 200


def test_a_script_gets_in_by_a_header(stranger):
    assert stranger.get("/api/jobs", headers=HEAD).status_code == 200
    asked = stranger.post("/api/jobs/1/stop", headers=HEAD)
    assert "no job 1" in error(asked)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8421", "127.0.0.1", "127.0.0.1:80", "localhost:1", ""]
)
def test_another_host_is_refused_so_that_no_name_can_be_pointed_here(stranger, host):
    refused = stranger.get("/api/jobs", headers={**HEAD, "Host": host})
    assert refused.status_code == 403
    assert "is not this workbench" in error(refused)


@pytest.mark.parametrize("host", ["127.0.0.1:8421", "localhost:8421", "[::1]:8421"])
def test_the_names_of_this_machine_are_answered(stranger, host):
    assert stranger.get("/api/jobs", headers={**HEAD, "Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:9999", "https://127.0.0.1:8421", "null"]
)
def test_a_request_of_another_page_is_refused(page, origin):
    for method in ("GET", "POST"):
        path = "/api/jobs" if method == "GET" else "/api/jobs/1/stop"
        refused = page.client.request(method, path, headers={"Origin": origin})
        assert refused.status_code == 403
        assert "another page" in error(refused)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_says_comes_from_elsewhere_is_refused(page, site):
    head = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    assert page.client.get("/api/jobs", headers=head).status_code == 403
    assert page.client.get("/static/shared/api.js", headers=head).status_code == 403
    head["Sec-Fetch-Mode"] = "navigate"
    assert page.client.get("/api/jobs", headers=head).status_code == 403


def test_a_write_without_an_origin_is_refused(page):
    assert page.client.post("/api/jobs/1/stop").status_code == 403


def test_a_form_of_another_kind_is_no_json(page):
    head = {"Origin": ADDRESS, "Content-Type": "text/plain"}
    sent = page.client.post("/api/knowledge/ask", content='{"prompt": "a"}', headers=head)
    assert sent.status_code == 422


def test_more_json_than_is_taken_is_refused(page, settings):
    body = {"prompt": "x" * settings.most_json_bytes}
    refused = page.post("/api/knowledge/ask", body)
    assert refused.status_code == 413
    assert "1,000,000 are taken" in error(refused)


def test_more_bytes_than_are_taken_are_refused_even_if_no_length_was_told(home):
    small = Settings(home, token=TOKEN, most_bytes=1000)
    client = TestClient(create_app(small), base_url=ADDRESS)
    path = "/api/knowledge/import?workspace=facts&name=a.safetensors"
    told = client.post(path, content=b"x" * 1001, headers=HEAD)
    untold = client.post(path, content=iter([b"x" * 600, b"x" * 600]), headers=HEAD)
    assert (told.status_code, untold.status_code) == (413, 413)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../settings.py",
        "/static/%2e%2e/settings.py",
        "/static/..%2fmodels.py",
        "/static//etc/passwd",
    ],
)
def test_no_file_outside_the_static_folder_is_given(page, path):
    assert page.get(path).status_code in (401, 404)


def test_pages_run_nothing_but_our_own_files_and_stand_in_no_frame(page):
    head = page.get("/knowledge").headers
    policy = dict(part.strip().split(" ", 1) for part in head["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert head["x-content-type-options"] == "nosniff"
    assert head["referrer-policy"] == "no-referrer"


def test_only_this_machine_reaches_the_pages_unless_another_interface_is_named(home):
    assert Settings(home).host == "127.0.0.1"


def test_tokens_are_long_and_never_the_same(home):
    one, two = Settings(home), Settings(home)
    assert one.token != two.token
    assert len(one.token) >= 43
    assert one.token not in repr(one)


def test_an_address_of_the_network_is_answered_where_all_interfaces_were_named(home):
    wide = Settings(home, host="0.0.0.0", token=TOKEN)
    client = TestClient(create_app(wide), base_url="http://192.168.1.5:8421")
    assert client.get("/api/jobs", headers=HEAD).status_code == 200
    named = {**HEAD, "Host": "evil.example:8421"}
    assert client.get("/api/jobs", headers=named).status_code == 403
