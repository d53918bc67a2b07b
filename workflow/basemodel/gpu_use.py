"""Which jobs take a GPU, and how many share one: the rule, without torch.

**Whether.** `runtime.device: auto` gives a job a GPU if its work is at least `runtime.gpu_from`:
multiply-adds of a pass forward through the network, times the images that it passes, three times
those that it trains on. Starting CUDA cost a job 0.3 s on a machine with an H100, in which a core
did 1e10. A machine has more cores than GPUs, so the default is higher (docs/costs.md). If the
number of images is not known before a data set is packed, the job gets a GPU.

**How many.** `runtime.gpu_jobs: auto` gives a job a GPU to itself if one training step has at least
FULL multiply-adds. Otherwise as many jobs share one as its memory has room for, at most MOST. A
job that trains no network (a dump of featuremaps, a last layer on features that are computed once)
has no such step: it spends its time on starting, reading and writing. A job needs

* memory.CUDA_CONTEXT, which CUDA takes in each process;
* its weights, in training four times: with gradients and the optimizer's two averages;
* of a batch in training KEPT times the network's largest output: about what is kept of all layers
  for the gradients; in a pass without them PASSING times;
* beside images on the device, which may take `runtime.device_memory` of what is free, enough room
  for all that.

All but CUDA_CONTEXT are estimates. A job cannot take more than its share (compute/device.py).
"""

import math
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from basemodel.memory import CUDA_CONTEXT
from basemodel.models.catalog import Size, size
from basemodel.settings import pretrain_settings
from basemodel.workload import Images, finetuned, pretrained, probed

# A GPU that computes 30e12 multiply-adds a second (with tensor cores) takes 10 ms for these, about
# as long as a process needs to launch the some 500 kernels of a training step, so another process
# would find it busy.
FULL = 3e11
MOST = 8
KEPT, PASSING = 10, 4
EVALUATION_BATCH = 256  # that of compute.passing, which needs torch
NUMBER = 4  # bytes of a float32
ASSUMED = 16.0  # GB of a GPU that cannot be asked
# The size of a candidate of `snakemake rank` is not known before it is loaded.
RANK_SHARE = 25


@dataclass(frozen=True)
class Need:
    """What a job asks of a GPU."""

    multiply_adds: float | None  # None: not known yet
    step: float  # multiply-adds of one training step; 0 if no network is trained
    memory: float  # bytes


class Lent(NamedTuple):
    """A job's resources."""

    gpu: int  # 1 or 0
    gpu_share: int  # hundredths of it, 1 to 100; 0 without a GPU


def lent(runtime: dict[str, Any], need: Need | None) -> Lent:
    """The resources of a job; `runtime`: the settings; `need`: None if nothing is known of it."""
    work = need.multiply_adds if need else None
    worth = runtime["device"] == "cuda" or work is None or work >= runtime["gpu_from"]
    if runtime["device"] == "cpu" or not worth:
        return Lent(0, 0)
    if runtime["gpu_jobs"] != "auto":
        return Lent(1, 100 // runtime["gpu_jobs"])
    if need is None:
        return Lent(1, RANK_SHARE)
    if need.step >= FULL:
        return Lent(1, 100)
    room = (runtime["gpu_memory"] or ASSUMED) * 1e9
    return Lent(1, 100 // max(1, min(MOST, int(room / need.memory))))


def pretraining(config: dict[str, Any], architecture: str, subset: str = "whole") -> Need:
    """Of a pre-training on a source task, or on the whole source."""
    one, batch = _network(config, architecture), pretrain_settings(config, architecture)["batch"]
    return Need(
        _work(one, pretrained, config, architecture, subset),
        3 * batch * one.multiply_adds,
        _beside_images(config, max(_training(one, batch), _passing(one))),
    )


def dump(config: dict[str, Any], architecture: str, target: str) -> Need:
    """Of a dump of a target's featuremaps by a base model.

    A cut network is taken to cost as much as the whole, here and in `cut_finetuning`.
    """
    one = _network(config, architecture)
    return Need(_work(one, probed, config, target), 0, CUDA_CONTEXT + _passing(one))


def epoch_dump(config: dict[str, Any], architecture: str) -> Need:
    """Of a dump of the source's featuremaps after one epoch."""
    one = _network(config, architecture)
    work = _work(one, probed, config, config["source"], config["normal"]["classes"])
    return Need(work, 0, CUDA_CONTEXT + _passing(one))


def finetuning(config: dict[str, Any], architecture: str, target: str) -> Need:
    """Of fine-tuning a base model."""
    return _finetuning(config, architecture, target, config["finetune"]["trainable"])


def cut_finetuning(config: dict[str, Any], architecture: str, target: str) -> Need:
    """Of training a last layer on a cut network."""
    return _finetuning(config, architecture, target, "last")


def asks_memory(runtime: dict[str, Any]) -> bool:
    """Whether `lent` goes by the memory of a GPU, and it is not in the settings."""
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


def _finetuning(config: dict[str, Any], architecture: str, target: str, trainable: str) -> Need:
    one, batch = _network(config, architecture), config["finetune"]["batch"]
    step, needed = 0, _passing(one)
    if trainable == "all":
        step, needed = 3 * batch * one.multiply_adds, max(needed, _training(one, batch))
    elif config["finetune"]["augmentation"]:  # passed in every step
        step = batch * one.multiply_adds
    work = _work(one, finetuned, config, trainable, target)
    return Need(work, step, _beside_images(config, needed))


def _network(config: dict[str, Any], architecture: str) -> Size:
    network = config["architectures"][architecture]
    return size(architecture, network["width"], network["stem"], config["image"]["crop"])


def _work(one: Size, count: Callable[..., Images], *arguments: Any) -> float | None:
    """Multiply-adds of a job; None if its images cannot be counted yet."""
    try:
        images = count(*arguments)
    except LookupError:
        return None
    return one.multiply_adds * (3 * images.trained + images.passed)


def _passing(one: Size) -> float:
    """Bytes of a network and a batch in a pass without gradients."""
    return NUMBER * (one.parameters + PASSING * EVALUATION_BATCH * one.largest)


def _training(one: Size, batch: int) -> float:
    """Bytes of a network and a batch in training."""
    return NUMBER * (4 * one.parameters + KEPT * batch * one.largest)


def _beside_images(config: dict[str, Any], needed: float) -> float:
    """Bytes of a job that leaves a part of what CUDA leaves to images on the device."""
    left = 1 - config["runtime"]["device_memory"]
    return CUDA_CONTEXT + (needed / left if left else math.inf)
