"""Lends the machine's GPUs to jobs, whole or in shares."""

import os
import re
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from snakemake.common.tbdstring import TBDString
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

VARIABLE = "CUDA_VISIBLE_DEVICES"
WHOLE = 100  # shares are hundredths of a GPU


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


def asked(job: JobExecutorInterface) -> tuple[int, int]:
    """How many GPUs a job asks for, and how many hundredths of each.

    A share is of one GPU. WorkflowError: a value of `gpu` or `gpu_share` that means nothing.
    """
    gpus = number(job, "gpu", 0, range(1000), "how many GPUs")
    if gpus == 0:
        return 0, 0
    share = number(job, "gpu_share", WHOLE, range(1, WHOLE + 1), "hundredths of a GPU, 1 to 100")
    return (gpus, WHOLE) if share == WHOLE else (1, share)


def number(job: JobExecutorInterface, name: str, default: int, allowed: range, what: str) -> int:
    """A resource of a job, the default if it has none or cannot say yet."""
    value = job.resources.get(name)
    if value is None or isinstance(value, TBDString):
        return default
    if value not in allowed:
        raise WorkflowError(f"Resource {name}={value!r} of rule {job.rule.name}: {what}.")
    return int(value)


@dataclass(eq=False)
class Request:
    """A job that waits for GPUs."""

    count: int
    share: int


class Gpus:
    """Lends each job GPUs on which the shares of all jobs sum to at most 100."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._known = False
        self._room: dict[str, int] | None = None  # what is free of each, in the machine's order
        self._waiting: list[Request] = []  # in the order of arrival
        self._closed = False

    def count(self) -> int | None:
        """How many there are; None if that cannot be determined. Asks the machine once."""
        with self._condition:
            if not self._known:
                ids = machine_gpus()
                self._room, self._known = None if ids is None else dict.fromkeys(ids, WHOLE), True
            return None if self._room is None else len(self._room)

    @contextmanager
    def lent(self, count: int, share: int = WHOLE, wait: bool = True) -> Iterator[dict[str, str]]:
        """Borrow a share of so many GPUs, of all if there are fewer; yields their environment."""
        if count == 0:
            yield {VARIABLE: ""}
            return
        there = self.count()
        if there is None:  # perhaps GPUs that CUDA does not manage
            yield {}
            return
        request = Request(min(count, there), share)
        with self._condition:
            # One that cannot wait comes first, and takes what there is.
            self._waiting.insert(len(self._waiting) if wait else 0, request)
            self._condition.wait_for(lambda: self._closed or not wait or self._has_room(request))
            if self._closed:
                raise KeyboardInterrupt  # Snakemake prints no job error for this
            chosen = self._choice(request)
            given = [gpu for gpu in self._room if gpu in chosen and self._room[gpu] >= share]
            self._waiting.remove(request)
            self._take(given, share)
        try:
            yield {VARIABLE: ",".join(given)}
        finally:
            with self._condition:
                self._take(given, -share)

    def _has_room(self, request: Request) -> bool:
        chosen = self._choice(request)
        enough = len(chosen) == request.count
        return enough and all(self._room[gpu] >= request.share for gpu in chosen)

    def _choice(self, request: Request) -> list[str]:
        """The emptiest GPUs, so that the load is spread, after those that came first have chosen.

        A job that has to wait keeps its choice: no later job is put there, so the largest room only
        grows until it suffices, and the job cannot be overtaken for ever.
        """
        emptiest = sorted(self._room, key=lambda gpu: -self._room[gpu])  # stable: machine's order
        for earlier in self._waiting:
            if earlier is request:
                break
            emptiest = emptiest[earlier.count :]
        return emptiest[: request.count]

    def _take(self, gpus: Iterable[str], share: int) -> None:
        for gpu in gpus:
            self._room[gpu] -= share
        self._condition.notify_all()

    def close(self) -> None:
        """Stop lending, because the run is cancelled."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
