"""Small jobs share a GPU, large ones have it alone, and who waits for one holds no core."""

import importlib.util
import os
from collections import Counter

import pytest

pytestmark = pytest.mark.full


def run(workflow, *targets: str, gpus: str | None = "0", **config: object):
    """Run on a machine with these GPUs; returns the lines of the trace, split into words."""
    settings = [f"{name}={value}" for name, value in config.items()]
    result = attempt(workflow, *targets, *(["--config", *settings] if settings else []), gpus=gpus)
    assert result.returncode == 0, result.stderr
    return [line.split() for line in workflow.read("trace").splitlines()]


def attempt(workflow, *arguments: str, gpus: str | None = "0", **env: str):
    outputs = [a if a.startswith("-") or "=" in a or a.isdigit() else f"out/{a}" for a in arguments]
    (workflow.folder / "trace").touch()
    cores = [] if "--cores" in arguments else ["--cores", "8"]
    return workflow.run(*cores, *outputs, CUDA_VISIBLE_DEVICES=gpus, **env)


def moments(trace) -> list[list[tuple[str, int, str]]]:
    """After each line of a trace: output, share and GPUs of the jobs that were there."""
    there: dict[str, tuple[str, int, str]] = {}
    at = []
    for sign, output, *rest in trace:
        if sign == "+":
            there[output] = (output, int(rest[0]), rest[1] if len(rest) > 1 else "")
        else:
            del there[output]
        at.append(list(there.values()))
    return at


def fullest(trace) -> int:
    """The largest sum of shares that was on a GPU at any moment."""
    sums: list[int] = [0]
    for there in moments(trace):
        on = Counter()
        for _, share, gpus in there:
            on.update({gpu: share for gpu in gpus.split(",") if gpu})
        sums += on.values()
    return max(sums)


def test_four_quarters_of_a_gpu_run_at_once_and_a_fifth_waits(workflow):
    trace = run(workflow, *(f"share{i}" for i in range(5)), meet=4)
    assert max(map(len, moments(trace))) == 4
    assert {gpus for there in moments(trace) for *_, gpus in there} == {"0"}
    assert fullest(trace) == 100


def test_whole_ones_are_alone_and_shares_run_beside_them(workflow):
    names = [*(f"share{i}" for i in range(8)), *(f"whole{i}" for i in range(3))]
    trace = run(workflow, *names, gpus="0,1", share=50)
    assert fullest(trace) == 100
    for there in moments(trace):
        alone = {gpus for output, _, gpus in there if "whole" in output}
        assert len([gpus for *_, gpus in there if gpus in alone]) == len(alone)


@pytest.mark.parametrize("scheduler", ["greedy", "ilp", "depth-first"])
@pytest.mark.parametrize("kind", ["whole", "share"])
def test_a_job_that_waits_for_a_gpu_holds_no_core(workflow, scheduler, kind):
    """Whole ones stay until the others have come: for ever, if a waiting one had the other core."""
    module = f"snakemake_scheduler_plugin_{scheduler.replace('-', '_')}"
    if scheduler == "depth-first" and not importlib.util.find_spec(module):
        pytest.skip(f"{module} is not installed")
    waiting = [f"{kind}{i}" for i in range(1, 4)]
    targets = ["whole0", *waiting, "cpu0", "cpu1"]
    options = ["--config", "cpus=2", "--cores", "2", f"--scheduler={scheduler}"]
    done = attempt(workflow, *targets, *options)
    assert done.returncode == 0, done.stderr


def test_more_gpus_than_there_are(workflow):
    trace = run(workflow, "many0", "many1", "share0", "share1", gpus="0,1")
    seen = {output: gpus for there in moments(trace) for output, _, gpus in there}
    assert seen["out/many0"] == seen["out/many1"] == "0,1"
    assert fullest(trace) == 100


def test_a_limit_of_the_users_holds_too(workflow):
    trace = run(workflow, *(f"share{i}" for i in range(4)), "--resources", "gpu=1", gpus="0,1")
    assert max(map(len, moments(trace))) == 1


def test_a_share_of_no_gpu_is_ignored(workflow):
    trace = run(workflow, "cpu0", "cpu1", "cpu2", "whole0", meet_cpus=3, cpus=3)
    seen = {gpus for there in moments(trace) for output, _, gpus in there if "cpu" in output}
    assert seen == {""}


def test_jobs_that_a_pipe_connects_run_at_once_even_if_there_is_one_gpu(workflow):
    assert attempt(workflow, "received").returncode == 0


@pytest.mark.parametrize("share", ["0", "101", "half"])
def test_a_bad_share_is_named_before_anything_starts(workflow, share):
    result = attempt(workflow, "plain", "share0", "--config", f"share={share}")
    assert result.returncode == 1
    shown = share if share.isdigit() else repr(share)
    assert f"Resource gpu_share={shown} of rule share" in result.stdout + result.stderr
    assert workflow.read("trace") == ""


def test_the_machine_is_asked_once_and_only_if_a_job_wants_to_know(workflow):
    folder = workflow.folder / "bin"
    folder.mkdir()
    command = folder / "nvidia-smi"
    command.write_text("#!/bin/sh\necho x >> asked\necho 'GPU 0: A (UUID: GPU-1)'\n")
    command.chmod(0o755)
    path = {"PATH": f"{folder}:{os.environ['PATH']}"}
    assert attempt(workflow, "plain", gpus=None, **path).returncode == 0
    assert not workflow.has("asked")
    result = attempt(workflow, "whole0", "share0", "share1", "cpu0", gpus=None, **path)
    assert result.returncode == 0, result.stderr
    assert workflow.read("asked") == "x\n"
    command.write_text("#!/bin/sh\nexit 9\n")  # the driver is broken: no limit, nothing assigned
    result = attempt(workflow, "whole1", "share2", gpus=None, **path)
    assert result.returncode == 0, result.stderr
    trace = [line.split() for line in workflow.read("trace").splitlines()]
    last = [line for line in trace if line[0] == "+"][-2:]
    assert {(output, gpus) for _, output, _, gpus in last} == {
        ("out/whole1", "unset"),
        ("out/share2", "unset"),
    }
