"""Where jobs would not see the files of their run, one line says so before any work."""

import sys

import pytest
from snakemake.settings.types import SharedFSUsage

from basemodel.run import shared_files

ALL = SharedFSUsage.choices()[:-1]  # the last is none


@pytest.mark.parametrize("missing", shared_files.NEEDED)
def test_what_is_not_shared_is_named(missing):
    shared = [name for name in ALL if name != missing]
    with pytest.raises(SystemExit, match=f"--shared-fs-usage: not shared: {missing}: .*cluster.md"):
        shared_files.require(shared, None)


def test_where_all_that_is_needed_is_shared_nothing_is_said():
    shared_files.require(ALL, None)
    shared_files.require(shared_files.NEEDED, None)


def test_results_in_a_storage_are_refused():
    with pytest.raises(SystemExit, match="--default-storage-provider: .*cannot lie in s3: "):
        shared_files.require(ALL, "s3")


def touched(project, *arguments):
    """A run of no job, which Snakemake begins like any other; no Slurm is needed."""
    command = [sys.executable, "-m", "snakemake", "rank_candidates", "--touch", "--cores", "2"]
    run = project.forked([*command, *arguments, "--shared-fs-usage", "input-output"])
    assert "Traceback" not in run.stdout + run.stderr
    return run


def test_a_run_on_other_machines_ends_before_any_work(fresh):
    run = touched(fresh, "--executor", "slurm-bundles", "--jobs", "1")
    assert run.returncode == 1
    lines = (run.stdout + run.stderr).splitlines()
    [line] = [line for line in lines if "--shared-fs-usage" in line]
    assert line.startswith("--shared-fs-usage: not shared: persistence, sources: ")
    assert line == lines[-1]


def test_a_run_on_this_machine_shares_everything(fresh):
    assert touched(fresh).returncode == 0
