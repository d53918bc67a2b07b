"""Ending the processes of a cancelled run."""

import contextlib
import signal
import time

import psutil

STEPS = ((signal.SIGINT, 2.0), (signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0))  # signal, seconds


def end_processes(roots: list[psutil.Process]) -> None:
    """End processes and all that they have started: ask first, then insist."""
    running = list(roots)
    for root in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            running += root.children(recursive=True)
    for number, patience in STEPS:
        for process in running:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
        deadline = time.monotonic() + patience
        # Not psutil.wait_procs: it would take the exit codes that the jobs' threads wait for.
        while (running := [p for p in running if is_running(p)]) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not running:
            return


def is_running(process: psutil.Process) -> bool:
    """Whether a process is more than an entry that its parent has not yet read."""
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
