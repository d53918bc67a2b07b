"""A real Slurm cluster on this machine, and a small workflow to run on it."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import slurm_cluster as slurm

# A shell lets what it starts in the background ignore Ctrl-C, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)

HERE = Path(__file__).parent
# Snakemake's command line, but a job that Slurm does not list is given up after seconds.
MAIN = """
from snakemake.cli import main
from snakemake_executor_plugin_slurm_bundles import job_states
job_states.UNKNOWN = 3
main()
"""


@pytest.fixture(scope="session")
def cluster():
    """Three nodes with two GPUs each; skips the test where Slurm is not installed."""
    if problem := slurm.missing():
        pytest.skip(problem)
    with slurm.running() as started:
        yield started


class Small:
    """A copy of the workflow in small/, and ways to run it on the cluster."""

    def __init__(self, folder: Path, cluster: slurm.Cluster) -> None:
        self.folder, self.cluster = folder, cluster
        self.started: list[subprocess.Popen[str]] = []

    def command(self, *arguments: str) -> list[str]:
        snakemake = [sys.executable, "-c", MAIN, "--executor", "slurm-bundles"]
        resources = ["--default-resources", "mem_mb=100", "runtime=5"]
        return [
            *snakemake, "--profile", "none", "--scheduler", "greedy", "--jobs", "unlimited",
            "--keep-going", "--latency-wait", "10", "--rerun-incomplete", "--nocolor",
            "--slurm-bundles-no-requeue", "--max-jobs-per-timespan", "10000/1s",
            "--slurm-bundles-init-seconds-before-status-checks", "1", *arguments,
            *(resources if "--default-resources" not in arguments else []),
        ]  # fmt: skip

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command(*arguments), cwd=self.folder, text=True,
            env={**self.cluster.environment, **variables},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *arguments: str, **variables: str) -> tuple[int, str]:
        """Exit code and all that is printed."""
        process = self.start(*arguments, **variables)
        printed, _ = process.communicate(timeout=600)
        return process.returncode, printed

    def stand_in(self, command: str, script: str) -> str:
        """A PATH on which this shell script comes before one of Slurm's commands, its $real."""
        path = self.cluster.environment["PATH"]
        file = self.folder / "bin" / command
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\nreal={shutil.which(command, path=path)}\n{script}\n")
        file.chmod(0o755)
        return f"{file.parent}:{path}"

    def records(self) -> dict[str, dict]:
        return {path.stem: json.loads(path.read_text()) for path in self.folder.glob("out/*.json")}

    def wait_for(self, *files: str) -> None:
        slurm.wait_for(lambda: all((self.folder / file).exists() for file in files), 300)

    def jobs(self) -> list[str]:
        """The ids of this folder's jobs that are queued or running."""
        return [id for id, at in self.cluster.jobs("%i", "%Z") if at == str(self.folder)]


@pytest.fixture
def small(tmp_path: Path, cluster: slurm.Cluster) -> Iterator[Small]:
    with copied(tmp_path / "small", cluster) as workflow:
        yield workflow


@contextmanager
def copied(folder: Path, cluster: slurm.Cluster) -> Iterator[Small]:
    """A workflow of which nothing is left on the cluster after the block."""
    shutil.copytree(HERE / "small", folder)
    workflow = Small(folder, cluster)
    yield workflow
    for process in workflow.started:
        process.kill()
        process.wait()
    if left := workflow.jobs():
        cluster.call("scancel", "--signal=KILL", "--full", *left)


@pytest.fixture(scope="module")
def limited(cluster: slurm.Cluster, tmp_path_factory) -> Iterator[tuple[Small, subprocess.Popen]]:
    """A workflow whose job meets its time limit, a minute: started before the module's tests."""
    with copied(tmp_path_factory.mktemp("limited") / "small", cluster) as workflow:
        arguments = ["--retries", "1", "--set-resources", "endless:runtime=attempt"]
        yield workflow, workflow.start("endless", *arguments)
