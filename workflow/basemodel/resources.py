"""What jobs need, and which take a GPU or a part of one: from the settings alone, without torch.

**Whether.** `runtime.device: auto` allocates a GPU to a job whose work is at least
`runtime.gpu_from`: multiply-adds of a forward pass, times the images that it passes, three times
those that it trains on. If the images cannot be counted before a data set is packed, it gets one.

**How many share one.** With `runtime.gpu_jobs: auto`, a job is alone if one training step has at
least FULL multiply-adds; otherwise as many share a GPU as its memory has room for, at most MOST.
Memory is CUDA_CONTEXT, and estimates, beside images on the device, of: the weights, in training
four times (with gradients and the optimizer's two averages); and for each image of a batch the
largest output, KEPT times in training, PASSING times without gradients. A job cannot take more than
its share (features/device.py). Costs that were measured are in docs/costs.md.
"""

import math
import re
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from basemodel.data import kinds, subsets
from basemodel.data.listing import Counts
from basemodel.files import read_json
from basemodel.models.catalog import size
from basemodel.run.memory import CUDA_CONTEXT
from basemodel.settings import pretrain_settings

# A GPU that computes 30e12 multiply-adds a second (with tensor cores) takes 10 ms for these, about
# as long as a process needs to launch the some 500 kernels of a training step, so another process
# would find it busy.
FULL = 3e11
MOST = 8
KEPT, PASSING = 10, 4
EVALUATION_BATCH = 256  # that of features.inference, which needs torch
NUMBER = 4  # bytes of a float32
ASSUMED = 16.0  # GB of a GPU that cannot be asked
RANK_SHARE = 25  # of candidates of `snakemake rank`, whose size is known when they are loaded


class Images(NamedTuple):
    """The images of a job; one that is seen in several epochs counts in each."""

    trained: int  # passed forward and backward
    passed: int  # passed forward only


class Need(NamedTuple):
    """What a job asks of a GPU."""

    multiply_adds: float | None  # None: not known yet
    step: float  # multiply-adds of one training step; 0 if no network is passed in steps
    memory: float  # bytes


class Allocated(NamedTuple):
    """A job's resources."""

    gpu: int  # 1 or 0
    gpu_share: int  # hundredths of it, 1 to 100; 0 without a GPU


def allocate(runtime: dict[str, Any], need: Need | None) -> Allocated:
    """The resources of a job; `runtime`: the settings; `need`: None if nothing is known of it."""
    work = need.multiply_adds if need else None
    worth = runtime["device"] == "cuda" or work is None or work >= runtime["gpu_from"]
    if runtime["device"] == "cpu" or not worth:
        return Allocated(0, 0)
    if runtime["gpu_jobs"] != "auto":
        return Allocated(1, 100 // runtime["gpu_jobs"])
    if need is None:
        return Allocated(1, RANK_SHARE)
    room = (runtime["gpu_memory"] or ASSUMED) * 1e9
    jobs = 1 if need.step >= FULL else min(MOST, int(room / need.memory))
    return Allocated(1, 100 // max(1, jobs))


def pretraining(config: dict[str, Any], architecture: str, subset: str = "whole") -> Need:
    """Of rules `pretrain` and, on the whole source and tested after every epoch, `normal`."""
    settings = pretrain_settings(config, architecture)

    def images() -> Images:
        source, epochs = dataset_size(config, config["source"]), settings["epochs"]
        if subset == "whole":
            return Images(epochs * source.train, epochs * source.test + source.train + source.test)
        kind, parts, _ = subsets.parse(subset)
        train, test = source.train // parts, source.test // (parts if kind == "class" else 1)
        return Images(epochs * train, train + test)

    return _need(config, architecture, images, settings["batch"], trains=True)


def dump(config: dict[str, Any], architecture: str, target: str, most: float = math.inf) -> Need:
    """Of rules `featuremaps` and `cut_featuremaps`: at `most` so many classes of a data set.

    A cut network is taken to cost as much as the whole, here and in `cut_finetuning`.
    """

    def images() -> Images:
        classes = min(dataset_size(config, target).classes, most)
        return Images(0, classes * config["probe"]["images_per_class"])

    return _need(config, architecture, images, holds_images=False)


def epoch_dump(config: dict[str, Any], architecture: str) -> Need:
    """Of rule `epoch_featuremaps`."""
    return dump(config, architecture, config["source"], config["normal"]["classes"])


def finetuning(
    config: dict[str, Any], architecture: str, target: str, trainable: str | None = None
) -> Need:
    """Of rule `finetune`."""
    settings = config["finetune"]
    trainable = trainable or settings["trainable"]

    def images() -> Images:
        there = dataset_size(config, target)
        return tuned(settings, trainable, there.train, there.test)

    passes = trainable == "all" or settings["augmentation"]  # in every step
    batch = settings["batch"] if passes else 0
    return _need(config, architecture, images, batch, trains=trainable == "all")


def cut_finetuning(config: dict[str, Any], architecture: str, target: str) -> Need:
    """Of rule `cut_finetune`, which trains a last layer."""
    return finetuning(config, architecture, target, "last")


def _need(
    config: dict[str, Any],
    architecture: str,
    images: Callable[[], Images],
    batch: int = 0,
    trains: bool = False,
    holds_images: bool = True,
) -> Need:
    """`batch`: images passed through the network in one step, 0 for none, and if it `trains` back.

    `holds_images`: a part of what CUDA leaves is for images on the device.
    """
    network = config["architectures"][architecture]
    one = size(architecture, network["width"], network["stem"], config["image"]["crop"])
    try:
        count = images()
        work = one.multiply_adds * (3 * count.trained + count.passed)
    except LookupError:
        work = None
    memory = one.parameters + PASSING * EVALUATION_BATCH * one.largest
    if trains:
        memory = max(memory, 4 * one.parameters + KEPT * batch * one.largest)
    left = 1 - config["runtime"]["device_memory"] if holds_images else 1
    memory = CUDA_CONTEXT + (NUMBER * memory / left if left else math.inf)
    return Need(work, (3 if trains else 1) * batch * one.multiply_adds, memory)


def dataset_size(config: dict[str, Any], name: str) -> Counts:
    """Numbers of classes and images: from the settings, the packed data set, or as published.

    Raises LookupError for a data set of unknown size that is not packed.
    """
    dataset = config["datasets"][name]
    if "train" in dataset:  # images of each class
        count = len("".join(dataset["characters"])) if dataset["kind"] == "glyphs" else 10
        return Counts(count, count * dataset["train"], count * dataset["test"])
    meta = Path(config["results"], "data", name, "meta.json")
    if meta.exists():
        facts = read_json(meta)
        return Counts(len(facts["classes"]), facts["images"]["train"], facts["images"]["test"])
    if published := kinds.module(dataset["kind"]).EXPECTED:
        return published
    raise LookupError(f"datasets.{name}: how large it is shows when it is packed: snakemake {meta}")


def tuned(settings: dict[str, Any], trainable: str, train: int, test: int) -> Images:
    """Of fine-tuning on so many images, as `settings` (those of `finetune`) say.

    What is frozen is passed once, or in every epoch if images are augmented; training a new last
    layer on its outputs costs next to nothing.
    """
    epochs = settings["epochs"]
    if trainable == "all":
        return Images(epochs * train, test)
    return Images(0, (epochs if settings["augmentation"] else 1) * train + test)


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
