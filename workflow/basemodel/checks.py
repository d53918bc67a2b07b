"""Check an experiment's settings before anything runs: one line names the setting and a remedy.

Every cluster job parses the Snakefile again, so this module must stay fast: no torch.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from basemodel import metrics, schema
from basemodel.data import kinds, subsets
from basemodel.data.listing import DataError
from basemodel.models import catalog
from basemodel.schema import SettingsError, nearest
from basemodel.selection import metadata, names
from basemodel.settings import (
    classes,
    data_root,
    other_metrics,
    pretrain_settings,
    published_size,
    results,
    used,
)
from basemodel.zoo import experiment

DIGITS = 174  # scans of the rarest digit in scikit-learn's set


def check(config: dict[str, Any]) -> None:
    """Raise SettingsError for the first setting that cannot work."""
    _check_images_are_text(config)
    schema.check(config)
    _check_names(config)
    _check_same_images(config)
    _check_metrics(config)
    _check_sizes(config)
    _check_networks(config)
    _check_repeats(config)
    _check_ranking(config)
    _check_paths(config)
    _check_folder(Path(results(config)))


def _check_names(config: dict[str, Any]) -> None:
    if config["models"]:
        experiment.check(config)
        return
    for setting, named in (("source", [config["source"]]), ("targets", config["targets"])):
        for name in named:
            _check_known(setting, name, config["datasets"], "no data set is named {!r}")
    if config["source"] in config["targets"]:
        raise SettingsError(f"targets: {config['source']} is the source as well; take it out")
    for name in config["truncation"]["architectures"]:
        known = config["architectures"]
        _check_known("truncation.architectures", name, known, "{!r} is not trained here")


def _check_known(setting: str, name: str, known: Iterable[str], problem: str) -> None:
    if name not in known:
        raise SettingsError(f"{setting}: {problem.format(name)}; {nearest(name, list(known))}")


def _check_metrics(config: dict[str, Any]) -> None:
    for setting in ("metrics", "other_metrics"):
        for metric in [] if config[setting] == "all" else config[setting]:
            _check_known(setting, metric, metrics.available(), "there is no metric {!r}")
    for metric in [*config["metrics"], *other_metrics(config)]:
        file = metrics.FOLDER / f"{metric}.py"
        if not metric.isidentifier():
            raise SettingsError(f"{file}: a metric's name is letters, digits and _; rename it")
        try:
            metrics.inputs(metric)
        except ValueError as error:  # names the file
            raise SettingsError(str(error)) from None
        except SyntaxError as error:
            raise SettingsError(f"{file}: {error.msg} in line {error.lineno}; mend it") from None


def _check_same_images(config: dict[str, Any]) -> None:
    """Two targets of the same images are no two samples, and a source has trained on a target's."""
    seen: dict[Any, str] = {}
    for name in used(config):
        first = seen.setdefault(_images(config, name), name)
        if first != name:
            raise SettingsError(
                f"datasets.{name}: the same images as datasets.{first}, which is used too; take "
                "one of them"
            )


def _images(config: dict[str, Any], name: str) -> Any:
    """What tells a data set's images from others': glyphs are drawn anew for each name."""
    dataset = config["datasets"][name]
    if dataset["kind"] == "glyphs":
        return "glyphs", name
    if dataset["kind"] in kinds.FOUND:
        return (data_root(config) / kinds.path_of(dataset)).resolve()
    return dataset["kind"]


def _check_repeats(config: dict[str, Any]) -> None:
    finetune = config["finetune"]
    if config["models"]:  # each fine-tuning is a job
        return
    for setting in ("optimizer", "learning_rate"):
        if finetune[setting] is None:
            raise SettingsError(
                f"finetune.{setting}: null lets each of `models` have its own, and there are none; "
                "write one"
            )
    if finetune["repeats"] and (finetune["trainable"] != "last" or finetune["augmentation"]):
        raise SettingsError(
            "finetune.repeats: needs `trainable: last` without augmentation, whose features are "
            "computed once; set it to 0"
        )


def _check_images_are_text(config: dict[str, Any]) -> None:
    """Raise SettingsError if the name of the images has become a number, as Snakemake reads it."""
    images = config.get("images")
    if isinstance(images, bool | int | float):
        here = (name for name in sorted(os.listdir()) if _number(name) == images)  # noqa: PTH208
        name = next(here, "NAME")
        raise SettingsError(
            f"images: was read as {images!r}, not as a name; write --config images=./{name}, "
            f'or images: "{name}" in a file'
        )


def _number(name: str) -> float | None:
    for read in (int, float):
        with contextlib.suppress(ValueError):
            return read(name)
    return None


def _check_ranking(config: dict[str, Any]) -> None:
    names.candidates(config["candidates"])
    for setting, place in (("images", config["images"]), ("metadata", config["rank"]["metadata"])):
        if place is not None and not Path(place).expanduser().exists():
            where = "rank.metadata" if setting == "metadata" else setting
            raise SettingsError(f"{where}: there is no {place}; write where it is")
    if table := config["rank"]["metadata"]:
        try:
            metadata.read(table)
        except DataError as error:
            raise SettingsError(f"rank.metadata: {error}") from None


