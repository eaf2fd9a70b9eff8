"""The page Learning: runs that are those of the library, whether they were stopped or not."""

import pytest
import torch
from sklearn.datasets import load_digits

from unfrozen.learning.forward_forward import FitSettings, dense, epochs
from unfrozen.workbench.pages.learning.mezo import MezoRun
from unfrozen.workbench.pages.learning.schemas import MezoIn

URL = "/api/learning"
MEZO = {"steps": 60, "hidden": 8, "batch": 32}


def stopped(page, path, asked):
    """A run that is stopped as soon as it has a point."""
    job = page.post(path, asked).json()
    job = page.follow(job["id"], lambda job: job["over"] or (job["result"] or {}).get("points"))
    page.post(f"/api/jobs/{job['id']}/stop")
    return page.follow(job["id"])


def test_mezo_learns_and_its_record_gives_the_weights(page):
    found = page.done(f"{URL}/mezo", {"steps": 100, "rate": 0.08, "hidden": 0})
    points = found["points"]
    assert [one["step"] for one in points] == list(range(1, 101))
    assert points[-1]["loss"] < 0.85 * points[0]["loss"]
    assert points[-1]["accuracy"] > 0.4
    assert found["replayed"] is True
    # A scalar of four bytes and a rate of eight a step; the rest is told once.
    assert points[-1]["bytes"] - points[0]["bytes"] == pytest.approx(12 * 99, abs=200)
    assert (found["parameters"], found["weights"]) == (65 * 10, 4 * 650)


def test_a_run_that_was_stopped_ends_as_one_that_was_not(page):
    job = stopped(page, f"{URL}/mezo", MEZO)
    assert job["status"] == "stopped"
    run = page.get(f"{URL}/runs").json()[-1]
    assert 0 < run["done"] < run["total"] == 60
    again = page.done(f"{URL}/runs/{run['number']}/go-on", {})
    whole = MezoRun(0, MezoIn(**MEZO))
    while whole.advance():
        pass
    assert again["points"] == whole.out.model_dump(mode="json")["points"]
    over = page.post(f"{URL}/runs/{run['number']}/go-on")
    assert "is over: begin another" in page.refused(over)


def test_forward_forward_is_the_librarys(page):
    asked = {"layers": 2, "width": 20, "epochs": 3}
    found = page.done(f"{URL}/forward", asked)
    pictures = torch.tensor(load_digits().images).flatten(1).float() / 16
    classes = torch.tensor(load_digits().target)
    network = dense([64, 20, 20], 10, generator=torch.Generator().manual_seed(0))
    train, test = pictures[:-360], pictures[-360:]
    for epoch, point in zip(
        epochs(network, train, classes[:-360], FitSettings(epochs=3)), found["points"], strict=True
    ):
        assert point["losses"] == pytest.approx(epoch.losses[:-1], abs=1e-3)
        right = (network.predict(test) == classes[-360:]).float().mean()
        assert point["by_goodness"] == pytest.approx(float(right), abs=5e-3)
    assert all(r > f for r, f in zip(point["real"], point["false"], strict=True))


def test_runs_are_not_disturbed_by_the_global_generator():
    torch.manual_seed(1)
    one = MezoRun(1, MezoIn(**MEZO))
    torch.manual_seed(2)
    other = MezoRun(2, MezoIn(**MEZO))
    for name, weights in one.base.items():
        assert torch.equal(weights, other.base[name])


def test_what_makes_no_sense_is_told_in_one_line(page):
    assert "steps" in page.refused(page.post(f"{URL}/mezo", {"steps": 1}))
    assert "rate" in page.refused(page.post(f"{URL}/forward", {"rate": 0}))
    assert "not remembered" in page.refused(page.post(f"{URL}/runs/99/go-on"))
