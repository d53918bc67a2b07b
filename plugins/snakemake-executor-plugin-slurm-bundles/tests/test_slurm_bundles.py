"""What a Slurm job is, which GPUs its jobs see, and what happens when a part of it fails."""

from itertools import combinations

import pytest
from slurm_cluster import wait_for

# The last test's job waits for a minute; the others work meanwhile.
pytestmark = pytest.mark.usefixtures("limited")

BASES, TARGETS = "abcd", "xyz"


def overlap(one, other):
    return one["started"] < other["ended"] and other["started"] < one["ended"]


def test_jobs_of_a_bundle_share_a_slurm_job_and_no_gpu_is_given_twice(small):
    code, printed = small.run("--config", "meet=2")
    assert code == 0, printed
    records = small.records()
    table = records.pop("table")
    assert table["job"] is None  # ran on the submitting machine, with its output in its log
    assert (small.folder / "logs/table.log").read_text() == "at work\n"

    assert len(records) == len(BASES) * (1 + len(TARGETS))
    for base in BASES:
        tuned = [records[f"{base}-{target}"] for target in TARGETS]
        assert len({record["job"] for record in tuned}) == 1
        assert not any(overlap(*pair) for pair in combinations(tuned, 2))
    assert len({record["job"] for record in records.values()}) == 2 * len(BASES)

    assert {record["gpus"] for record in records.values()} <= {"0", "1"}
    pairs = list(combinations(records.values(), 2))
    assert any(overlap(*pair) for pair in pairs)
    for one, other in pairs:
        if overlap(one, other):
            assert (one["node"], one["gpus"]) != (other["node"], other["gpus"])


@pytest.mark.full
def test_no_more_gpus_at_once_than_allowed(small):
    code, printed = small.run("--slurm-bundles-gpus", "1", "out/a-x.json", "out/b-x.json")
    assert code == 0, printed
    records = small.records()
    assert not any(overlap(*pair) for pair in combinations(records.values(), 2))


@pytest.mark.full
def test_what_failed_is_tried_again_alone(small):
    code, printed = small.run("--retries", "2", "--config", "fails={ax: 1, by: 2}")
    assert code == 0, printed
    runs = {name: record["runs"] for name, record in small.records().items()}
    expected = dict.fromkeys(runs, 1) | {"a-x": 2, "b-y": 3}
    assert runs == expected


@pytest.mark.full
def test_one_that_fails_for_good_takes_no_other_with_it(small):
    code, printed = small.run("--retries", "0", "--config", "fails={cz: 9}")
    assert code == 1
    assert "logs/c-z.log" in printed
    assert "fails as it was told to" in (small.folder / "logs/c-z.log").read_text()
    done = small.records()
    assert len(done) == len(BASES) * (1 + len(TARGETS)) - 1

    code, printed = small.run()
    assert code == 0, printed
    assert {name: done[name]["runs"] for name in done} == dict.fromkeys(done, 1)


@pytest.mark.full
def test_a_dead_bundle_keeps_what_it_had_finished(small):
    """Its Slurm job is cancelled when one of its three jobs is done and the second runs."""
    process = small.start("out/a-x.json", "out/a-y.json", "out/a-z.json", "--config", "tune=2",
                          "--retries", "1")  # fmt: skip
    wait_for(lambda: len(list(small.folder.glob("out/a-*.runs"))) == 2, 300)
    (small.folder / "hold").touch()  # the second job does not end before it is cancelled
    cancelled = small.jobs()
    small.cluster.call("scancel", *cancelled)
    wait_for(lambda: set(cancelled).isdisjoint(small.jobs()), 300)
    (small.folder / "hold").unlink()
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == 0, printed
    runs = sorted(record["runs"] for name, record in small.records().items() if name != "a")
    assert runs == [1, 1, 2]


@pytest.mark.full
def test_a_time_limit_that_was_too_short_is_longer_the_next_time(limited):
    small, process = limited
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == 0, printed
    assert "has ended as TIMEOUT" in printed
    assert small.records()["endless"]["runs"] == 2
    rows = small.cluster.jobs("%i", "%l", "%Z", states="--states=all")
    limits = {int(id): limit for id, limit, at in rows if at == str(small.folder)}
    assert [limits[id] for id in sorted(limits)] == ["1:00", "2:00"]
