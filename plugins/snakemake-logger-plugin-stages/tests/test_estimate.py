"""How long is left, from what is known."""

from snakemake_logger_plugin_stages.progress import block, clock, line
from snakemake_logger_plugin_stages.run import Run


def planned(**counts: int) -> Run:
    run = Run(start=100.0)
    run.plan({**counts, "all": 1, "total": sum(counts.values()) + 1})
    return run


def test_nothing_known_yet():
    run = planned(a=4, b=2)
    run.job_started(1, "a", {}, 100.0)
    assert run.seconds_left(run.stages["a"], 101.0) is None
    assert run.all_seconds_left(101.0) == (0.0, True)


def test_known_stages_are_a_lower_bound():
    run = planned(a=4, b=2)
    run.job_started(1, "a", {}, 100.0)
    run.job_finished(1, 110.0)
    assert run.seconds_left(run.stages["a"], 110.0) == 30.0
    assert run.all_seconds_left(110.0) == (30.0, True)


def test_running_jobs_count_for_what_they_still_need():
    run = planned(a=2)
    run.job_started(1, "a", {}, 100.0)
    run.job_finished(1, 110.0)
    run.job_started(2, "a", {}, 110.0)
    assert run.all_seconds_left(116.0) == (4.0, False)
    assert run.all_seconds_left(130.0) == (0.0, False)  # it takes longer than the first did


def test_two_at_a_time_take_half_as_long():
    run = planned(a=40)
    for jobid in range(20):
        run.job_started(jobid, "a", {}, 100.0 + jobid // 2 * 10)
        if jobid % 2:
            run.job_finished(jobid - 1, 110.0 + jobid // 2 * 10)
            run.job_finished(jobid, 110.0 + jobid // 2 * 10)
    assert 95 < run.seconds_left(run.stages["a"], 200.0) < 115


def test_retried_job_is_no_failure():
    run = planned(a=1)
    run.job_started(1, "a", {"x": "7"}, 100.0)
    assert str(run.job_failed(1, ["a.log"], 101.0)) == "a (x=7)"
    run.job_started(1, "a", {"x": "7"}, 102.0)
    assert not run.failed
    run.job_finished(1, 105.0)
    assert run.complete and run.stages["a"].seconds == 3.0


def test_jobs_that_a_checkpoint_adds():
    run = planned(a=1)
    for jobid in (1, 2):
        run.job_started(jobid, "a", {}, 100.0)
    run.job_started(3, "b", {}, 100.0)
    assert (run.stages["a"].total, run.stages["b"].total) == (2, 1)


def test_a_line_where_there_is_no_terminal():
    run = planned(a=4, b=2)
    run.job_started(1, "a", {}, 100.0)
    run.job_finished(1, 110.0)
    run.job_started(2, "a", {}, 110.0)
    run.job_failed(2, [], 110.0)
    known = "1 of 6 jobs done, a 1/4, 1 failed, at least 0:20 left"
    assert line(run, 110.0) == f"[0:10]  17%  {known}"


def test_nothing_is_said_of_the_time_left_while_nothing_is_known():
    run = planned(a=4, b=2)
    run.job_started(1, "a", {}, 100.0)
    assert line(run, 104.0) == "[0:04]   0%  0 of 6 jobs done, a 0/4"
    assert "≥" not in "".join(block(run, 104.0, 20))


def test_clock():
    assert [clock(s) for s in (0.4, 59.6, 3661)] == ["0:00", "1:00", "1:01:01"]
