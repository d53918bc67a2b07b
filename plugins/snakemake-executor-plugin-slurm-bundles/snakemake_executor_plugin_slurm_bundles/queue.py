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
    """Queries the jobs of one name, with `sacct` where that works, otherwise with `squeue`."""

    def __init__(self, name: str, command: str | None) -> None:
        since = f"{datetime.now() - timedelta(hours=1):%Y-%m-%dT%H:%M}"
        self._commands = {
            "sacct": [
                "sacct", "-X", "--noheader", "--parsable2", "--format=JobIDRaw,State",
                f"--starttime={since}", f"--name={name}",
            ],
            "squeue": [
                "squeue", "--noheader", "--states=all", "--format=%i|%T", f"--name={name}"
            ],
        }  # fmt: skip
        self._use = [command] if command else list(self._commands)

    async def states(self) -> dict[str, str] | None:
        """The state of each job that Slurm knows, by its id; None if Slurm does not answer."""
        for command in list(self._use):
            answer = await ask(self._commands[command])
            if answer is not None:
                self._use = [command]
                rows = (line.split("|") for line in answer.splitlines() if "|" in line)
                # "CANCELLED by 0", "CANCELLED+"
                return {row[0].strip(): row[1].split()[0].rstrip("+") for row in rows}
        # sacct has answered before: perhaps only the accounting server is down.
        if "squeue" not in self._use:
            self._use.append("squeue")
        return None


async def ask(command: list[str]) -> str | None:
    """What a command prints; None if it fails or does not end."""
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
    return out.decode() if process.returncode == 0 else None


def mine(*arguments: str) -> list[list[str]]:
    """Id, name and working folder of the user's jobs that are queued or running.

    Raises OSError or subprocess.SubprocessError where Slurm does not answer.
    """
    command = ["squeue", "--noheader", "--format=%i|%j|%Z", "--me"]
    listed = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    return [line.split("|", 2) for line in listed.stdout.splitlines()]


def left_behind(prefix: str, folder: str | Path) -> list[str]:
    """The ids of jobs whose names begin with the prefix and that work in the folder."""
    folder = Path(folder).resolve()
    return [id for id, name, at in mine() if name.startswith(prefix) and Path(at) == folder]
