"""Remove the lock of a run that was killed, so that `make run` resumes where it stopped.

Snakemake locks its working folder, and a run that dies by SIGKILL or a power cut leaves the lock,
which does not name its owner. So a run signs its lock when it starts: a file beside each lock file
names the owner, which holds this file by flock as long as it lives. Who can take it then knows that
the owner is dead, if both run on the same kernel (in whatever containers) and see the same file, or
if the machine has rebooted since. Otherwise the lock stays and the user must decide: network file
systems may keep flock to one machine, lose it, or do without.
"""

import fcntl
import json
import os
import platform
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import psutil

LOCKS = Path(".snakemake", "locks")
ASK = "if it is dead, `snakemake --unlock` removes the lock"
_held: list[IO[str]] = []  # open as long as this process lives


def sign(locks: Iterable[str | Path]) -> None:
    """Record, beside each lock file, that this process owns it, and hold the record."""
    for lock in locks:
        file = _signature(Path(lock)).open("w", encoding="utf-8")
        _held.append(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = _file(file)
        except OSError:  # this file system has no flock
            held = None
        json.dump({**describe(), "held": held}, file)
        file.flush()
        os.fsync(file.fileno())


def describe() -> dict[str, Any]:
    """This process and its machine; what the system does not reveal is None."""
    return {
        "host": platform.node(),
        "machine": _read("/etc/machine-id"),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "user": psutil.Process().username(),
        "since": datetime.now().astimezone().isoformat(" ", "seconds"),
    }


def is_dead(owner: dict[str, Any], signature: IO[str]) -> bool | None:
    """Whether the owner of a lock is dead, as seen from here; None if unknown.

    `signature`: the open file that names it, which is held from then on if the owner is dead.
    """
    try:
        fcntl.flock(signature, fcntl.LOCK_EX | fcntl.LOCK_NB)
        taken = _file(signature)
    except BlockingIOError:
        return False
    except OSError:
        taken = None
    here = describe()
    if not owner["boot"] or not here["boot"]:
        return None
    if owner["boot"] != here["boot"]:
        # The same machine after a reboot? Another machine may have the same name.
        same = owner["machine"] and all(owner[key] == here[key] for key in ("host", "machine"))
        return True if same else None
    # A server may have dropped the hold of a process that lives.
    alive = owner["started"] is None or owner["started"] == _started(owner["pid"])
    return True if taken and taken == owner["held"] and not alive else None


def remove_dead() -> None:
    """Remove the locks of dead runs in the working folder; exits with one line if any must stay."""
    removed = False
    for lock in sorted(LOCKS.glob("*.lock")):
        path = _signature(lock)
        try:
            mode = "r+" if os.access(path, os.W_OK) else "r"  # NFS: flock is for who may write
            with path.open(mode, encoding="utf-8") as signature:
                owner = json.load(signature)
                name = "process {pid} on {host}, of {user}, since {since}".format_map(owner)
                if dead := is_dead(owner, signature):
                    removed = _remove(path, lock)  # a lock without a signature stays
        except (OSError, ValueError, KeyError, TypeError):
            sys.exit(f"a run that has not said who it is has locked this folder: {ASK}")
        if dead is None:
            sys.exit(f"this folder is locked by {name}, which cannot be seen from here: {ASK}")
        if not dead:
            sys.exit(f"snakemake is running here already ({name})")
    if removed:
        print("The last run was killed: its lock is removed, what it had finished is kept.")


def _remove(*files: Path) -> bool:
    try:
        for file in files:
            file.unlink()
    except OSError as error:
        sys.exit(f"the last run was killed, and its lock cannot be removed: {error}")
    return True


def _signature(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}.owner")


def _file(file: IO[str]) -> list[int]:
    """What identifies an open file on this machine, and that it is not removed: a link to it."""
    stat = os.fstat(file.fileno())
    return [stat.st_dev, stat.st_ino, stat.st_nlink]


def _started(pid: int) -> str | None:
    """When a process started, in ticks since boot; None if there is none, or it cannot be seen."""
    text = _read(f"/proc/{pid}/stat") or ""
    fields = text.rpartition(")")[2].split()  # the name before may contain anything; proc(5)
    return fields[19] if fields and fields[0] not in "ZX" else None


def _read(file: str) -> str | None:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return None
