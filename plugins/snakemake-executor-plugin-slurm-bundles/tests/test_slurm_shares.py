"""Jobs that take a share of a GPU run at once in one Slurm job, on one GPU."""

import re
from types import SimpleNamespace

import pytest

from snakemake_executor_plugin_slurm_bundles.bundles import at_once


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


@pytest.mark.full
@pytest.mark.parametrize(("share", "number", "minutes"), [(10, 4, 10), (60, 1, 25)])
def test_as_many_run_at_once_as_fit_on_the_gpu(small, share, number, minutes):
    arguments = ["--slurm-bundles-cores", "4", "--slurm-bundles-gpus", "1"]
    records, asked = run(small, *arguments, share=share, meet=number)
    assert most_at_once(records) == number
    assert len({record["gpus"] for record in records}) == 1
    assert asked["TresPerJob"] in ("gres/gpu:1", "gres:gpu:1")  # by Slurm's version
    assert asked["NumCPUs"] == str(number)
    assert asked["MinMemoryNode"] == f"{100 * number}M"
    assert asked["TimeLimit"] == f"00:{minutes:02}:00"


@pytest.mark.parametrize(
    ("resources", "cores", "number"),
    [
        ({"gpu": 1, "gpu_share": 25}, 8, 4),
        ({"gpu": 1, "gpu_share": 10}, 8, 5),  # all of them
        ({"gpu": 1, "gpu_share": 25}, 2, 2),  # no more than there are cores for
        ({"gpu": 1, "gpu_share": 25, "cpus_per_task": 4}, 8, 2),
        ({"gpu": 1, "gpu_share": 25, "cpus_per_task": 4}, 2, 1),  # but always one
        ({"gpu": 1, "gpu_share": 60}, 8, 1),
        ({"gpu": 1, "gpu_share": 100}, 8, 1),
        ({"gpu": 1}, 8, 1),
        ({"gpu_share": 25}, 8, 1),  # of no GPU
    ],
)
def test_how_many_of_five_jobs_run_at_once(resources, cores, number):
    assert at_once([SimpleNamespace(resources=resources, threads=1)] * 5, cores) == number


@pytest.mark.full
def test_a_share_that_means_nothing_is_named_before_anything_is_submitted(small):
    code, printed = small.run("out/share0.json", "--config", "share=101")
    assert code == 1
    assert "Resource gpu_share=101 of rule share" in printed
    assert not small.records()
