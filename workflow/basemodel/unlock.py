"""Remove the lock of a run that was killed, so that `make run` resumes where it stopped.

Snakemake locks its working folder, and a run that dies by SIGKILL or a power cut leaves the lock,
which does not name its owner. So a run signs its lock when it starts (`sign`, called by the
Snakefile): a file next to each lock file names the owner. A lock is removed only if its owner is
known to be dead: it was a process of this machine, and the machine has rebooted since or has no
process with this number and start time. Otherwise the lock stays and the user must decide, because
a process on another machine or in another container cannot be seen from here.
"""

import os
import platform
import pwd
import shutil
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from basemodel.files import read_json, write_json

LOCKS = Path(".snakemake", "locks")
ASK = "if it is dead, `snakemake --unlock` removes the lock"


def sign(locks: Iterable[str | Path]) -> None:
    """Record, next to each lock file, that this process owns it."""
    owner = describe(os.getpid())
    for lock in locks:
        write_json(_signature(Path(lock)), owner)


def describe(pid: int) -> dict[str, Any]:
    """What identifies a process: its machine, that machine's last boot, and the process itself.

    What the system does not reveal is None.
    """
    return {
        "host": platform.node(),
        "machine": _read("/etc/machine-id"),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        # A container may have its own process numbers and clock.
        "namespaces": [_link(f"/proc/self/ns/{kind}") for kind in ("pid", "time")],
        "pid": pid,
        "started": start_of(pid),
        "user": _user(),
        "since": datetime.now().astimezone().isoformat(" ", "seconds"),
    }


def start_of(pid: int) -> int | None:
    """When a process started, in ticks since boot, which clock corrections do not change.

    0 for a zombie; None if it cannot be determined.
    """
    text = _read(f"/proc/{pid}/stat")
    if text is None:
        return None
    fields = text.rpartition(")")[2].split()  # the name before may contain anything; proc(5)
    return 0 if fields[0] in "ZX" else int(fields[19])


def is_dead(owner: dict[str, Any], here: dict[str, Any]) -> bool | None:
    """Whether the owner of a lock is dead, as seen from here (`describe`); None if unknown."""
    if not owner["boot"] or not here["boot"]:
        return None
    if owner["boot"] != here["boot"]:
        # The same machine after a reboot? Another machine may have the same name.
        same = owner["machine"] and all(owner[key] == here[key] for key in ("host", "machine"))
        return True if same else None
    if owner["namespaces"] != here["namespaces"]:
        return None
    try:
        os.kill(owner["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # another user's
    started = start_of(owner["pid"])
    if started is None or owner["started"] is None:
        return None
    return started != owner["started"]


def verdict(locks: Path) -> str | None:
    """Why the locks in a folder must stay, in one line; None: their owners are all dead."""
    here = describe(os.getpid())
    for lock in sorted(locks.glob("*.lock")):
        try:
            owner = read_json(_signature(lock))
            dead = is_dead(owner, here)
            name = f"process {owner['pid']} on {owner['host']}"
            name += f", of {owner['user']}, since {owner['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return f"a run that has not said who it is has locked this folder: {ASK}"
        if dead is None:
            return f"this folder is locked by {name}, which cannot be seen from here: {ASK}"
        if not dead:
            return f"snakemake is running here already ({name})"
    return None


def main() -> None:
    if not any(LOCKS.glob("*.lock")):
        return
    if reason := verdict(LOCKS):
        sys.exit(reason)
    try:
        shutil.rmtree(LOCKS)
    except OSError as error:
        sys.exit(f"the last run was killed, and its lock cannot be removed: {error}")
    print("The last run was killed: its lock is removed, what it had finished is kept.")


def _signature(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}.owner")


def _user() -> str:
    """The owner of the process, whatever LOGNAME says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container need not know the name
        return str(os.getuid())


def _link(file: str) -> str | None:
    try:
        return str(Path(file).readlink())
    except OSError:
        return None


def _read(file: str) -> str | None:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return None


if __name__ == "__main__":
    main()
