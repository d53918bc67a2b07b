"""Ends the processes of a cancelled run that do not belong to the fork server."""

import contextlib
import ctypes
import signal
import sys
import time

import psutil

STEPS = ((signal.SIGINT, 2.0), (signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0))  # signal, seconds
PR_SET_CHILD_SUBREAPER = 36  # from linux/prctl.h


def adopt_orphans() -> None:
    """Become the parent of processes whose own parent has died, so that they can be found.

    Ctrl-C in a terminal kills a shell, but not what the shell has put into the background.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_descendants(*but: int | None) -> None:
    """End all that this process has started, except some children's families: ask, then force."""
    for number, patience in STEPS:
        for process in running_descendants(*but):
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
        deadline = time.monotonic() + patience
        # Not psutil.wait_procs: it would consume the exit codes that the jobs' threads wait for.
        while running_descendants(*but):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            return


def running_descendants(*but: int | None) -> list[psutil.Process]:
    """The living children and their descendants, except some children and their own."""
    found = []
    for child in psutil.Process().children():
        if child.pid not in but:
            with contextlib.suppress(psutil.Error):
                found += [child, *child.children(recursive=True)]
    return [process for process in found if is_running(process)]


def is_running(process: psutil.Process) -> bool:
    """Whether a process is alive rather than a zombie."""
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False
