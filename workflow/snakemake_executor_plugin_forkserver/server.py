"""The process that imports once and forks a child for every job; a program of its own.

Why not multiprocessing's fork server: its children import the parent's `__main__` (all of
snakemake), its process objects lose exit codes to concurrent joins, it needs a second helper (the
resource tracker), and nothing ends the children of a parent that was killed. This loop has one
thread, no state but the running jobs, and a life line: its control socket. When the other end
closes, for whatever reason, it ends what still runs, and itself.

The executor sends one byte for a job, and with it one end of a socket that is this job's alone. The
child reads its request there and reports back; the exit code follows from here.

Usage: server.py CONTROL_FD [MODULE...]
"""

import contextlib
import ctypes
import faulthandler
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import weakref
from itertools import count
from pathlib import Path

from child import become_job

GRACE = 3.0  # seconds between asking a job to end and killing it
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # from linux/prctl.h
MADV_HUGEPAGE, MADV_COLLAPSE, HUGE = 14, 25, 2 << 20  # from linux/mman.h; bytes of a huge page
MANY = 200  # events, two a job, after which it pays to spend time on making forks cheaper
LINUX = sys.platform == "linux"
libc = ctypes.CDLL(None)


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the executor decides when this ends
    # What is this server's must not be found by a script: its folder, and the module in it.
    del sys.path[0]
    del sys.modules["child"]
    if LINUX:
        # Processes whose parents have died become children of this one: end() finds them all.
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
        # printf() by line, or what stands in its buffer dies with a killed process.
        libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, 1, 0)
    sys.stdout.reconfigure(line_buffering=True)
    faulthandler.enable()  # a segfault leaves a traceback in the log
    pools = preload(sys.argv[2:])
    leave_imports_alone()
    serve(control, pools)
    os._exit(0)  # at once: to free what was imported takes as long as some jobs


def preload(modules: list[str]):
    """Import what scripts will import; return the handle on thread pools, if it can be had."""
    # What Snakemake's preamble of a script imports.
    for name in ["snakemake.iocontainers", "snakemake.logging", *modules]:
        try:
            importlib.import_module(name)
        except Exception as error:
            print(f"forkserver: cannot preload {name}: {error!r}", file=sys.stderr)
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController() if modules else None


def leave_imports_alone() -> None:
    """Spare the children work on what was imported here: with torch, 30 ms a job."""
    # The collector of a child would touch, and so copy, all memory.
    gc.collect()
    gc.freeze()
    # What imported modules have registered to be undone at exit (torch: 149 operator libraries)
    # is nothing that each child should undo.
    for finalizer in weakref.finalize._registry:
        finalizer.atexit = False


def use_huge_pages() -> None:
    """Put the memory in 2 MiB pages: half a second once, and with torch 10 ms less a job.

    A fork copies the page tables and a leaving child frees them; these are 512 times smaller.
    """
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, access, _, _, inode, *name = line.split()
        if access == "rw-p" and inode == "0" and name in ([], ["[heap]"]):
            start, stop = (int(address, 16) for address in addresses.split("-"))
            start, stop = -(-start // HUGE) * HUGE, stop // HUGE * HUGE
            for advice in (MADV_HUGEPAGE, MADV_COLLAPSE) if start < stop else ():
                # Where the kernel cannot, all goes on with small pages.
                libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(stop - start), advice)


def serve(control: socket.socket, pools) -> None:
    """Fork a child for each request and report its exit code, until the executor is gone."""
    wake, wakeup = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # has to have a handler to wake the loop
    jobs: dict[int, socket.socket] = {}
    for number in count():
        if LINUX and number == MANY:
            use_huge_pages()
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
            server = os.getpid()
            pid = os.fork()
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
            with contextlib.suppress(OSError):  # here and in the child: whoever comes first
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
        # A job is over when its process is: end what it left in its process group. Not SIGKILL,
        # for multiprocessing's resource tracker ignores this signal and has its cleaning to do.
        signal_group(pid, signal.SIGTERM)
        with connection, contextlib.suppress(OSError):
            code = os.waitstatus_to_exitcode(status)
            connection.sendall(json.dumps({"code": code}).encode() + b"\n")


def end(jobs: dict[int, socket.socket]) -> None:
    """End all jobs: as Ctrl-C would, so that they can clean up, and after a while by force."""
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
    """The processes whose parent this one is (on Linux; elsewhere the groups have to do)."""
    listing = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in listing.read_text().split()] if listing.exists() else []


if __name__ == "__main__":
    main()
