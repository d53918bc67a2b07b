"""How many images a job passes through its network, from the settings alone, without torch."""

import math
from pathlib import Path
from typing import Any, NamedTuple

from basemodel.data import kinds, subsets
from basemodel.data.listing import Counts
from basemodel.files import read_json
from basemodel.settings import pretrain_settings


class Images(NamedTuple):
    """The images of a job; one that is seen in several epochs counts in each."""

    trained: int  # passed forward and backward
    passed: int  # passed forward only


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


def pretrained(config: dict[str, Any], architecture: str, subset: str) -> Images:
    """Of one pre-training; `whole` is the normal training, which is tested after every epoch.

    Raises LookupError as `dataset_size` does; so do the others.
    """
    source = dataset_size(config, config["source"])
    epochs = pretrain_settings(config, architecture)["epochs"]
    if subset == "whole":
        return Images(epochs * source.train, epochs * source.test + source.train + source.test)
    kind, parts, _ = subsets.parse(subset)
    train, test = source.train // parts, source.test // (parts if kind == "class" else 1)
    return Images(epochs * train, train + test)


def probed(config: dict[str, Any], dataset: str, classes: float = math.inf) -> Images:
    """Of one dump for the metrics, of at most so many classes."""
    there = min(dataset_size(config, dataset).classes, classes)
    return Images(0, there * config["probe"]["images_per_class"])


def finetuned(config: dict[str, Any], trainable: str, target: str) -> Images:
    """Of one fine-tuning of `last`, `head` or `all`."""
    size = dataset_size(config, target)
    return tuned(config["finetune"], trainable, size.train, size.test)


def tuned(settings: dict[str, Any], trainable: str, train: int, test: int) -> Images:
    """Of fine-tuning on so many images, as `settings` (those of `finetune`) say.

    What is frozen is passed once, or in every epoch if images are augmented; training a new last
    layer on its outputs costs next to nothing.
    """
    epochs = settings["epochs"]
    if trainable == "all":
        return Images(epochs * train, test)
    return Images(0, (epochs if settings["augmentation"] else 1) * train + test)