def _check_sizes(config: dict[str, Any]) -> None:
    if config["image"]["crop"] > config["image"]["size"]:
        raise SettingsError("image.crop: larger than image.size; lower it")
    steps = 1 / config["correlation"]["alpha_step"]
    if abs(steps - round(steps)) > 1e-9:
        raise SettingsError("correlation.alpha_step: does not divide 1; take 0.001 or 0.01")
    for name in sorted(used(config)):
        dataset = config["datasets"][name]
        characters = "".join(dataset.get("characters", []))
        twice = sorted({c for c in characters if characters.count(c) > 1})
        if twice:
            raise SettingsError(f"datasets.{name}.characters: {''.join(twice)} twice; name it once")
        if dataset["kind"] == "digits" and dataset["train"] + dataset["test"] > DIGITS:
            raise SettingsError(
                f"datasets.{name}: train and test add up to more than the {DIGITS} scans of the "
                "rarest digit; lower one"
            )
        count = classes(config, name)
        if count is not None and count < 2:
            raise SettingsError(f"datasets.{name}: {count} class; at least two are needed")
        if not config["models"]:  # of which it is the most
            _check_class_size(config, name, config["probe"]["images_per_class"])
    if not config["models"]:
        _check_subsets(config)


def _images_of_a_class(config: dict[str, Any], name: str) -> int | None:
    """An upper bound on the smallest class's training images; None if only its files can tell."""
    if train := config["datasets"][name].get("train"):
        return train
    expected = published_size(config, name)
    return expected.train // expected.classes if expected else None


def _check_class_size(config: dict[str, Any], name: str, wanted: int) -> None:
    """The metrics need `wanted` images per class. Unknown class sizes are checked when packing."""
    there = _images_of_a_class(config, name)
    if there is None or there >= wanted:
        return
    if "train" in config["datasets"][name]:
        raise SettingsError(
            f"datasets.{name}.train: {there} training images of a class are fewer than the "
            f"{wanted} of probe.images_per_class; raise the first or lower the second"
        )
    raise SettingsError(
        f"probe.images_per_class: {name} has classes of {there} training images or fewer, and "
        f"{wanted} are asked for; lower it"
    )


def _check_subsets(config: dict[str, Any]) -> None:
    source = config["source"]
    if not subsets.names(config["subsets"]):
        raise SettingsError("subsets: no source task at all; give class or image a number of parts")
    count, images = classes(config, source), _images_of_a_class(config, source)
    for parts in config["subsets"].get("class", []):
        if count is not None and count % parts:
            raise SettingsError(
                f"subsets.class: {parts} does not divide the {count} classes of "
                f"{source}; take a divisor, or change datasets.{source}"
            )
    for parts in config["subsets"].get("image", []):
        if images is not None and images < parts:
            raise SettingsError(
                f"subsets.image: {parts} parts of the {images} training images of a class "
                f"leave some empty; take fewer parts or raise datasets.{source}.train"
            )


def _check_networks(config: dict[str, Any]) -> None:
    crop = config["image"]["crop"]
    for name, network in config["architectures"].items():
        own = network.get("pretrain", {}).get("precision")
        if own not in (None, config["pretrain"]["precision"]):
            raise SettingsError(
                f"architectures.{name}.pretrain.precision: {own} here and "
                f"{config['pretrain']['precision']} elsewhere, but models that are compared have "
                "one precision; set pretrain.precision for all"
            )
        try:
            catalog.constants(name)
        except ValueError as error:
            raise SettingsError(str(error)) from None
        least = catalog.smallest_side(name, network["stem"])
        if crop < least:
            raise SettingsError(
                f"image.crop: {name} with the {network['stem']} stem leaves nothing of {crop} "
                f"pixels; take {least} or more, or another stem"
            )
        # Epochs are split evenly into steps, so with a batch of one or two a step may be one image.
        batches = [("pretrain.batch", pretrain_settings(config, name)["batch"])]
        if config["finetune"]["trainable"] == "all":
            batches.append(("finetune.batch", config["finetune"]["batch"]))
        for setting, batch in batches:
            if batch < 3 and catalog.normalises_one_position(name, network["stem"], crop):
                raise SettingsError(
                    f"{setting}: {name} leaves one position of {crop} pixels, and its batch "
                    "normalisation cannot train on one image; take 3 or more"
                )


def _check_paths(config: dict[str, Any]) -> None:
    paths = {"results": config["results"], "data_root": config["data_root"]}
    for name, dataset in config["datasets"].items():
        if not dataset["title"].isprintable() or not dataset["title"].strip():
            raise SettingsError(
                f"datasets.{name}.title: {dataset['title']!r} is no line of text; take letters"
            )
        if "path" in dataset:
            paths[f"datasets.{name}.path"] = dataset["path"]
    for setting, path in paths.items():
        if not path.isprintable() or path != path.strip():
            raise SettingsError(
                f"{setting}: {path!r} has blanks at an end or what cannot be printed; rename it"
            )
    data_root(config)
    # Snakemake takes what is in them for the names of wildcards and of its own folders.
    if bad := sorted(set(results(config)) & set("{}<>")):
        raise SettingsError(f"results: {' and '.join(bad)} cannot be in it; name another folder")
    if results(config) == os.curdir:
        raise SettingsError("results: is the folder of the project itself; name one in it")


def _check_folder(folder: Path) -> None:
    existing = next(p for p in [folder.absolute(), *folder.absolute().parents] if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise SettingsError(
            f"results: cannot write to {existing}; name another folder or change its permissions"
        )
