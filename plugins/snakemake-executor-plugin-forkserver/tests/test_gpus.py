"""No two running jobs have the same GPU, and no job has one that it has not asked for."""

from itertools import combinations
from pathlib import Path

import pytest

from snakemake_executor_plugin_forkserver.gpus import machine_gpus


def seen(workflow, job: str) -> str:
    """What a job has seen as CUDA_VISIBLE_DEVICES."""
    return workflow.read(f"out/{job}.txt").rstrip("\n").split(" ")[0]


@pytest.mark.full
def test_gpus_of_their_own(workflow):
    # Without --resources gpu=3 it is not Snakemake that holds the jobs back.
    result = workflow.run("all", "--cores", "8", CUDA_VISIBLE_DEVICES="0,1,GPU-2")
    assert result.returncode == 0, result.stderr
    jobs = []
    for path in (workflow.folder / "out").glob("*.txt"):
        if path.stem.startswith("none"):
            continue
        gpus, start, stop = path.read_text().split()
        jobs.append((path.stem, set(gpus.split(",")), float(start), float(stop)))
    assert len(jobs) == 9
    for name, gpus, _, _ in jobs:
        assert len(gpus) == (2 if name == "two" else 1)
        assert gpus <= {"0", "1", "GPU-2"}
    for one, other in combinations(jobs, 2):
        at_once = one[2] < other[3] and other[2] < one[3]
        assert not (at_once and one[1] & other[1]), (one, other)
    assert {gpu for _, gpus, _, _ in jobs for gpu in gpus} == {"0", "1", "GPU-2"}
    assert seen(workflow, "none") == seen(workflow, "none-shell") == ""


@pytest.mark.full
def test_no_gpu(workflow):
    result = workflow.run("out/script0.txt", "out/two.txt", "out/run0.txt", CUDA_VISIBLE_DEVICES="")
    assert result.returncode == 0, result.stderr
    assert seen(workflow, "script0") == seen(workflow, "two") == seen(workflow, "run0") == ""


@pytest.mark.full
def test_a_workflow_that_does_not_know_of_gpus(workflow):
    result = workflow.run("--snakefile", "unaware.smk", CUDA_VISIBLE_DEVICES="0,1")
    assert result.returncode == 0, result.stderr
    assert seen(workflow, "none") == "0,1"


LISTING = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-8a56a4bc-e184-a047-2620-be19fdf913d5)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-fc3f6e3c-2b0d-4bf7-a2f1-4d8a6c0dbb52)
"""
SLICES = """\
GPU 0: A30 (UUID: GPU-54abca50-4402-41d0-b7f7-5f4ff5b9a4b1)
  MIG 1g.6gb      Device  0: (UUID: MIG-41b3359c-e721-56e5-8009-12e5797ed514)
  MIG 1g.6gb      Device  1: (UUID: MIG-65b79fff-6d3c-5490-a288-b31ec705f310)
"""
MIG = ["MIG-41b3359c-e721-56e5-8009-12e5797ed514", "MIG-65b79fff-6d3c-5490-a288-b31ec705f310"]


@pytest.mark.parametrize(
    ("visible", "listing", "expected"),
    [
        ("0,2", LISTING, ["0", "2"]),
        ("0, -1, 2", LISTING, ["0"]),
        ("-1", LISTING, []),
        ("", LISTING, []),
        (None, LISTING, ["0", "1"]),
        (None, SLICES, MIG),
        (None, "No devices were found", []),
        (None, None, None),
    ],
)
def test_machine_gpus(tmp_path: Path, monkeypatch, visible, listing, expected):
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    command = tmp_path / "nvidia-smi"
    command.write_text(
        "#!/bin/sh\nexit 9\n" if listing is None else f"#!/bin/sh\ncat <<'E'\n{listing}E\n"
    )
    command.chmod(0o755)
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert machine_gpus() == expected
