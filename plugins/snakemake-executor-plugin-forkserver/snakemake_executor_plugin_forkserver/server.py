"""The process that imports once and forks a child for every job; a program of its own.

Why not multiprocessing's fork server: its children import the parent's `__main__` (all of
snakemake), its process objects lose exit codes to concurrent joins, it needs a second helper (the
resource tracker), and nothing ends the children of a parent that was killed. This loop has one
thread, no state except the running jobs, and a lifeline: its control socket. When the other end
closes, for whatever reason, the loop ends what is still running, then itself.

For each job the executor sends one byte, and with it one end of a socket for this job alone. The
child reads its request there and reports back; this process adds the exit code.

Usage: server.py CONTROL_FD [MODULE...]
"""

import contextlib
import ctypes
import faulthandler
import json
import os
import select
import signal
import socket
import sys
import time
from itertools import count
from pathlib import Path

from child import become_job, fork
from warm import leave_imports_alone, preload, use_huge_pages

GRACE = 10.0  # seconds between asking a job to end, when it may save its state, and killing it
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # from linux/prctl.h
MANY = 200  # events, two per job, after which making forks cheaper is worth its time
LINUX = sys.platform == "linux"
libc = ctypes.CDLL(None)


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    # The executor decides when this ends, even if all processes of a batch job are sent SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Scripts must not find this server's folder or the modules in it.
    del sys.path[0]
    del sys.modules["child"], sys.modules["warm"]
    if LINUX:
        # Processes whose parents have died become children of this one, so end() finds them all.
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
        # printf() by line: otherwise a killed process loses what is in its buffer.
        libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, 1, 0)
    sys.stdout.reconfigure(line_buffering=True)
    faulthandler.enable()  # a segfault leaves a traceback in the log
    pools = preload(sys.argv[2:])
    leave_imports_alone()
    serve(control, pools)
    os._exit(0)  # at once: freeing what was imported takes as long as some jobs


def serve(control: socket.socket, pools) -> None:
    """Fork a child for each request and report its exit code, until the executor is gone."""
    wake, wakeup = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # must have a handler to wake the loop
    jobs: dict[int, socket.socket] = {}
    for number in count():
        if LINUX and number == MANY:
            use_huge_pages(libc)
        ready, _, _ = select.select([control, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            reap(jobs)
        if control in ready:
            message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            if not message:
                end(jobs)
                return
            connection = socket.socket(fileno=descriptors[0])
            connection.set_inheritable(False)  # not for programs that the script starts
            server = os.getpid()
            try:
                pid = fork()
            except OSError as error:  # no memory, or too many processes
                print(f"forkserver: cannot fork: {error}", file=sys.stderr)
                connection.close()
                continue
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for descriptor in (wake, wakeup):
                    os.close(descriptor)
                for other in (control, *jobs.values()):
                    other.close()
                if LINUX:
                    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != server:
                    os._exit(1)
                become_job(connection, pools, libc)
            with contextlib.suppress(OSError):  # in parent and child, whichever is first
                os.setpgid(pid, pid)
            jobs[pid] = connection


def reap(jobs: dict[int, socket.socket]) -> bool:
    """Report the jobs that have ended; return whether this process still has children."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        connection = jobs.pop(pid, None)
        if connection is None:
            continue  # an orphan of some job
        # A job is over when its process is: end what it left in its process group. Not SIGKILL:
        # multiprocessing's resource tracker ignores SIGTERM and still has to clean up.
        signal_group(pid, signal.SIGTERM)
        with connection, contextlib.suppress(OSError):
            code = os.waitstatus_to_exitcode(status)
            connection.sendall(json.dumps({"code": code}).encode() + b"\n")


def end(jobs: dict[int, socket.socket]) -> None:
    """End all jobs: as Ctrl-C would, so that they can clean up, then after a while by force."""
    for pid in jobs:
        signal_group(pid, signal.SIGINT)
    patience = time.monotonic() + GRACE
    while reap(jobs):
        if time.monotonic() > patience:
            for pid in jobs:
                signal_group(pid, signal.SIGKILL)
            for pid in children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def signal_group(group: int, number: int) -> None:
    """Send a signal to a process group that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def children() -> list[int]:
    """The children of this process (on Linux; elsewhere the process groups have to do)."""
    listing = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in listing.read_text().split()] if listing.exists() else []


if __name__ == "__main__":
    main()
