"""The state of an unfinished training on disk, so that a job that was stopped goes on from there.

The file lies beside the job's output and is not declared: Snakemake deletes the declared outputs
of a job that failed. It is one safetensors file (no pickle), written whole or not at all, and
bound to what the result depends on: it is used by the same code with the same settings and inputs,
and ignored by any other.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from basemodel.networks.weights import check_finite, save
from basemodel.training.loss_watch import DIVERGED

# The exit code of a job that was asked to stop: a temporary failure (sysexits.h), so try again.
STOPPED = os.EX_TEMPFAIL
STOPS = (signal.SIGTERM, signal.SIGINT)
UNUSABLE = (SafetensorError, OSError, KeyError, TypeError, ValueError, FloatingPointError)


@dataclass
class Begun:
    """An epoch that has begun: the next step, the order of the images, and the sums so far."""

    step: int
    order: Tensor  # int64 [n], on the CPU
    loss: Tensor  # float32 [], on the device
    correct: Tensor  # float32 [], on the device


class Checkpoint:
    """What `training.fit` saves and restores, and `history`: a row for each finished epoch.

    `output`: a file that the job makes; without one nothing is ever saved. `bound_to`: see the
    function of that name. It is saved after every `epochs` epochs, though not within `seconds` of
    the last time: jobs of a second write nothing. When it is saved changes no result.
    """

    def __init__(
        self,
        output: str | Path | None = None,
        bound_to: str = "",
        epochs: int = 1,
        seconds: float = 0,
    ):
        self.history: list[dict[str, float]] = []
        self.stop_asked = False
        self._bound_to, self._epochs, self._seconds = bound_to, epochs, seconds
        self._last = time.monotonic()
        self._path = self._folder = None
        if output is not None:
            output = Path(output)
            self._path = output.with_name(f".{output.name}.checkpoint")
            self._folder = output.with_name(f".{output.name}.epochs")

    def weights_of(self, epoch: int) -> Path:
        """Where a job that is to keep every epoch's weights puts them until it is complete."""
        return self._folder / f"{epoch}.safetensors"

    def due(self) -> bool:
        """Whether it is time to save, at the end of an epoch."""
        return (
            self._path is not None
            and len(self.history) % self._epochs == 0
            and time.monotonic() - self._last >= self._seconds
        )

    def save(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
        begun: Begun | None = None,
    ) -> None:
        """Write the complete state: also in the middle of an epoch, if `begun` says where.

        Raises FloatingPointError if the weights are not finite.
        """
        if self._path is None:
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
        if torch.cuda.is_available():
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        facts = {"bound_to": self._bound_to, "history": self.history, "step": None}
        if begun is not None:
            facts["step"] = begun.step
            tensors |= {
                f"begun.{name}": getattr(begun, name) for name in ("order", "loss", "correct")
            }
        save(tensors, self._path, {"facts": json.dumps(facts)})
        self._last = time.monotonic()
        if self.stop_asked:
            print(f"stopped in epoch {len(self.history) + 1}: saved", flush=True)

    def restore(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator
    ) -> Begun | None:
        """Put everything back as it was saved; says where in an epoch that was, if in one.

        Where there is nothing to go on from, nothing changes and `history` stays empty.
        """
        facts, tensors = self._read()
        if facts is None:
            return None
        self.history[:] = facts["history"]
        where = next(model.parameters()).device
        model.load_state_dict(_below("model", tensors))
        for index, parameter in enumerate(_parameters(optimizer)):
            for name, value in _below(f"optimizer.{index}", tensors).items():
                # A file keeps no strides, and fused optimisers walk through memory: what is
                # shaped as its parameter must lie in memory as its parameter does.
                if value.shape == parameter.shape:
                    value = torch.empty_like(parameter, requires_grad=False).copy_(value)
                optimizer.state[parameter][name] = value.to(parameter.device)
        generator.set_state(tensors["random.data"])
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random.cuda"])
        done = f"{len(self.history)} epochs"
        if facts["step"] is None:
            print(f"goes on after {done}", flush=True)
            return None
        print(f"goes on after {done} and {facts['step']} steps", flush=True)
        sums = (tensors[f"begun.{name}"].to(where) for name in ("loss", "correct"))
        return Begun(facts["step"], tensors["begun.order"], *sums)

    @contextlib.contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """In the block, Ctrl-C and SIGTERM (a cluster's time limit) set `stop_asked`, no more."""
        if self._path is None or threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number, frame):
            self.stop_asked = True

        before = {number: signal.signal(number, ask) for number in STOPS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def remove(self) -> None:
        """The job is complete: leave nothing behind."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            # of a process that was killed while it saved
            self._path.with_name(f".{self._path.name}.part").unlink(missing_ok=True)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self) -> tuple[dict[str, Any] | None, dict[str, Tensor]]:
        if self._path is None:
            return None, {}
        try:
            with safe_open(self._path, framework="pt") as file:
                facts = json.loads(file.metadata()["facts"])
                if facts["bound_to"] == self._bound_to:
                    names = file.keys()
                    tensors = {name: file.get_tensor(name) for name in names}
                    check_finite(_below("model", tensors), "its weights", "they are of no use")
                    return facts, tensors
            print("starts anew: the checkpoint here is of other code, settings or inputs")
        except FileNotFoundError:
            pass
        except UNUSABLE as error:
            print(f"starts anew: the checkpoint here cannot be read ({error})")
        self.remove()  # the weights of its epochs too
        return None, {}


def bound_to(inputs: Iterable[str], params: Mapping[str, Any], where: torch.device) -> str:
    """A hash of all that a job's result follows from: code and settings, inputs, torch, device.

    `params` are the rule's, its code's fingerprint among them. Inputs are known by size and time
    stamp: to read 25 GB would take longer than to train for a while, and the worst that a touched
    file does is that one job starts anew.
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


def _parameters(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with the prefix and a dot, without them."""
    start = f"{prefix}."
    return {name[len(start) :]: t for name, t in tensors.items() if name.startswith(start)}
