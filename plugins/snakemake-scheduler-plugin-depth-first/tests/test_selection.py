"""Which jobs start together: never too many, none idly held back, none held back for ever."""

import logging

from fake_dags import Dag, Job, rounds, started
from hypothesis import given
from hypothesis import strategies as st

from snakemake_scheduler_plugin_depth_first import Scheduler
from snakemake_scheduler_plugin_depth_first.order import places

SILENT = logging.getLogger("silent")
CORES, GPUS = 4, 2


@st.composite
def workloads(draw):
    """Jobs that depend on earlier ones, last, fail and are tried again, need cores and GPUs."""
    jobs = []
    for number in range(draw(st.integers(1, 16))):
        needs = draw(st.sets(st.integers(0, number - 1), max_size=2)) if number else ()
        jobs.append(
            {
                "name": f"j{number}",
                "needs": [f"j{needed}" for needed in sorted(needs)],
                "priority": draw(st.sampled_from([0, 0, 0, 1])),
                "seconds": draw(st.sampled_from([1, 2, 9])),
                "fails": draw(st.sampled_from([0, 0, 0, 2])),
                "_cores": draw(st.sampled_from([1, 1, 2, CORES])),
                "gpu": draw(st.sampled_from([0, 0, 1, GPUS])),
            }
        )
    return jobs


def new(workload):
    dag = Dag(*(Job(**job) for job in workload), _cores=CORES, gpu=GPUS)
    return dag, Scheduler(dag, None, SILENT)


def fits(job, free):
    return all(job.scheduler_resources.get(name, 0) <= amount for name, amount in free.items())


@given(workloads())
def test_all_jobs_run_and_never_need_more_than_there_is(workload):
    dag, scheduler = new(workload)
    for _, _, _, free in rounds(dag, scheduler):
        assert min(free.values()) >= 0
    assert len(dag.done) == len(workload)


@given(workloads())
def test_what_fits_is_held_back_only_for_an_earlier_job_that_does_not(workload):
    dag, scheduler = new(workload)
    place = places(dag)
    for ready, _, jobs, free in rounds(dag, scheduler):
        waiting = ready.difference(jobs)
        for job in waiting:
            if fits(job, free):
                earlier = [other for other in waiting if place[other] < place[job]]
                assert any(not fits(other, free) for other in earlier)


@given(workloads())
def test_what_a_job_lacks_is_kept_once_all_have_ended_that_ran_when_it_did_not_fit(workload):
    dag, scheduler = new(workload)
    place = places(dag)
    ran: dict[Job, set[Job]] = {}
    for ready, running, jobs, free in rounds(dag, scheduler):
        waiting = sorted(ready.difference(jobs), key=place.get)
        first = waiting[0] if waiting else None
        if first in ran and ran[first].isdisjoint(running.difference(jobs)):
            needs = first.scheduler_resources
            lacking = next((name for name in ("gpu", "_cores") if needs[name] > free[name]), None)
            later = [job for job in jobs if place[job] > place[first]]
            assert not any(job.scheduler_resources.get(lacking) for job in later)
        ran = {job: ran.get(job, running) for job in waiting}


@given(workloads())
def test_what_snakemake_is_shown_makes_no_difference(workload):
    shown, some = new(workload)
    everything, all_ = new(workload)
    everything._ready_jobs = set(everything._ready_jobs)
    assert type(shown._ready_jobs) is not set
    assert started(shown, some) == started(everything, all_)


def test_a_job_of_all_cores_starts_while_short_ones_keep_coming():
    short = [Job(f"s{i}", seconds=2 + i % 2) for i in range(100)]
    wide = Job("wide", ["s0"], priority=1, _cores=2)
    dag = Dag(*short, wide, _cores=2)
    assert started(dag, Scheduler(dag, None, SILENT)).index("wide") <= 4


def test_cores_do_not_idle_beside_a_long_job_for_the_sake_of_one_that_needs_all():
    """As long as what ran when it was overtaken runs, others overtake it."""
    long = Job("long", priority=2, seconds=50)
    wide = Job("wide", ["s0"], priority=1, _cores=2)
    dag = Dag(long, *(Job(f"s{i}") for i in range(200)), wide, _cores=2)
    names = started(dag, Scheduler(dag, None, SILENT))
    assert 50 <= names.index("wide") <= 53


def test_jobs_without_a_gpu_run_while_others_wait_for_one():
    gpu = [Job(f"g{i}", seconds=10, priority=1, gpu=1) for i in range(3)]
    dag = Dag(*gpu, *(Job(f"c{i}") for i in range(30)), _cores=2, gpu=1)
    for ready, _, jobs, free in rounds(dag, Scheduler(dag, None, SILENT)):
        if any(job.name.startswith("c") for job in ready.difference(jobs)):
            assert free["_cores"] == 0


def test_a_job_of_all_gpus_starts_while_jobs_of_one_keep_coming_and_no_core_idles():
    gpu = [Job(f"g{i}", seconds=2 + i % 2, priority=1, gpu=1) for i in range(60)]
    wide = Job("wide", ["g0"], priority=2, seconds=3, gpu=2)
    dag = Dag(*gpu, wide, *(Job(f"c{i}", seconds=5) for i in range(40)), _cores=3, gpu=2)
    at = None
    for number, (ready, _, jobs, free) in enumerate(rounds(dag, Scheduler(dag, None, SILENT))):
        names = [job.name for job in jobs]
        at = number if "wide" in names else at
        if any(job.name.startswith("c") for job in ready.difference(jobs)):
            assert free["_cores"] == 0
    assert at <= 8


def test_no_more_jobs_start_than_the_rate_allows():
    dag = Dag(*(Job(f"j{i}") for i in range(9)), _cores=8)
    scheduler = Scheduler(dag, None, SILENT)
    free = {"_cores": 8, "_job_count": 3}
    assert len(scheduler.select_jobs(dag.ready(), [], free, {})) == 3
    assert len(scheduler.select_jobs(dag.ready(), [], {**free, "_job_count": 9}, {})) == 8
