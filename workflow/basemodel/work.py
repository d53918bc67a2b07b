"""What the jobs of each stage do with a network: how many images they pass through it.

Both the resources of a job and `snakemake plan` follow from it. Sizes of data sets are those of the
settings, of what is packed, or as published.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

from basemodel.data import kinds, subsets
from basemodel.data.listing import Counts
from basemodel.files import read_json
from basemodel.settings import classes, pretrain_settings


class Work(NamedTuple):
    """One job's; an image that is seen in several epochs counts in each."""

    architecture: str
    trained: float  # images passed forward and backward; infinite before a data set is packed
    passed: float  # images passed forward only; likewise
    batch: int = 0  # images of a training step through the network; 0: none takes one
    holds_images: bool = True  # on the device, so that they are read once


def pretraining(config: dict[str, Any], architecture: str, subset: str = "whole") -> Work:
    """Of rules `pretrain` and, on the whole source and tested after every epoch, `normal`."""
    source, settings = _size(config, config["source"]), pretrain_settings(config, architecture)
    train, test, tests = source.train, source.test, 1
    if subset == "whole":
        tests += settings["epochs"]
    else:
        kind, parts, _ = subsets.parse(subset)
        train /= parts
        test /= parts if kind == "class" else 1
    passed = train + tests * test
    return Work(architecture, settings["epochs"] * train, passed, settings["batch"])


def dump(config: dict[str, Any], architecture: str, target: str, most: float = math.inf) -> Work:
    """Of rules `featuremaps` and `cut_featuremaps`: at `most` so many classes of a data set.

    A cut network is taken to cost as much as the whole, here and in `cut_finetuning`.
    """
    passed = min(_size(config, target).classes, most) * config["probe"]["images_per_class"]
    return Work(architecture, 0, passed, holds_images=False)


def epoch_dump(config: dict[str, Any], architecture: str) -> Work:
    """Of rule `epoch_featuremaps`."""
    return dump(config, architecture, config["source"], config["normal"]["classes"])


def finetuning(
    config: dict[str, Any], architecture: str, target: str, trainable: str | None = None
) -> Work:
    """Of rule `finetune`; `trainable`: instead of the setting.

    What is frozen is passed once, or in every epoch if images are augmented; training a new last
    layer on its outputs costs next to nothing.
    """
    settings, there = config["finetune"], _size(config, target)
    epochs, batch = settings["epochs"], settings["batch"]
    if (trainable or settings["trainable"]) == "all":
        return Work(architecture, epochs * there.train, there.test, batch)
    if settings["augmentation"]:
        return Work(architecture, 0, epochs * there.train + there.test, batch)
    return Work(architecture, 0, there.train + there.test)


def cut_finetuning(config: dict[str, Any], architecture: str, target: str) -> Work:
    """Of rule `cut_finetune`, which trains a last layer."""
    return finetuning(config, architecture, target, "last")


def dataset_size(config: dict[str, Any], name: str) -> Counts:
    """Numbers of classes and images: from the settings, the packed data set, or as published.

    Raises LookupError for a data set of unknown size that is not packed.
    """
    dataset = config["datasets"][name]
    if "train" in dataset:  # images of each class
        count = classes(config, name)
        return Counts(count, count * dataset["train"], count * dataset["test"])
    meta = Path(config["results"], "data", name, "meta.json")
    if meta.exists():
        facts = read_json(meta)
        return Counts(len(facts["classes"]), facts["images"]["train"], facts["images"]["test"])
    if published := kinds.module(dataset["kind"]).EXPECTED:
        return published
    raise LookupError(f"datasets.{name}: how large it is shows when it is packed: snakemake {meta}")


def _size(config: dict[str, Any], name: str) -> Counts:
    """The same, infinite where it is unknown."""
    try:
        return dataset_size(config, name)
    except LookupError:
        return Counts(math.inf, math.inf, math.inf)
