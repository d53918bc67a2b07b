"""What jobs need, and which take a GPU or a part of one: from the settings alone, without torch.

**Whether.** `runtime.device: auto` allocates a GPU to a job whose work is at least
`runtime.gpu_from`: multiply-adds of a forward pass, times the images that it passes, three times
those that it trains on. If the images cannot be counted before a data set is packed, it gets one.

**How many share one.** With `runtime.gpu_jobs: auto`, a job is alone if one training step has at
least FULL multiply-adds; otherwise as many share a GPU as its memory has room for, at most MOST.
Memory is CUDA_CONTEXT, and estimates, beside images on the device, of: the weights, in training
four times (with gradients and the optimizer's two averages); and for each image of a batch the
largest output, KEPT times in training, PASSING times without gradients. A job cannot take more than
its share (compute/device.py). Costs that were measured are in docs/costs.md.
"""

import math
import re
import subprocess
from functools import cache
from typing import Any, NamedTuple

from basemodel.models.catalog import size
from basemodel.run.memory import CUDA_CONTEXT
from basemodel.work import Work

# A GPU that computes 30e12 multiply-adds a second (with tensor cores) takes 10 ms for these, about
# as long as a process needs to launch the some 500 kernels of a training step, so another process
# would find it busy.
FULL = 3e11
MOST = 8
KEPT, PASSING = 10, 4
EVALUATION_BATCH = 256  # that of compute.passing, which needs torch
NUMBER = 4  # bytes of a float32
ASSUMED = 16.0  # GB of a GPU that cannot be asked
RANK_SHARE = 25  # of candidates of `snakemake rank`, whose size is known when they are loaded


class Need(NamedTuple):
    """What a job asks of a GPU."""

    multiply_adds: float  # infinite: not known yet
    step: float  # multiply-adds of one training step; 0 if no network is passed in steps
    memory: float  # bytes


class Allocated(NamedTuple):
    """A job's resources."""

    gpu: int  # 1 or 0
    gpu_share: int  # hundredths of it, 1 to 100; 0 without a GPU


def allocate(runtime: dict[str, Any], need: Need | None) -> Allocated:
    """The resources of a job; `runtime`: the settings; `need`: None if nothing is known of it."""
    forced = need is None or runtime["device"] == "cuda"
    worth = forced or need.multiply_adds >= runtime["gpu_from"]
    if runtime["device"] == "cpu" or not worth:
        return Allocated(0, 0)
    if runtime["gpu_jobs"] != "auto":
        return Allocated(1, 100 // runtime["gpu_jobs"])
    if need is None:
        return Allocated(1, RANK_SHARE)
    room = (runtime["gpu_memory"] or ASSUMED) * 1e9
    jobs = 1 if need.step >= FULL else min(MOST, int(room / need.memory))
    return Allocated(1, 100 // max(1, jobs))


def need(config: dict[str, Any], work: Work) -> Need:
    """What a job with this work asks of a GPU."""
    network = config["architectures"][work.architecture]
    one = size(work.architecture, network["width"], network["stem"], config["image"]["crop"])
    passes = 3 if work.trained else 1  # backward costs twice as much as forward
    memory = one.parameters + PASSING * EVALUATION_BATCH * one.largest
    if work.trained:
        memory = max(memory, 4 * one.parameters + KEPT * work.batch * one.largest)
    # A part of what CUDA leaves is for images on the device.
    left = 1 - config["runtime"]["device_memory"] if work.holds_images else 1
    return Need(
        multiply_adds=one.multiply_adds * (3 * work.trained + work.passed),
        step=passes * work.batch * one.multiply_adds,
        memory=CUDA_CONTEXT + (NUMBER * memory / left if left else math.inf),
    )


def asks_memory(runtime: dict[str, Any]) -> bool:
    """Whether `allocate` goes by the memory of a GPU, and it is not in the settings."""
    automatic = runtime["device"] != "cpu" and runtime["gpu_jobs"] == "auto"
    return automatic and runtime["gpu_memory"] is None


@cache
def gpu_memory() -> float | None:
    """GB of this machine's smallest GPU, as nvidia-smi says; None without it."""
    try:
        asked = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    mebibytes = [int(line) for line in re.findall(r"^\d+$", told, re.MULTILINE)]
    return min(mebibytes) * 2**20 / 1e9 if mebibytes else None
