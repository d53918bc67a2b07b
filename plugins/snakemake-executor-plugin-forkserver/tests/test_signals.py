"""However a run is ended, all its processes end."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable

import psutil
import pytest

pytestmark = pytest.mark.full

WAIT = 200  # seconds until a test fails, not a limit on how long it may take on a slow machine


def until(condition: Callable[[], bool]) -> bool:
    """Wait for something to become true."""
    deadline = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Run:
    """Snakemake in a process group of its own, and a mark on all processes that it starts."""

    def __init__(self, workflow, *targets: str) -> None:
        self.workflow = workflow
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            workflow.command(*targets),
            cwd=workflow.folder,
            env=workflow.environment(FORKSERVER_TEST=self.mark),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, *files: str) -> None:
        assert until(lambda: all(self.workflow.has(file) for file in files)), files

    def alive(self) -> list[psutil.Process]:
        """The processes that have inherited the mark, and so come from this run."""
        found = []
        for process in psutil.process_iter():
            try:
                marked = process.environ().get("FORKSERVER_TEST") == self.mark
                if marked and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def assert_ends(self) -> str:
        """Wait for the end of all processes; return what Snakemake has said."""
        gone = until(lambda: not self.alive())
        left = [(p.pid, p.cmdline()) for p in self.alive()]
        for process in self.alive():
            process.kill()
        _, said = self.process.communicate()
        assert gone, left
        return said


@pytest.fixture
def start(workflow):
    runs = []

    def starter(*targets: str) -> Run:
        runs.append(Run(workflow, *targets))
        return runs[-1]

    yield starter
    for run in runs:
        for process in run.alive():
            process.kill()


ENDS = {
    "Ctrl-C": lambda pid: os.killpg(pid, signal.SIGINT),
    "SIGINT": lambda pid: os.kill(pid, signal.SIGINT),
    "SIGTERM": lambda pid: os.kill(pid, signal.SIGTERM),
}


@pytest.mark.parametrize("how", ENDS)
def test_ending_a_run(workflow, start, how):
    run = start("all")
    run.wait_for("started-first", "started-second")
    assert len(run.alive()) >= 6  # snakemake, server, job, two of its own, shell and its own
    ENDS[how](run.process.pid)
    said = run.assert_ends()
    assert run.process.returncode == 1
    assert "Error in rule script_job" not in said  # it did not fail
    assert workflow.has("interrupted")  # it could clean up

    if how == "SIGTERM":
        later = workflow.run("all", "--rerun-incomplete", FINISH="1")
        assert later.returncode == 0, later.stderr
        assert workflow.read("out/first.txt") == "whole"


def test_a_job_that_ignores_signals_and_one_of_its_own_snakemake(start):
    run = start("out/stubborn.txt", "out/run.txt")
    run.wait_for("started-stubborn", "started-run")
    ENDS["SIGINT"](run.process.pid)
    run.assert_ends()


def test_killed_snakemake(start):
    run = start("out/first.txt", "out/stubborn.txt")
    run.wait_for("started-first", "started-stubborn")
    run.process.kill()
    run.assert_ends()
