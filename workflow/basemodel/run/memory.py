"""How much of a machine's memory a job may count on.

This is the least of what is free on the machine, what is left below each limit of its control
groups (a container's or a batch system's; versions 1 and 2) and what Slurm granted, times the job's
threads over the cores that it may use. So jobs that share the cores do not all count on the same
memory.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

PROCESS = Path("/proc/self")
MIB = 2**20
CUDA_CONTEXT = 700_000_000  # bytes that CUDA takes in each process: 0.66 GB on an H100
# Files of a control group: the limit, what is used, and which of it are file caches.
VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
VERSION_2 = ("memory.max", "memory.current", "inactive_file")


def free(threads: int) -> int:
    """Bytes that a job with this number of threads can take without swapping."""
    room = [psutil.virtual_memory().available, *left_in_groups(PROCESS), *given(os.environ)]
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        cores = os.cpu_count() or 1
    cores = min(cores, _number(os.environ, "SLURM_CPUS_ON_NODE") or cores)
    return int(max(0, min(room)) * min(1.0, threads / cores))


def given(environment: Mapping[str, str]) -> Iterator[int]:
    """Bytes that Slurm granted on this node, which it need not enforce by control groups.

    Yields nothing without Slurm, or if Slurm granted all memory (0).
    """
    if megabytes := _number(environment, "SLURM_MEM_PER_NODE"):
        yield megabytes * MIB
    if megabytes := _number(environment, "SLURM_MEM_PER_CPU"):
        yield megabytes * MIB * (_number(environment, "SLURM_CPUS_ON_NODE") or 1)


def left_in_groups(process: Path) -> Iterator[int]:
    """Bytes left below each limit, from the process's own control group up to the root.

    Usage is counted without file caches that can be dropped. `process`: its folder in /proc, whose
    files are described in proc(5) and cgroups(7).
    """
    try:
        groups = (process / "cgroup").read_text().splitlines()
        mounts = [line.split(" - ") for line in (process / "mountinfo").read_text().splitlines()]
    except OSError:
        return  # not Linux
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        for mount, filesystem in mounts:
            kind, _, options = filesystem.split(" ", 2)
            if kind == ("cgroup" if controllers else "cgroup2") and (
                not controllers or "memory" in options
            ):
                root, mounted = mount.split(" ")[3:5]
                # In a container the path may be the host's, with only a part of it mounted.
                folder = Path(mounted, path.removeprefix(root if root != "/" else "").lstrip("/"))
                if not folder.is_dir() or ".." in folder.parts:
                    folder = Path(mounted)
                for group in (folder, *folder.parents):
                    if group.is_relative_to(mounted):
                        yield from _left(group, *(VERSION_1 if controllers else VERSION_2))


def _left(group: Path, limit: str, usage: str, droppable: str) -> Iterator[int]:
    try:
        most = (group / limit).read_text().strip()
        if most == "max":
            return
        used = int((group / usage).read_text())
        stat = dict(line.split(" ", 1) for line in (group / "memory.stat").read_text().splitlines())
        yield max(0, int(most) - max(0, used - int(stat.get(droppable, 0))))
    except (OSError, ValueError):
        return  # the root has no limit


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "")
    return int(text) if text.isdecimal() else 0
