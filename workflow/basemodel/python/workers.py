"""Compute candidates in processes of their own, several at a time.

A worker imports torch once, then takes one candidate after the other, and forks for each
(selection.isolated), as the jobs of `snakemake rank` do. It is started as a program, not by
multiprocessing, which would run the user's script again in it.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from basemodel.selection.names import LIBRARIES, Candidate

# What libraries of linear algebra read when they are loaded.
THREADS = (
    "OMP_NUM_THREADS", "GOTO_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
)  # fmt: skip
GRACE = 5.0  # seconds in which a worker that is asked to end may do so


class Stopped(RuntimeError):
    """What ends a ranking and is no candidate's fault: a full disk, images that are gone."""


@dataclass
class _Worker:
    process: subprocess.Popen[str]
    request: dict[str, Any]
    started: float


def compute(
    requests: Sequence[dict[str, Any]], jobs: int, threads: int, timeout: float | None
) -> Iterator[tuple[dict[str, Any], tuple[str, str] | None]]:
    """Have requests (worker.py) done, `jobs` at a time; yield each once it is done, in any order.

    With it comes None, or if its worker took longer than `timeout` seconds or ended, the reason and
    the remedy. `threads`: of each. All workers have ended when this ends, however it does. Raises
    Stopped.
    """
    waiting, running = deque(requests), {}
    libraries = sorted({Candidate(**request["candidate"]).library for request in requests})
    modules = [name for name in libraries if name in LIBRARIES]
    selector = selectors.DefaultSelector()

    def start(process: subprocess.Popen[str] | None = None) -> None:
        process = process or _start(threads, modules)
        worker = _Worker(process, waiting.popleft(), time.monotonic())
        running[process.stdout] = worker
        selector.register(process.stdout, selectors.EVENT_READ)
        with contextlib.suppress(BrokenPipeError):  # it has ended, which is seen when it is read
            print(json.dumps(worker.request), file=process.stdin, flush=True)

    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                start()
            ready = {key.fileobj for key, _ in selector.select(_patience(running, timeout))}
            for stream, worker in list(running.items()):
                late = timeout is not None and time.monotonic() - worker.started >= timeout
                if stream not in ready and not late:
                    continue
                said = stream.readline() if stream in ready else ""
                selector.unregister(stream)
                del running[stream]
                if said:
                    if stop := json.loads(said)["stop"]:
                        end([worker.process])
                        raise Stopped(stop)
                    if waiting:
                        start(worker.process)
                    else:
                        end([worker.process])
                    yield worker.request, None
                else:
                    end([worker.process])
                    yield worker.request, _death(worker.process.returncode, timeout if late else 0)
    finally:
        end([worker.process for worker in running.values()])
        selector.close()


def end(processes: Sequence[subprocess.Popen[str]]) -> None:
    """End workers and what they have started: first by asking, then by force."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            try:
                os.killpg(process.pid, number)  # each is the first of a group of its own
            except ProcessLookupError:
                continue
        patience = time.monotonic() + GRACE
        for process in processes:
            try:
                process.wait(max(0.0, patience - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
    for process in processes:
        process.stdin.close()
        process.stdout.close()


def _start(threads: int, modules: list[str]) -> subprocess.Popen[str]:
    # The package may not be on the path of a new Python: a notebook can add to it.
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-m", "basemodel.python.worker", str(threads), *modules],
        env=os.environ | dict.fromkeys(THREADS, str(threads)) | {"PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process, which then ends them
    )


def _patience(running: dict[Any, _Worker], timeout: float | None) -> float | None:
    if timeout is None:
        return None
    first = min(worker.started for worker in running.values())
    return max(0.0, first + timeout - time.monotonic())


def _death(code: int, late: float) -> tuple[str, str]:
    if late:
        return f"took longer than {late:g} seconds", "allow it a longer timeout, or leave it out"
    return f"its process ended early (exit code {code})", "its log has more; leave it out"
