"""The state of an unfinished training run on disk, so that a stopped job can be resumed.

The file is next to the job's output but is not declared, because Snakemake deletes the declared
outputs of a failed job. It is one safetensors file (no pickle), written whole or not at all. It is
tied to what the result depends on: only the same code with the same settings and inputs uses it.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from basemodel import files
from basemodel.compute.device import device_name
from basemodel.models.own_weights import DIVERGED, check_finite, save

UNUSABLE = (SafetensorError, OSError, KeyError, TypeError, ValueError, FloatingPointError)
CPU_ALONE = {"device": "cpu", "precision": "float32", "torch": torch.__version__}
History = list[dict[str, float]]  # one row per finished epoch


@dataclass
class Begun:
    """An unfinished epoch: the next step, the order of the images, and the sums so far."""

    step: int
    order: Tensor  # int64 [n], on the CPU
    loss: Tensor  # float32 [], on the device
    correct: Tensor  # float32 [], on the device

    @classmethod
    def new(cls, images: int, generator: torch.Generator, where: torch.device) -> "Begun":
        order = torch.randperm(images, generator=generator)
        return cls(0, order, torch.zeros((), device=where), torch.zeros((), device=where))


class Checkpoint:
    """Where the state of a training run is kept, and when it is saved.

    `output`: a file that the job makes; without one nothing is ever saved. `of`: what the result
    depends on (see `job_hash`). A save is due after every `epochs` epochs, but not within `seconds`
    of the last one, so very short jobs write nothing. Results do not depend on when it is saved.
    `made`: what the file says of its making: device (its name), precision, torch (the version).
    """

    def __init__(
        self,
        output: str | Path | None = None,
        of: str = "",
        epochs: int = 1,
        seconds: float = 0,
        made: Mapping[str, str] = CPU_ALONE,
    ):
        self._of, self._epochs, self._seconds = of, epochs, seconds
        self._made, self._devices = made, [made["device"]]
        self._last = time.monotonic()
        self._path = self.folder = None
        if output is not None:
            output = Path(output)
            self._path = output.with_name(f".{output.name}.checkpoint")
            # For what a job keeps from each epoch until it is complete.
            self.folder = output.with_name(f".{output.name}.epochs")

    @property
    def keeps(self) -> bool:
        """Whether anything is ever saved."""
        return self._path is not None

    def made_on(self) -> dict[str, Any]:
        """For cards: `device`, the name of this one, and `devices`, of all that have trained it."""
        return {"device": self._made["device"], "devices": self._devices}

    def due(self, epochs: int) -> bool:
        """Whether to save after this number of epochs."""
        return (
            self.keeps
            and epochs % self._epochs == 0
            and time.monotonic() - self._last >= self._seconds
        )

    def save(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
        history: History,
        begun: Begun | None = None,
    ) -> None:
        """Write the complete state, including that of an unfinished epoch if `begun` is given.

        Raises FloatingPointError if the weights are not finite.
        """
        if not self.keeps:
            return
        state = model.state_dict()
        check_finite(state, "the state is not saved", DIVERGED)
        tensors = {f"model.{name}": tensor for name, tensor in state.items()}
        for index, parameter in enumerate(_parameters(optimizer)):
            for name, value in optimizer.state[parameter].items():
                if value is not None:
                    tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value)
        tensors["random.data"] = generator.get_state()
        tensors["random.cpu"] = torch.get_rng_state()
        if next(model.parameters()).is_cuda:
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        facts = {"of": self._of, "history": history, "step": None}
        facts |= {**self._made, "devices": self._devices}
        if begun is not None:
            facts["step"] = begun.step
            tensors |= {
                f"begun.{name}": getattr(begun, name) for name in ("order", "loss", "correct")
            }
        save(tensors, self._path, {"facts": json.dumps(facts)})
        self._last = time.monotonic()

    def restore(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator
    ) -> tuple[History, Begun | None]:
        """Restore the saved state; return the finished epochs and the unfinished one.

        If there is nothing to resume, nothing changes and the history is empty.
        """
        facts, tensors = self._read()
        if facts is None:
            return [], None
        where = next(model.parameters()).device
        model.load_state_dict(_below("model", tensors))
        for index, parameter in enumerate(_parameters(optimizer)):
            for name, value in _below(f"optimizer.{index}", tensors).items():
                # Files do not keep strides, and fused optimisers go by memory layout: a tensor
                # with the parameter's shape must also have its memory layout.
                if value.shape == parameter.shape:
                    value = torch.empty_like(parameter, requires_grad=False).copy_(value)
                optimizer.state[parameter][name] = value.to(parameter.device)
        generator.set_state(tensors["random.data"])
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and where.type == "cuda":
            torch.cuda.set_rng_state(tensors["random.cuda"])
        # Another GPU is no reason to start anew: cards name all of them.
        self._devices = list(dict.fromkeys([*facts["devices"], *self._devices]))
        history = facts["history"]
        done = f"{len(history)} epochs"
        if facts["step"] is None:
            print(f"resumes after {done}", flush=True)
            return history, None
        print(f"resumes after {done} and {facts['step']} steps", flush=True)
        sums = (tensors[f"begun.{name}"].to(where) for name in ("loss", "correct"))
        return history, Begun(facts["step"], tensors["begun.order"], *sums)

    def remove(self) -> None:
        """Remove all that was kept, once the job is complete."""
        if self.keeps:
            self._path.unlink(missing_ok=True)
            files.temporary(self._path).unlink(missing_ok=True)  # of a process killed while saving
            shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self) -> tuple[dict[str, Any] | None, dict[str, Tensor]]:
        if not self.keeps:
            return None, {}
        try:
            with safe_open(self._path, framework="pt") as file:
                facts = json.loads(file.metadata()["facts"])
                if facts["of"] == self._of:
                    names = file.keys()
                    tensors = {name: file.get_tensor(name) for name in names}
                    check_finite(_below("model", tensors), "its weights", "they are of no use")
                    return facts, tensors
            print("starts anew: the checkpoint here is of other code, settings, inputs or device")
        except FileNotFoundError:
            pass
        except UNUSABLE as error:
            print(f"starts anew: the checkpoint here cannot be read ({error})")
        self.remove()  # including what was kept from its epochs
        return None, {}


def job_hash(inputs: Iterable[str], params: Mapping[str, Any], where: torch.device) -> str:
    """A hash of all that a job's result depends on: code and settings, inputs, torch, device.

    `params` are the rule's and include its code's fingerprint. Inputs are identified by size and
    time stamp: reading 25 GB can take longer than retraining, and the worst that a touched file
    can do is make one job start from scratch.
    """
    stats = [Path(path).stat() for path in inputs]
    facts = {
        "params": dict(params),
        "inputs": [(stat.st_size, stat.st_mtime_ns) for stat in stats],
        "torch": torch.__version__,
        "device": where.type,
    }
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def of_job(
    output: str | Path,
    inputs: Iterable[str],
    params: Mapping[str, Any],
    runtime: Mapping[str, Any],
    where: torch.device,
    precision: str,
) -> Checkpoint:
    """The checkpoint of a job that makes `output`; inputs and params as in `job_hash`.

    `runtime`: the settings of that name.
    """
    made = {"device": device_name(where), "precision": precision, "torch": torch.__version__}
    of = job_hash(inputs, dict(params.items()), where)
    epochs, seconds = runtime["checkpoint_epochs"], runtime["checkpoint_seconds"]
    return Checkpoint(output, of, epochs, seconds, made)


def _parameters(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with the prefix and a dot, keyed by the rest of the name."""
    start = f"{prefix}."
    return {name[len(start) :]: t for name, t in tensors.items() if name.startswith(start)}
