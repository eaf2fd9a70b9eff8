"""Jobs: one after another in a lane, told how far, stopped between steps, and remembered."""

import threading

import pytest

from unfrozen.errors import FactError, WorkbenchError
from unfrozen.workbench.jobs.table import KEPT, Jobs, Progress


@pytest.fixture
def jobs():
    table = Jobs()
    yield table
    table.close()


def begin(jobs, work, kind="work", lane="", page="knowledge"):
    return jobs.start(kind, page, f"Doing {kind}", work, lane=lane)


def over(jobs, job):
    for _ in range(1000):
        if jobs.get(job.id).over:
            return jobs.get(job.id)
        threading.Event().wait(0.01)
    raise AssertionError("it does not end")


def test_a_job_tells_how_far_it_is_and_what_it_has_found_so_far(jobs):
    told, go_on = threading.Event(), threading.Event()

    def work(handle):
        handle.report("Counting", 2, 5)
        handle.publish({"counted": 2})
        told.set()
        go_on.wait(10)
        return {"counted": 5}

    job = begin(jobs, work)
    assert told.wait(10)
    now = jobs.get(job.id)
    assert (now.status, now.progress, now.result) == (
        "running", Progress("Counting", 2, 5), {"counted": 2},
    )  # fmt: skip
    go_on.set()
    assert over(jobs, job).result == {"counted": 5}


def test_jobs_of_a_lane_take_turns_and_others_do_not_wait(jobs):
    go_on, order = threading.Event(), []

    def first(handle):
        go_on.wait(10)
        order.append("first")

    one = begin(jobs, first, "first", lane="model")
    two = begin(jobs, lambda handle: order.append("second"), "second", lane="model")
    other = begin(jobs, lambda handle: order.append("other"), "other", lane="papers")
    over(jobs, other)
    assert jobs.get(two.id).status == "queued"
    assert jobs.before(jobs.get(two.id)).id == one.id
    go_on.set()
    over(jobs, two)
    assert order == ["other", "first", "second"]


def test_a_stop_is_heard_at_the_next_step_and_what_was_found_stays(jobs):
    begun, go_on, after = threading.Event(), threading.Event(), []

    def work(handle):
        handle.publish({"half": True})
        begun.set()
        go_on.wait(10)
        handle.report("Going on", 1, 2)
        after.append("never")

    job = begin(jobs, work)
    assert begun.wait(10)
    assert jobs.stop(job.id).status == "stopping"
    go_on.set()
    ended = over(jobs, job)
    assert (ended.status, ended.result, after) == ("stopped", {"half": True}, [])


def test_no_claim_of_an_experiment_takes_a_stop_for_a_failure_of_its_own(jobs):
    from unfrozen.papers.claim import ClaimSpec

    begun, go_on = threading.Event(), threading.Event()

    def work(handle):
        def measure():
            begun.set()
            go_on.wait(10)
            handle.report("Measuring", 1, 2)

        return ClaimSpec("a.b", "So it is.", None, "").attempt(measure)

    job = begin(jobs, work)
    assert begun.wait(10)
    jobs.stop(job.id)
    go_on.set()
    assert over(jobs, job).status == "stopped"


def test_a_job_that_waits_never_begins_when_it_is_stopped(jobs):
    go_on, ran = threading.Event(), []
    first = begin(jobs, lambda handle: go_on.wait(10), lane="model")
    second = begin(jobs, lambda handle: ran.append(1), lane="model")
    assert jobs.stop(second.id).status == "stopped"
    go_on.set()
    over(jobs, first)
    third = begin(jobs, lambda handle: "third", lane="model")
    assert over(jobs, third).result == "third"
    assert ran == []


def test_an_error_is_one_line_and_a_bug_is_called_one(jobs):
    def wrong(handle):
        raise FactError("the subject is\nempty: give it a word")

    def bug(handle):
        raise KeyError("layer")

    failed = over(jobs, begin(jobs, wrong))
    assert (failed.status, failed.error) == ("failed", "the subject is empty: give it a word")
    assert over(jobs, begin(jobs, bug)).error.startswith("a bug of unfrozen, please report it")


def test_pages_see_their_own_jobs_and_old_ones_are_forgotten(jobs):
    mine = begin(jobs, lambda handle: 1, page="memory")
    over(jobs, mine)
    assert [job.id for job in jobs.all("memory")] == [mine.id]
    for _ in range(KEPT + 1):
        last = begin(jobs, lambda handle: None)
    over(jobs, last)
    begin(jobs, lambda handle: None)
    with pytest.raises(WorkbenchError, match="no job 1 any more"):
        jobs.get(mine.id)
