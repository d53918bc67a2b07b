"""Where jobs would not see the files of the run that starts them, one line says so before any work."""

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


def test_a_run_on_other_machines_is_refused_before_any_work(fresh):
    command = [sys.executable, "-m", "snakemake", "-n", "fetch", "--cores", "2"]
    elsewhere = ["--executor", "slurm-bundles", "--jobs", "1"]
    run = fresh.forked([*command, *elsewhere, "--shared-fs-usage", "input-output"])
    printed = run.stdout + run.stderr
    assert run.returncode == 1
    assert printed.count("--shared-fs-usage: not shared: persistence, sources: ") == 1
    assert "Traceback" not in printed
    assert not list(fresh.folder.glob(".snakemake/runs/*"))
