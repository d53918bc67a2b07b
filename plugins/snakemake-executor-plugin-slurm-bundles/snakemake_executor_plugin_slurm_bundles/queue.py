"""What Slurm says of jobs: their states, and which of an earlier run are still there."""

import asyncio
import contextlib
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

# The final states of a job (squeue(1), JOB STATE CODES); in all others it may still run.
ENDED = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
    "PREEMPTED", "REVOKED", "TIMEOUT",
}  # fmt: skip
PATIENCE = 60  # seconds until a Slurm command counts as not answering


class Queue:
    """Queries the states of the user's jobs: `squeue` has those that Slurm still works with.

    It forgets a job some minutes after its end. `sacct` keeps the ends, but may learn of them, and
    of whole jobs, much later, and of a job that was requeued it may show the end before.
    """

    def __init__(self, command: str | None) -> None:
        self._accounts = command != "squeue"
        self._since = f"{datetime.now() - timedelta(hours=1):%Y-%m-%dT%H:%M}"

    async def states(self, ids: set[str]) -> dict[str, str] | None:
        """The state of each of the jobs that Slurm knows; None if Slurm does not answer."""
        states = await ask(["squeue", "--noheader", "--states=all", "--format=%i|%T", "--me"])
        if states is None:
            return None
        states = {id: state for id, state in states.items() if id in ids}
        if self._accounts and (others := ids - states.keys()):
            ends = await ask([
                "sacct", "-X", "--noheader", "--parsable2", "--format=JobIDRaw,State",
                f"--starttime={self._since}", f"--jobs={','.join(sorted(others))}",
            ])  # fmt: skip
            ends = {id: state for id, state in (ends or {}).items() if state in ENDED}
            states = ends | states
        return states


async def ask(command: list[str]) -> dict[str, str] | None:
    """The states that a command prints, by job; None if it fails or does not end."""
    if not shutil.which(command[0]):
        return None
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return None
    if process.returncode != 0:
        return None
    rows = (line.split("|") for line in out.decode().splitlines() if "|" in line)
    # "CANCELLED by 0", "CANCELLED+"
    return {row[0].strip(): row[1].split()[0].rstrip("+") for row in rows}


def mine(*arguments: str) -> list[list[str]]:
    """Id, name and working folder of the user's jobs that are queued or running.

    Raises OSError or subprocess.SubprocessError where Slurm does not answer.
    """
    command = ["squeue", "--noheader", "--format=%i|%j|%Z", "--me"]
    listed = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    return [line.split("|", 2) for line in listed.stdout.splitlines()]


def end(ids: set[str]) -> set[str]:
    """Tell jobs to end; returns those that are gone. Raises as `mine` does."""
    # It fails if one of them is gone; what counts is which are left.
    subprocess.run(["scancel", *ids], capture_output=True, timeout=PATIENCE)
    return ids - {row[0] for row in mine()}


def left_behind(prefix: str, folder: str | Path) -> list[str]:
    """The ids of jobs whose names begin with the prefix and that work in the folder."""
    folder = Path(folder).resolve()
    return [id for id, name, at in mine() if name.startswith(prefix) and Path(at) == folder]
