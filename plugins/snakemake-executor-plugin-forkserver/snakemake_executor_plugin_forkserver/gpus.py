"""Assigns the machine's GPUs to jobs."""

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "CUDA_VISIBLE_DEVICES"


def machine_gpus() -> list[str] | None:
    """The ids of the GPUs that this process may use; None if they cannot be determined."""
    visible = os.environ.get(VARIABLE)
    if visible is not None:
        ids = [device.strip() for device in visible.split(",")]
        # CUDA stops at the first invalid id, and -1 is the usual way to say "no GPU".
        end = next((i for i, device in enumerate(ids) if device in ("", "-1")), len(ids))
        return ids[:end]
    try:
        # Not with torch: importing it takes time, and it would start CUDA in this process.
        listing = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    # A GPU that is divided into slices (MIG) is used only through them.
    return re.findall(r"UUID: (MIG-[^)\s]+)", listing) or re.findall(r"^GPU (\d+):", listing, re.M)


class Gpus:
    """Lends each job GPUs that no other job has at the time."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._known = False
        self._all: list[str] | None = None
        self._free: list[str] = []
        self._closed = False

    @contextmanager
    def lent(self, count: int, wait: bool = True) -> Iterator[dict[str, str]]:
        """Borrow GPUs, all of them if there are fewer; yields the environment that names them."""
        with self._condition:
            if not self._known:
                self._all, self._known = machine_gpus(), True
                self._free = list(self._all or [])
            count = min(count, len(self._all or []))
            if wait:  # only if Snakemake was not told their number: --resources gpu=N
                self._condition.wait_for(lambda: self._closed or len(self._free) >= count)
            if self._closed:
                raise KeyboardInterrupt  # Snakemake prints no job error for this
            mine, self._free = self._free[:count], self._free[count:]
        try:
            # Even if none were found, there may be GPUs that CUDA does not manage.
            yield {} if self._all is None else {VARIABLE: ",".join(mine)}
        finally:
            with self._condition:
                # In the machine's order, so that a single job always gets the first.
                self._free = [gpu for gpu in self._all or [] if gpu in {*self._free, *mine}]
                self._condition.notify_all()

    def close(self) -> None:
        """Stop lending, because the run is cancelled."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
