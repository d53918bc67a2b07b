"""A forked script finds what a new Python would give it, whatever the scripts before it did."""

import json

import pytest

pytestmark = pytest.mark.full

ARGUMENTS = ["--cores", "1", "--config", "setting=3"]
PRELOAD = ["--forkserver-preload", "torch, numpy"]


def test_nothing_leaks(workflow):
    pytest.importorskip("torch")
    own = workflow.run("out/after.json", *ARGUMENTS, executor="local")
    assert own.returncode == 0, own.stderr
    expected = json.loads(workflow.read("out/after.json"))
    assert not expected["forked"]["torch_loaded"]
    workflow.clear()

    forked = workflow.run("all", *PRELOAD, *ARGUMENTS)
    assert forked.returncode == 0, forked.stderr
    after = json.loads(workflow.read("out/after.json"))
    assert after["forked"]["by"][0].endswith("snakemake_executor_plugin_forkserver/server.py")
    assert after["forked"]["torch_loaded"]
    assert after["forked"]["server_threads"] == 1

    assert after["seen"]["threads"] == 1 and after["seen"]["pools"] == [1]
    for key, value in expected["seen"].items():
        assert normal(after["seen"][key]) == normal(value), key
    assert after["seen"]["beside"] == ["clean"]

    unseeded = [json.loads(workflow.read(f"out/random-{i}.json")) for i in range(2)]
    for one, other in zip(*unseeded, strict=True):
        assert one != other

    same = [workflow.read(f"out/same-{i}.txt") for i in range(2)]
    assert same[0] == same[1]
    workflow.clear()
    workflow.run("out/same-0.txt", *PRELOAD)
    assert workflow.read("out/same-0.txt") == same[0]


def test_threads(workflow):
    pytest.importorskip("torch")
    assert workflow.run("out/after.json", "--cores", "2", *PRELOAD).returncode == 0
    seen = json.loads(workflow.read("out/after.json"))["seen"]
    assert seen["threads"] == 2
    assert seen["pools"] == [2]
    assert {seen["env"][f"{name}_NUM_THREADS"] for name in ("OMP", "MKL", "OPENBLAS")} == {"2"}


def test_the_process_differs_as_the_readme_says_and_no_further(workflow):
    seen = []
    for executor in ("local", "forkserver"):
        # Who sets PYTHONHASHSEED has one order of sets in all processes.
        result = workflow.run("out/process.json", executor=executor, PYTHONHASHSEED=None)
        assert result.returncode == 0, result.stderr
        seen.append(json.loads(workflow.read("out/process.json")))
        workflow.clear()
    own, forked = seen
    assert [key for key in own["differs"] if own["differs"][key] == forked["differs"][key]] == []
    for key, value in own["same"].items():
        assert forked["same"][key] == value, key


def test_preloading_what_is_not_there_is_a_warning(workflow):
    result = workflow.run("out/process.json", "--forkserver-preload", "no_such_module")
    assert result.returncode == 0
    assert "cannot preload no_such_module" in result.stderr


def normal(value):
    """Without what differs between two runs of Snakemake's own executor too."""
    if isinstance(value, dict):
        # SHLVL and _ are set by the shell that Snakemake's own executor starts Python with.
        return {k: v for k, v in value.items() if k not in ("SHLVL", "_")}
    return value
