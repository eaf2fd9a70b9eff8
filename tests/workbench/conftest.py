"""A workbench over a folder with one workspace of a tiny model, and what asks it as a page does."""

import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from unfrozen.data.models import load_pretrained, weights_hash
from unfrozen.workbench.server.app import create_app
from unfrozen.workbench.settings import Settings
from unfrozen.workspace import Workspace

TOKEN = "a-token-for-tests"
ADDRESS = "http://127.0.0.1:8421"


class Page:
    """What a page does: sends JSON with its origin, and follows jobs to their end."""

    def __init__(self, client):
        self.client = client

    def get(self, path, **query):
        return self.client.get(path, params=query)

    def post(self, path, body=None, **query):
        return self.client.post(path, json=body or {}, params=query, headers={"Origin": ADDRESS})

    def upload(self, path, data, **query):
        headers = {"Origin": ADDRESS, "Content-Type": "application/octet-stream"}
        return self.client.post(path, content=data, params=query, headers=headers)

    def job(self, path, body):
        """A job's last state."""
        begun = self.post(path, body)
        assert begun.status_code == 200, begun.text
        return self.follow(begun.json()["id"])

    def follow(self, number, until=lambda job: job["over"]):
        for _ in range(2000):
            job = self.get(f"/api/jobs/{number}").json()
            if until(job):
                return job
            time.sleep(0.02)
        raise AssertionError(f"job {number} does not end: {job}")

    def done(self, path, body):
        """What a job that works found."""
        job = self.job(path, body)
        assert job["status"] == "done", job
        return job["result"]

    def refused(self, response):
        """The one line of a refusal."""
        assert response.status_code >= 400, response.text
        line = response.json()["error"]
        assert line
        assert "\n" not in line
        return line


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The workbench's folder; caches are its own."""
    monkeypatch.setenv("UNFROZEN_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def settings(home, tiny_folder):
    return Settings(home, model=str(tiny_folder), token=TOKEN)


@pytest.fixture
def stranger(settings):
    """A browser that has no token."""
    app = create_app(settings)
    # Not entered, so that no model is loaded before one is asked for.
    yield TestClient(app, base_url=ADDRESS)
    jobs = app.state.bench.jobs
    jobs.close()
    for _ in range(1000):
        if all(job.over for job in jobs.all()):
            break
        time.sleep(0.01)


@pytest.fixture
def page(stranger):
    """A page that came in by the address with the token."""
    assert stranger.get("/", params={"token": TOKEN}).status_code == 200
    return Page(stranger)


@pytest.fixture
def facts(home, tiny_folder):
    """A workspace in the folder."""
    model = load_pretrained(str(tiny_folder)).model
    return Workspace.init(home / "facts", str(Path(tiny_folder).resolve()), weights_hash(model))
