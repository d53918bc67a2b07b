"""Only Python scripts are forked; all other jobs are Snakemake's own executor's."""

import csv

import pytest

pytestmark = pytest.mark.full

FORKED = ["script", "benchmarked", "cached", "wrapped"]
# What Snakemake runs in a Snakemake process of its own has no fork server.
STARTED = ["shadow"]


def test_all_kinds_of_jobs(workflow, tmp_path):
    cache = str(tmp_path / "cache")
    (tmp_path / "cache").mkdir()
    result = workflow.run("all", "--cache", "cached", SNAKEMAKE_OUTPUT_CACHE=cache)
    assert result.returncode == 0, result.stderr
    for kind in FORKED:
        assert workflow.read(f"out/{kind}.txt") == f"{kind} forked\n"
    for kind in STARTED:
        assert workflow.read(f"out/{kind}.txt") == f"{kind} started\n"
    assert workflow.read("out/shell.txt") == "2\n"
    assert workflow.read("out/run.txt") == "run"
    assert workflow.read("out/bash.txt") == "bash\n"
    assert workflow.read("out/pipe.txt") == "produce forked\n"

    with (workflow.folder / "out/benchmarked.tsv").open() as file:
        records = list(csv.DictReader(file, delimiter="\t"))
    assert len(records) == 2
    for record in records:
        assert float(record["s"]) >= 0.7
        assert float(record["max_rss"]) >= 50  # of the job's process, in MB
    assert "iteration 0" in result.stdout and "iteration 1" in result.stdout

    # The results between workflows: the second run takes its output from the cache.
    workflow.clear()
    again = workflow.run("out/cached.txt", "--cache", "cached", SNAKEMAKE_OUTPUT_CACHE=cache)
    assert again.returncode == 0, again.stderr
    assert "iteration" not in again.stdout
    assert workflow.read("out/cached.txt") == "cached forked\n"


def test_environments(workflow, tmp_path):
    # Not asked for on the command line, environments are not used, and the script is forked.
    assert workflow.run("out/isolated.txt", "out/modules.txt").returncode == 0
    assert workflow.read("out/isolated.txt") == "isolated forked\n"
    assert workflow.read("out/modules.txt") == "modules forked\n"

    workflow.clear()
    functions = tmp_path / "functions.sh"
    functions.write_text('module() { export MODULES="${MODULES:-}+$1"; }\n')
    arguments = ["out/modules.txt", "--software-deployment-method", "env-modules"]
    result = workflow.run(*arguments, BASH_ENV=str(functions))
    assert result.returncode == 0, result.stderr
    assert workflow.read("out/modules.txt") == "modules started +purge+load\n"


def test_a_prefix_of_all_commands(workflow):
    result = workflow.run("--snakefile", "prefixed.smk")
    assert result.returncode == 0, result.stderr
    assert workflow.read("out/all.txt") == "all started yes\n"


def test_no_server_without_scripts(workflow):
    result = workflow.run("out/shell.txt", "--forkserver-preload", "no_such_module")
    assert result.returncode == 0, result.stderr
    assert "cannot preload" not in result.stderr


def test_dry_run(workflow):
    result = workflow.run("out/script.txt", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert not workflow.has("out")
