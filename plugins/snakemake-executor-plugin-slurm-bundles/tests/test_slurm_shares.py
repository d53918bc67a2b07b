"""Jobs that take a share of a GPU run at once in one Slurm job, on one GPU."""

import re
from itertools import combinations

import pytest

pytestmark = pytest.mark.full


def run(small, *arguments: str, **config: int) -> tuple[list[dict], dict[str, str]]:
    """Run five such jobs; returns what they recorded, and what Slurm was asked for."""
    settings = [f"{name}={value}" for name, value in config.items()]
    targets = [f"out/share{i}.json" for i in range(5)]
    code, printed = small.run(*targets, *arguments, "--config", *settings)
    assert code == 0, printed
    records = list(small.records().values())
    (id,) = {record["job"] for record in records}
    shown = small.cluster.call("scontrol", "show", "job", "--oneliner", id)
    return records, dict(re.findall(r"(\S+?)=(\S+)", shown))


def most_at_once(records: list[dict]) -> int:
    return max(
        sum(other["started"] <= one["started"] < other["ended"] for other in records)
        for one in records
    )


@pytest.mark.parametrize(
    ("share", "cores", "at_once", "minutes"),
    [
        (25, 8, 4, 10),
        (10, 8, 5, 5),  # all of them
        (25, 2, 2, 15),  # no more than there are cores for
        (60, 8, 1, 25),
    ],
)
def test_as_many_run_at_once_as_fit_on_the_gpu(small, share, cores, at_once, minutes):
    arguments = ["--slurm-bundles-cores", str(cores), "--slurm-bundles-gpus", "1"]
    records, asked = run(small, *arguments, share=share, meet=at_once)
    assert most_at_once(records) == at_once
    assert len({record["gpus"] for record in records}) == 1
    assert asked["TresPerJob"] in ("gres/gpu:1", "gres:gpu:1")  # by Slurm's version
    assert asked["NumCPUs"] == str(at_once)
    assert asked["MinMemoryNode"] == f"{100 * at_once}M"
    assert asked["TimeLimit"] == f"00:{minutes:02}:00"


def test_a_whole_gpu_is_lent_to_one_after_another(small):
    records, asked = run(small, share=100, meet=1)
    assert not any(
        one["started"] < other["ended"] and other["started"] < one["ended"]
        for one, other in combinations(records, 2)
    )
    assert asked["NumCPUs"] == "1"


def test_a_share_that_means_nothing_is_named_before_anything_is_submitted(small):
    code, printed = small.run("out/share0.json", "--config", "share=101")
    assert code == 1
    assert "Resource gpu_share=101 of rule share" in printed
    assert not small.records()
