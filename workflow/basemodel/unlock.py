"""Take away the lock of a run that was killed, so that `make run` goes on where it stopped.

Snakemake locks the folder that it works in, and a run that dies by SIGKILL or a power cut leaves
the lock. It is stale if no other Snakemake works in that folder; then it is safe to remove.
"""

import shutil
import sys
from pathlib import Path

import psutil


def running(folder: Path) -> list[int]:
    """The process ids of Snakemake runs that work in `folder`."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        words = [Path(word).name for word in process.info["cmdline"] or []]
        if "snakemake" in words and process.info["cwd"] == str(folder):
            found.append(process.info["pid"])
    return found


def main() -> None:
    folder = Path.cwd().resolve()
    locks = folder / ".snakemake" / "locks"
    if not locks.is_dir() or not any(locks.iterdir()):
        return
    if pids := running(folder):
        sys.exit(f"snakemake is running here already (process {', '.join(map(str, pids))})")
    shutil.rmtree(locks)
    print("The last run was killed: its lock is removed, what it had finished is kept.")


if __name__ == "__main__":
    main()
