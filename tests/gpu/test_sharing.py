"""Forked jobs on GPUs: what each sees of them and of their memory."""

import json
import os
import subprocess
import sys

import pytest
import torch

from projects import ROOT

pytestmark = pytest.mark.gpu

WORKFLOW = """
rule all:
    input:
        expand("out/{job}.json", job=["one", "other"]),
        "out/none.json",

rule job:
    output:
        "out/{job}.json",
    wildcard_constraints:
        job="one|other",
    resources:
        gpu=1,
        gpu_share=config["share"],
    script:
        "look.py"

rule none:
    output:
        "out/none.json",
    script:
        "look.py"
"""
# Jobs with a GPU wait for each other, so they run at once.
LOOK = """
import json
import os
import time
from pathlib import Path

import torch

from basemodel.compute.device import allocated_device
from basemodel.compute.feeding import free_memory

seen = {"visible": os.environ.get("CUDA_VISIBLE_DEVICES")}
where = allocated_device(snakemake.config["runtime"]["device"], snakemake.resources)
seen |= {"device": where.type, "devices": torch.cuda.device_count()}
if where.type == "cuda":
    free, seen["total"] = torch.cuda.mem_get_info()
    seen["gpu"] = str(torch.cuda.get_device_properties(where).uuid)
    seen["free"] = free_memory(where)
    taken = torch.ones(seen["free"] // 2, dtype=torch.uint8, device=where)
    seen["sum"] = int(taken[:1000].sum())
    try:
        torch.empty(seen["free"], dtype=torch.uint8, device=where)
    except torch.OutOfMemoryError:
        seen["refused"] = True
else:
    seen["sum"] = int(torch.ones(1000, dtype=torch.uint8, device=where).sum())
if snakemake.rule == "job":
    Path(f"here-{snakemake.wildcards.job}").touch()
    until = time.monotonic() + 100
    while len(list(Path().glob("here-*"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    seen["together"] = len(list(Path().glob("here-*"))) == 2
Path(snakemake.output[0]).write_text(json.dumps(seen))
"""


@pytest.fixture
def machine(where):
    """The ids of this machine's GPUs; on the CPU, of two that only the fork server believes in."""
    if where.type == "cpu":
        return ["0", "1"]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",") if visible else [str(n) for n in range(torch.cuda.device_count())]


def run(folder, share, gpus):
    """What the two jobs with a GPU, and the one without, have seen."""
    (folder / "Snakefile").write_text(WORKFLOW)
    (folder / "look.py").write_text(LOOK)
    command = [
        sys.executable, "-m", "snakemake", "--profile", "none", "--cores", "3",
        "--executor", "forkserver", "--forkserver-preload", "torch,torch._dynamo",
        "--scheduler", "greedy", "--config", f"share={share}", "runtime={device: auto}",
    ]  # fmt: skip
    own = [ROOT / "workflow", *sorted((ROOT / "plugins").iterdir())]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, own)),
        "CUDA_VISIBLE_DEVICES": ",".join(gpus),
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = ("one", "other", "none")
    return [json.loads((folder / "out" / f"{job}.json").read_text()) for job in jobs]


def check(where, one, other, none):
    assert one["together"] and other["together"]
    assert none["visible"] == "" and none["device"] == "cpu" and none["devices"] == 0
    for seen in (one, other, none):
        assert seen["sum"] == 1000
    for seen in (one, other):
        assert seen["device"] == where.type
        if where.type == "cuda":
            assert seen["devices"] == 1


def test_two_jobs_share_one_gpu(where, machine, tmp_path):
    one, other, none = run(tmp_path, 50, machine[:1])
    check(where, one, other, none)
    assert one["visible"] == other["visible"] == machine[0]
    if where.type == "cuda":
        assert one["gpu"] == other["gpu"]
        for seen in (one, other):
            # What both may take, together with what CUDA itself takes, is there.
            assert 0 < seen["free"] < 0.5 * seen["total"]
            assert seen["refused"]


def test_jobs_that_do_not_share_are_on_different_gpus(where, machine, tmp_path):
    if len(machine) < 2:
        pytest.skip("needs two GPUs, and here is one")
    one, other, none = run(tmp_path, 100, machine[:2])
    check(where, one, other, none)
    assert {one["visible"], other["visible"]} == set(machine[:2])
    if where.type == "cuda":
        assert one["gpu"] != other["gpu"]
