"""The order of jobs, on DAGs small enough to say by hand what it should be."""

import logging
import random

from fake_dags import Dag, Job, started
from hypothesis import given
from hypothesis import strategies as st

from snakemake_scheduler_plugin_depth_first import Scheduler
from snakemake_scheduler_plugin_depth_first.order import places

SILENT = logging.getLogger("silent")


def order(*jobs):
    """The names in their order; the same if the jobs come in another one."""
    placed = places(Dag(*jobs))
    names = [job.name for job in sorted(placed, key=placed.get)]
    placed = places(Dag(*random.sample(jobs, len(jobs))))
    assert names == [job.name for job in sorted(placed, key=placed.get)]
    return names


def test_a_branch_is_completed_before_the_next_begins():
    jobs = [Job(f"{step}{i}", [before + str(i)] * bool(before)) for i in (1, 2, 10)
            for before, step in (("", "a"), ("a", "b"), ("b", "c"))]  # fmt: skip
    assert order(*jobs) == ["a1", "b1", "c1", "a2", "b2", "c2", "a10", "b10", "c10"]


def test_what_many_wait_for_comes_before_the_branches_that_need_it():
    """Models and data sets: each model is tried on every data set once it is there."""
    models = [Job(f"model{m}", ["source"]) for m in range(4)]
    tried = [Job(f"model{m}-{d}", [f"model{m}", d]) for m in range(4) for d in ("x", "y")]
    table = Job("table", [job.name for job in tried])
    names = order(Job("source"), Job("x"), Job("y"), *models, *tried, table)
    first = ["source", "model0", "x", "model0-x", "y", "model0-y"]
    rest = [name for m in (1, 2, 3) for name in (f"model{m}", f"model{m}-x", f"model{m}-y")]
    assert names == [*first, *rest, "table"]


def test_few_models_and_many_data_sets_go_by_data_set():
    tried = [Job(f"{m}-{d}", [m, f"set{d}"]) for d in range(4) for m in ("x", "y")]
    names = order(Job("x"), Job("y"), *(Job(f"set{d}") for d in range(4)), *tried)
    assert names.index("y") < names.index("set1")
    assert [name for name in names if "-" in name] == [job.name for job in tried]


def test_what_is_joined_is_fetched_from_branches_that_are_untouched():
    jobs = [Job(f"{kind}{i}") for kind in "ab" for i in range(3)]
    pairs = [Job(f"pair{i}", [f"a{i}", f"b{i}"]) for i in range(3)]
    names = order(*jobs, *pairs)
    assert names == [name for i in range(3) for name in (f"a{i}", f"b{i}", f"pair{i}")]


def test_a_table_of_all_does_not_break_up_the_branches():
    samples = [Job(f"s{i}") for i in range(4)]
    parts = [Job(f"s{i}{part}", [f"s{i}"]) for i in range(4) for part in "xy"]
    table = Job("table", [job.name for job in parts if job.name.endswith("x")])
    names = order(*samples, *parts, table)
    assert names == ["s0", "s0x", "s0y", "s1", "s1x", "s1y", "s2", "s2x", "s2y",
                     "s3", "s3x", "table", "s3y"]  # fmt: skip


def test_the_longest_untouched_branch_comes_first():
    assert order(Job("a"), Job("b"), Job("z"), Job("zz", ["z"])) == ["z", "zz", "a", "b"]


def test_a_job_is_as_urgent_as_what_waits_for_it():
    names = order(Job("a"), Job("b", ["a"]), Job("y"), Job("z", ["y"], priority=1))
    assert names == ["y", "z", "a", "b"]


def test_long_chains_and_wide_tables_are_no_trouble():
    chain = [Job(f"c{i}", [f"c{i - 1}"] * bool(i)) for i in range(3000)]
    leaves = [Job(f"leaf{i}") for i in range(3000)]
    names = order(*chain, *leaves, Job("all", [job.name for job in leaves]))
    assert names[:3000] == [job.name for job in chain]


@st.composite
def dags(draw, largest=20):
    """Jobs that depend on earlier ones, and need cores and GPUs."""
    jobs = []
    for number in range(draw(st.integers(1, largest))):
        needs = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else ()
        jobs.append(
            Job(
                f"j{number}",
                [f"j{needed}" for needed in sorted(needs)],
                priority=draw(st.integers(0, 1)),
            )
        )
    return jobs


@given(dags())
def test_every_job_has_its_place_after_those_that_it_needs(jobs):
    names = order(*jobs)
    assert sorted(names) == sorted(job.name for job in jobs)
    for job in jobs:
        assert all(names.index(needed) < names.index(job.name) for needed in job.input)


@given(dags())
def test_one_core_runs_them_in_this_order(jobs):
    dag = Dag(*jobs)
    assert started(dag, Scheduler(dag, None, SILENT)) == order(*jobs)
