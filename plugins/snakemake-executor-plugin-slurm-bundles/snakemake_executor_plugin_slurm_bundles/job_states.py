"""What has become of the Slurm jobs of this run."""

import asyncio
import contextlib
import shutil
import time
from datetime import datetime, timedelta

from .own_jobs import NO_ANSWER, PATIENCE, end

FORGOTTEN = "FORGOTTEN"  # not one of Slurm's: neither squeue nor sacct lists the job any more
UNKNOWN = 120  # seconds until a job that is not listed is given up
# The final states of a job (squeue(1), JOB STATE CODES); in all others it may still run.
ENDED = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
    "PREEMPTED", "REVOKED", "TIMEOUT", FORGOTTEN,
}  # fmt: skip


class JobStates:
    """Queries the states of the user's jobs: `squeue` has those that Slurm still works with.

    It forgets a job some minutes after its end. `sacct` keeps the ends, but may learn of them, and
    of whole jobs, much later, and of a job that was requeued it may show the end before.
    """

    def __init__(self, command: str | None) -> None:
        self._accounts = command != "squeue"
        self._since = f"{datetime.now() - timedelta(hours=1):%Y-%m-%dT%H:%M}"
        self._unlisted_since: dict[str, float] = {}

    async def of(self, ids: set[str]) -> dict[str, str] | None:
        """The state of each of the jobs that Slurm knows; None if Slurm does not answer."""
        states = await ask("squeue", "--noheader", "--states=all", "--format=%i|%T", "--me")
        if states is None:
            return None
        states = {id: state for id, state in states.items() if id in ids}
        if self._accounts and (others := ids - states.keys()):
            ends = await ask(
                "sacct", "-X", "--noheader", "--parsable2", "--format=JobIDRaw,State",
                f"--starttime={self._since}", f"--jobs={','.join(sorted(others))}",
            )  # fmt: skip
            states |= {id: s for id, s in (ends or {}).items() if id in others and s in ENDED}
        return states | dict.fromkeys(self._forgotten(ids - states.keys()), FORGOTTEN)

    def _forgotten(self, unlisted: set[str]) -> set[str]:
        """The jobs that have not been listed for a while, and that are gone.

        They are told to end first: one that is not listed but goes on would run beside its retry.
        """
        now = time.monotonic()
        self._unlisted_since = {id: self._unlisted_since.get(id, now) for id in unlisted}
        with contextlib.suppress(*NO_ANSWER):  # tried again next time
            return end({i for i, since in self._unlisted_since.items() if now - since > UNKNOWN})
        return set()


async def ask(*command: str) -> dict[str, str] | None:
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
