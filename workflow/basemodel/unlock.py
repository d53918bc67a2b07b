"""Take away the lock of a run that was killed, so that `make run` resumes where it stopped.

Snakemake locks the folder that it works in, and a run that dies by SIGKILL or a power cut leaves
the lock, which does not say whose it is. So a run signs its lock when it starts (`sign`, from the
Snakefile): beside each lock file lies one that says who the owner is. A lock is removed only if its
owner is known to be dead: a process of this machine, which has been started anew since, or has no
process of this number and start time. In all other cases it stays, and the user is asked: nobody
can see from here whether a process of another machine, or in another container, lives.
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
    """Write beside each lock file who has it: this process."""
    owner = describe(os.getpid())
    for lock in locks:
        write_json(_signature(Path(lock)), owner)


def describe(pid: int) -> dict[str, Any]:
    """What makes a process known again: its machine, that machine's last start, and itself.

    What a system does not tell is None.
    """
    return {
        "host": platform.node(),
        "machine": _read("/etc/machine-id"),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        # A container may have numbers, and a clock, that are not those outside.
        "namespaces": [_link(f"/proc/self/ns/{kind}") for kind in ("pid", "time")],
        "pid": pid,
        "started": start_of(pid),
        "user": _user(),
        "since": datetime.now().astimezone().isoformat(" ", "seconds"),
    }


def start_of(pid: int) -> int | None:
    """When a process started, in ticks since the machine did: no clock's corrections change it.

    0 for one that is dead and was not waited for; None where that cannot be seen.
    """
    text = _read(f"/proc/{pid}/stat")
    if text is None:
        return None
    fields = text.rpartition(")")[2].split()  # the name before may hold anything; proc(5)
    return 0 if fields[0] in "ZX" else int(fields[19])


def is_dead(owner: dict[str, Any], here: dict[str, Any]) -> bool | None:
    """Whether the owner of a lock is dead, as seen from here (`describe`); None: not to be seen."""
    if not owner["boot"] or not here["boot"]:
        return None
    if owner["boot"] != here["boot"]:
        # The same machine, started anew? A name alone can be another's.
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
    """By the process's owner, not by what LOGNAME says."""
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
