"""Each plugin runs a workflow in its own environment, without anything from this project.

Slow, and needs a package registry: four environments are made.
"""

import os
import shutil
import subprocess
import sys

import pytest
import slurm_cluster

from projects import ROOT

pytestmark = pytest.mark.slow

FORKSERVER = "snakemake-executor-plugin-forkserver"
BUNDLES = "snakemake-executor-plugin-slurm-bundles"
STAGES = "snakemake-logger-plugin-stages"
DEPTH_FIRST = "snakemake-scheduler-plugin-depth-first"

SNAKEFILE = """
rule all:
    default_target: True
    input: "out/c.txt"

rule a:
    output: "out/a.txt"
    log: "logs/a.log"
    script: "step.py"

use rule a as b with:
    input: "out/a.txt"
    output: "out/b.txt"
    log: "logs/b.log"

use rule a as c with:
    input: "out/b.txt"
    output: "out/c.txt"
    log: "logs/c.log"
"""
SCRIPT = """
import importlib.util, os
from pathlib import Path

assert importlib.util.find_spec("basemodel") is None
print("at work")
parent = Path(f"/proc/{os.getppid()}/cmdline").read_text().split("\\0")
made = [Path(file).read_text() for file in snakemake.input]
made.append(snakemake.rule)
made += [str("forkserver/server.py" in parent[1]), str("SLURM_JOB_ID" in os.environ)]
Path(snakemake.output[0]).write_text(" ".join(made))
"""


@pytest.fixture
def alone(tmp_path):
    """Install copies of plugins' folders, and run the workflow by what is installed."""

    def run(plugins: list[str], *arguments: str, **environment: str) -> tuple[str, str]:
        copies = [shutil.copytree(ROOT / "plugins" / name, tmp_path / name) for name in plugins]
        subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
        python = str(tmp_path / "venv" / "bin" / "python")
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SNAKEMAKE"))}
        subprocess.run([*install, *copies], check=True, env=env)
        for copy in copies:
            shutil.rmtree(copy)
        folder = tmp_path / "workflow"
        folder.mkdir()
        (folder / "Snakefile").write_text(SNAKEFILE)
        (folder / "step.py").write_text(SCRIPT)
        done = subprocess.run(
            [python, "-m", "snakemake", "--profile", "none", *arguments],
            cwd=folder,
            env={**env, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return (folder / "out/c.txt").read_text(), done.stderr

    return run


def test_the_fork_server(alone):
    made, _ = alone([FORKSERVER], "--cores", "1", "--executor", "forkserver")
    assert made == "a True False b True False c True False"


def test_the_logger(alone):
    made, shown = alone([STAGES], "--cores", "1", "--logger", "stages")
    assert made == "a False False b False False c False False"
    assert "3 jobs to run: a 1, b 1, c 1" in shown
    assert "Done: all 3 jobs." in shown


def test_the_scheduler(alone):
    made, shown = alone([DEPTH_FIRST], "--cores", "1", "--scheduler", "depth-first")
    assert made == "a False False b False False c False False"
    assert "depth-first knows" not in shown  # it knows the private names of this Snakemake


def test_slurm_bundles(alone):
    if problem := slurm_cluster.missing():
        pytest.skip(problem)
    with slurm_cluster.running() as cluster:
        variables = {name: cluster.environment[name] for name in ("PATH", "SLURM_CONF")}
        interval = ["--slurm-bundles-init-seconds-before-status-checks", "1"]
        arguments = ["--executor", "slurm-bundles", "--jobs", "3", *interval]
        resources = ["--default-resources", "mem_mb=100", "runtime=5"]
        made, _ = alone([FORKSERVER, BUNDLES], *arguments, *resources, **variables)
    assert made == "a True True b True True c True True"
