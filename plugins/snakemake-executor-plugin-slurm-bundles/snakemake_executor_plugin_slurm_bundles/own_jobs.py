"""The user's jobs in Slurm's queue: lists and cancels them.

All functions raise one of NO_ANSWER where Slurm does not answer.
"""

import subprocess
import time
from pathlib import Path

PATIENCE = 60  # seconds until a Slurm command counts as not answering
NO_ANSWER = (OSError, subprocess.SubprocessError)


def mine(*arguments: str) -> list[list[str]]:
    """Id, name and working folder of the user's jobs that are queued or running."""
    command = ["squeue", "--noheader", "--format=%i|%j|%Z", "--me"]
    listed = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    return [line.split("|", 2) for line in listed.stdout.splitlines()]


def left_behind(prefix: str, folder: str | Path) -> list[str]:
    """The ids of jobs whose names begin with the prefix and that work in the folder."""
    folder = Path(folder).resolve()
    return [id for id, name, at in mine() if name.startswith(prefix) and Path(at) == folder]


def end(ids: set[str]) -> set[str]:
    """Tell jobs to end; returns those that are gone."""
    if not ids:
        return set()
    # It fails if one of them is gone; what counts is which are left.
    subprocess.run(["scancel", *ids], capture_output=True, timeout=PATIENCE)
    return ids - {row[0] for row in mine()}


def end_all(name: str) -> None:
    """Cancel the jobs of this name, and wait for up to a minute until they are gone."""
    subprocess.run(["scancel", f"--name={name}"], check=True, capture_output=True, timeout=PATIENCE)
    deadline = time.monotonic() + 60
    while mine(f"--name={name}") and time.monotonic() < deadline:
        time.sleep(1)


def said(error: Exception) -> str:
    """What Slurm says of itself when it does not answer."""
    return getattr(error, "stderr", None) or str(error)
