"""The state of an unfinished training run on disk, so that a stopped job can be resumed.

The file is next to the job's output, but not declared: Snakemake deletes what is when a job fails.
It is written whole or not at all, and read with `weights_only`: no code in it is run. Only a job
with the same code, settings and inputs uses it.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from basemodel import files
from basemodel.compute.device import device_name
from basemodel.models.own_weights import DIVERGED, check_finite

History = list[dict[str, float]]  # one row per finished epoch


@dataclass
class PartialEpoch:
    """An unfinished epoch: the next step, the order of the images, and the sums so far."""

    step: int
    order: Tensor  # int64 [n], on the CPU
    loss: Tensor  # float32 [], on the device
    correct: Tensor  # float32 [], on the device

    @classmethod
    def new(cls, images: int, generator: torch.Generator, where: torch.device) -> "PartialEpoch":
        order = torch.randperm(images, generator=generator)
        return cls(0, order, torch.zeros((), device=where), torch.zeros((), device=where))


class Checkpoint:
    """Where the state of a training run is kept, and when it is saved.

    `output`: a file that the job makes. `of`: what the result depends on (`job_hash`). `seconds`:
    it is saved after an epoch if as many have passed since the last time, so short jobs write
    nothing. Results do not depend on when it is saved. `device`: the name of this one, for cards.
    `folder`: for what a job keeps from each epoch until it is complete.
    """

    def __init__(self, output: str | Path, of: str, seconds: float = 0, device: str = "cpu"):
        output = Path(output)
        self.folder = output.with_name(f".{output.name}.epochs")
        self._path = output.with_name(f".{output.name}.checkpoint")
        self._of, self._seconds, self._last = of, seconds, time.monotonic()
        self._device, self._devices = device, [device]

    def made_on(self) -> dict[str, Any]:
        """For cards: `device`, the name of this one, and `devices`, of all that have trained it."""
        return {"device": self._device, "devices": self._devices}

    def due(self) -> bool:
        """Whether to save after an epoch."""
        return time.monotonic() - self._last >= self._seconds

    def save(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
        history: History,
        partial: PartialEpoch | None = None,
    ) -> None:
        """Write the complete state, including that of an unfinished epoch.

        Raises FloatingPointError if the weights are not finite, files.DiskFull.
        """
        weights = model.state_dict()
        check_finite(weights, "the state is not saved", DIVERGED)
        on_gpu = next(model.parameters()).is_cuda
        state = {
            "of": self._of,
            "devices": self._devices,
            "history": history,
            "partial": partial and vars(partial),
            "model": weights,
            "optimizer": optimizer.state_dict(),
            "random": [generator.get_state(), torch.get_rng_state()],
            "random_cuda": torch.cuda.get_rng_state() if on_gpu else None,
        }
        torch.save(state, content := BytesIO())
        with files.whole(self._path, len(content.getbuffer())) as part, part.open("r+b") as file:
            file.write(content.getbuffer())
        self._last = time.monotonic()

    def restore(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator
    ) -> tuple[History, PartialEpoch | None]:
        """Restore the saved state, if there is one; the finished epochs and the unfinished one."""
        state = self._read()
        if state is None:
            return [], None
        where = next(model.parameters()).device
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["random"][0])
        torch.set_rng_state(state["random"][1])
        if state["random_cuda"] is not None:
            torch.cuda.set_rng_state(state["random_cuda"])
        # Another GPU is no reason to start anew: cards name all of them.
        self._devices = list(dict.fromkeys([*state["devices"], *self._devices]))
        history, partial = state["history"], state["partial"] and PartialEpoch(**state["partial"])
        if partial:
            partial.loss, partial.correct = partial.loss.to(where), partial.correct.to(where)
        steps = f" and {partial.step} steps" if partial else ""
        print(f"resumes after {len(history)} epochs{steps}", flush=True)
        return history, partial

    def remove(self) -> None:
        """Remove all that was kept, once the job is complete."""
        self._path.unlink(missing_ok=True)
        files.temporary(self._path).unlink(missing_ok=True)  # of a process killed while saving
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self) -> dict[str, Any] | None:
        if not self._path.exists():
            return None
        try:
            state = torch.load(self._path, map_location="cpu", weights_only=True)
            if state["of"] == self._of:
                check_finite(state["model"], "its weights", "they are of no use")
                return state
            print("starts anew: the checkpoint here is of other code, settings, inputs or device")
        except Exception as error:  # whatever a damaged file, or that of another program, leads to
            why = str(error).partition("\n")[0].partition(". ")[0]  # not torch's advice
            print(f"starts anew: the checkpoint here cannot be read ({why})")
        self.remove()  # including what was kept from its epochs
        return None


def of_job(
    output: str | Path,
    inputs: Iterable[str],
    params: Mapping[str, Any],
    runtime: Mapping[str, Any],
    where: torch.device,
) -> Checkpoint:
    """The checkpoint of a job that makes `output`; `runtime`: the settings of that name."""
    of, seconds = job_hash(inputs, params, where), runtime["checkpoint_seconds"]
    return Checkpoint(output, of, seconds, device_name(where))


def job_hash(inputs: Iterable[str], params: Mapping[str, Any], where: torch.device) -> str:
    """A hash of all that a job's result depends on: code and settings, inputs, torch, device.

    `params` are the rule's and include its code's fingerprint. Inputs are known by size and time
    stamp: reading 25 GB can take longer than retraining, and a touched file only makes one job
    start anew.
    """
    stats = [Path(path).stat() for path in inputs]
    facts = {
        "params": dict(params.items()),
        "inputs": [(stat.st_size, stat.st_mtime_ns) for stat in stats],
        "torch": torch.__version__,
        "device": where.type,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
