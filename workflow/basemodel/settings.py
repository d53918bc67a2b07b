"""What an experiment's settings say, for rules and for the library; checks.py checks them.

Every cluster job parses the Snakefile again, so this module must stay fast: no torch.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from basemodel import metrics
from basemodel.data import kinds
from basemodel.data.listing import Counts
from basemodel.schema import SettingsError


def share_library() -> None:
    """Let scripts import this package in any environment, including one made by conda."""
    folders = [
        str(Path(__file__).resolve().parents[1]),
        *filter(None, [os.environ.get("PYTHONPATH")]),
    ]
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)


def pretrain_settings(config: dict[str, Any], architecture: str) -> dict[str, Any]:
    """The settings of `pretrain`, overridden by the architecture's own values."""
    return {**config["pretrain"], **config["architectures"][architecture].get("pretrain", {})}


def other_metrics(config: dict[str, Any]) -> list[str]:
    """The metrics that are compared with those of `metrics`, without the latter."""
    named = config["other_metrics"]
    others = metrics.available() if named == "all" else named
    return [metric for metric in others if metric not in config["metrics"]]


def unused_metrics(config: dict[str, Any]) -> list[str]:
    """The metrics that neither `metrics` nor `other_metrics` names."""
    used = {*config["metrics"], *other_metrics(config)}
    return [metric for metric in metrics.available() if metric not in used]


def without(inputs: Iterable[str], names: Iterable[str]) -> list[str]:
    """The metrics, of these names, that do not need any of these inputs."""
    return [name for name in names if not set(inputs) & set(metrics.inputs(name))]


def classes(config: dict[str, Any], name: str) -> int | None:
    """How many classes a data set has; None if only its file lists can tell."""
    dataset = config["datasets"][name]
    if dataset["kind"] == "glyphs":
        return len("".join(dataset["characters"]))
    if dataset["kind"] == "digits":
        return 10
    expected = published_size(config, name)
    return expected.classes if expected else kinds.found_classes(data_root(config), dataset)


def published_size(config: dict[str, Any], name: str) -> Counts | None:
    """The published size of a data set, if it must match."""
    kind = config["datasets"][name]["kind"]
    if kind in kinds.EMBEDDED or config["data_counts"] != "paper":
        return None
    return kinds.module(kind).EXPECTED


def results(config: dict[str, Any]) -> str:
    """The results folder as Snakemake needs it: `~` expanded, no trailing slash.

    Snakemake compares paths as strings: a run with `results: dir/` would never end.
    """
    return os.path.normpath(_home(config, "results"))


def data_root(config: dict[str, Any]) -> Path:
    return _home(config, "data_root")


def _home(config: dict[str, Any], setting: str) -> Path:
    try:
        return Path(config[setting]).expanduser()
    except RuntimeError:
        raise SettingsError(
            f"{setting}: there is no home folder for {config[setting]}; write the path in full"
        ) from None


def from_files(config: dict[str, Any]) -> list[str]:
    """The data sets made of image files, including unused ones."""
    datasets = config["datasets"].items()
    return [name for name, dataset in datasets if dataset["kind"] not in kinds.EMBEDDED]


def used(config: dict[str, Any]) -> list[str]:
    """The data sets of the experiment. With `models` there is no source; targets may be paths."""
    if config["models"]:
        return [name for name in config["targets"] if name in config["datasets"]]
    return [config["source"], *config["targets"]]
