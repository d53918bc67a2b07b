"""What is preloaded costs a job little when it leaves."""

import subprocess
import sys
from pathlib import Path

import snakemake_executor_plugin_forkserver

LEAVE = """
import atexit, sys, typing
sys.path.insert(0, sys.argv[1])
from warm import leave_imports_alone, preload
preload(["torch._dynamo"])
leave_imports_alone()
before = set(sys.modules)
atexit._run_exitfuncs()
print(*sorted(set(sys.modules) - before))
"""


def test_a_job_that_compiles_nothing_imports_nothing_when_it_leaves():
    """torch._dynamo would import what it prints a table of compile times with, in each job."""
    folder = Path(snakemake_executor_plugin_forkserver.__file__).parent
    run = subprocess.run(
        [sys.executable, "-c", LEAVE, str(folder)], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []
