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


def free(threads: int) -> int:
    """Bytes that a job with this number of threads can take without swapping."""
    room = [psutil.virtual_memory().available, *left_in_groups(PROCESS), *given(os.environ)]
    cores = cores_of(os.environ)
    return int(max(0, min(room)) * min(1.0, threads / cores))


def cores_of(environment: Mapping[str, str]) -> int:
    """How many cores this job and those running alongside it may use."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        cores = os.cpu_count() or 1
    return min(cores, _number(environment, "SLURM_CPUS_ON_NODE") or cores)


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

    Usage is counted without file caches that can be dropped. `process`: its folder in /proc.
    """
    try:
        groups = (process / "cgroup").read_text().splitlines()
        mounts = (process / "mountinfo").read_text().splitlines()
    except OSError:
        return  # not Linux
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            names = "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            names = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
        else:
            continue
        for root, mounted in _hierarchies(mounts, version=1 if controllers else 2):
            # In a container the path may be the host's, with only a part of the hierarchy mounted.
            inside = path.removeprefix(root) if root != "/" else path
            folder = mounted / inside.lstrip("/")
            if not folder.is_dir() or ".." in folder.parts:
                folder = mounted
            for group in (folder, *folder.parents):
                yield from _left(group, *names)
                if group == mounted:
                    break


def _hierarchies(mounts: list[str], version: int) -> Iterator[tuple[str, Path]]:
    """Which part of a hierarchy is mounted, and where; proc(5) describes the format."""
    for line in mounts:
        fields, _, filesystem = line.partition(" - ")
        kind, _, options = filesystem.split(" ", 2)
        if kind == "cgroup2" if version == 2 else kind == "cgroup" and "memory" in options:
            _, _, _, root, mounted, *_ = fields.split(" ")
            yield root, Path(mounted)


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
