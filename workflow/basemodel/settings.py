"""Check an experiment's settings before anything runs: one line names the setting and a remedy.

Every cluster job parses the Snakefile again, so nothing in here may be slow: no torch.
"""

import difflib
import os
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from basemodel import metrics
from basemodel.data import kinds, subsets

DIGITS = 174  # scans of the rarest digit in scikit-learn's set
# The targets of the paper that are known: published numbers are compared on these.
PAPER_TARGETS = (
    "stanford_cars", "fgvc_aircraft", "dtd", "oxford_iiit_pets", "caltech101", "flowers102"
)  # fmt: skip
SCHEMA = Path(__file__).resolve().parents[1] / "schemas" / "config.schema.yaml"


class SettingsError(ValueError):
    """A setting that cannot work; the message is for the user."""


def check(config: dict[str, Any]) -> None:
    """Raise SettingsError for the first setting that cannot work."""
    _check_schema(config)
    _check_names(config)
    _check_sizes(config)
    _check_folder(Path(config["results"]))


def share_library() -> None:
    """Let scripts import this package in whatever environment they run, one made by conda too."""
    folders = [str(SCHEMA.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)


def pretrain_settings(config: dict[str, Any], architecture: str) -> dict[str, Any]:
    """The settings of `pretrain`, with the architecture's own values in place of the common."""
    return {**config["pretrain"], **config["architectures"][architecture].get("pretrain", {})}


def classes(config: dict[str, Any], name: str) -> int | None:
    """How many classes a data set has; None if only its lists of files can tell."""
    dataset = config["datasets"][name]
    if dataset["kind"] == "glyphs":
        return len("".join(dataset["characters"]))
    if dataset["kind"] == "digits":
        return 10
    expected = kinds.module(dataset["kind"]).EXPECTED
    if expected and config["data_counts"] == "paper":
        return expected.classes
    return kinds.found_classes(data_root(config), dataset)


def data_root(config: dict[str, Any]) -> Path:
    return Path(config["data_root"]).expanduser()


def from_files(config: dict[str, Any]) -> list[str]:
    """The data sets that are made of image files, those that are not used included."""
    datasets = config["datasets"].items()
    return [name for name, dataset in datasets if dataset["kind"] not in kinds.EMBEDDED]


def used(config: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys([config["source"], *config["targets"]]))


def require_files(config: dict[str, Any]) -> None:
    """Raise SettingsError, a line for each file or folder missing that is still to be packed."""
    lines = []
    for name in used(config):
        packed = Path(config["results"], "data", name, "meta.json").exists()
        if name in from_files(config) and not packed:
            absent = kinds.missing(data_root(config), config["datasets"][name])
            lines += [f"  {name}: {path}" for path in absent]
    if lines:
        raise SettingsError(
            f"data_root: of the data sets' files, {len(lines)} are missing:\n"
            + "\n".join(lines)
            + "\n`snakemake fetch` with the same settings downloads what it can and tells where to "
            "get the rest. Or name another data_root."
        )


def comparable(config: dict[str, Any]) -> tuple[bool, str]:
    """Whether results can be held beside the published numbers, and why."""
    source = config["datasets"][config["source"]]
    if source["kind"] != "imagenet":
        return False, f"the source is {source['title']}, not ImageNet"
    targets = {config["datasets"][target]["kind"] for target in config["targets"]}
    absent = [kind for kind in PAPER_TARGETS if kind not in targets]
    if absent:
        return False, f"of the paper's targets, {', '.join(absent)} are not among the targets"
    if config["data_counts"] != "paper":
        return False, "the data sets need not be complete (data_counts: any)"
    return True, "The source is ImageNet, and the paper's six known targets are among the targets."


def _check_schema(config: dict[str, Any]) -> None:
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    error = jsonschema.exceptions.best_match(validator.iter_errors(config))
    if error is None:
        return
    where = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known), key=str)[0]
        path = f"{where}.{unknown}" if where else unknown
        raise SettingsError(f"{path}: there is no such setting; {_nearest(unknown, known)}")
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance][0]
        path = f"{where}.{missing}" if where else missing
        raise SettingsError(f"{path}: is missing; config.yaml shows a value")
    described = error.schema.get("description")
    raise SettingsError(f"{where}: {error.message}" + (f" ({described})" if described else ""))


def _check_names(config: dict[str, Any]) -> None:
    datasets = config["datasets"]
    if config["source"] not in datasets:
        raise SettingsError(
            f"source: no data set is named {config['source']!r}; "
            f"{_nearest(config['source'], list(datasets))}"
        )
    for target in config["targets"]:
        if target not in datasets:
            raise SettingsError(
                f"targets: no data set is named {target!r}; {_nearest(target, list(datasets))}"
            )
    for architecture in config["truncation"]["architectures"]:
        if architecture not in config["architectures"]:
            raise SettingsError(
                f"truncation.architectures: {architecture!r} is not trained here; "
                f"{_nearest(architecture, list(config['architectures']))}"
            )
    for metric in config["metrics"]:
        if metric not in metrics.available():
            raise SettingsError(
                f"metrics: there is no metric {metric!r}; {_nearest(metric, metrics.available())}"
            )


def _check_sizes(config: dict[str, Any]) -> None:
    if config["image"]["crop"] > config["image"]["size"]:
        raise SettingsError("image.crop: larger than image.size; lower it")
    steps = 1 / config["correlation"]["alpha_step"]
    if abs(steps - round(steps)) > 1e-9:
        raise SettingsError("correlation.alpha_step: does not divide 1; take 0.001 or 0.01")
    for name in sorted(used(config)):
        characters = "".join(config["datasets"][name].get("characters", []))
        twice = sorted({c for c in characters if characters.count(c) > 1})
        if twice:
            raise SettingsError(f"datasets.{name}.characters: {''.join(twice)} twice; name it once")
        of_digit = config["datasets"][name]
        if of_digit["kind"] == "digits" and of_digit["train"] + of_digit["test"] > DIGITS:
            raise SettingsError(
                f"datasets.{name}: train and test add up to more than the {DIGITS} scans of the "
                "rarest digit; lower one"
            )
    source = config["datasets"][config["source"]]
    if not subsets.names(config["subsets"]):
        raise SettingsError("subsets: no source task at all; give class or image a number of parts")
    count = classes(config, config["source"])
    for parts in config["subsets"].get("class", []):
        if count is not None and count % parts:
            raise SettingsError(
                f"subsets.class: {parts} does not divide the {count} classes of "
                f"{config['source']}; take a divisor, or change datasets.{config['source']}"
            )
    for parts in config["subsets"].get("image", []):
        if "train" in source and source["train"] < parts:
            raise SettingsError(
                f"subsets.image: {parts} parts of the {source['train']} training images of a class "
                f"leave some empty; take fewer parts or raise datasets.{config['source']}.train"
            )
    wanted = config["probe"]["images_per_class"]
    for target in config["targets"]:
        # Of image files, the packing looks first whether a class has enough.
        if config["datasets"][target].get("train", wanted) < wanted:
            raise SettingsError(
                f"datasets.{target}.train: {config['datasets'][target]['train']} training images "
                f"of a class are fewer than the {wanted} of probe.images_per_class; "
                "raise the first or lower the second"
            )


def _check_folder(folder: Path) -> None:
    existing = next(p for p in [folder.absolute(), *folder.absolute().parents] if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise SettingsError(
            f"results: cannot write to {existing}; name another folder or change its permissions"
        )


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(str(word), known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
