"""What an experiment's settings say of its models and targets, if it names `models`.

Every cluster job parses the Snakefile again, so this module must stay fast: no torch.
"""

import contextlib
from pathlib import Path
from typing import Any

from basemodel.data import kinds
from basemodel.schema import SettingsError, nearest
from basemodel.selection.names import place_name
from basemodel.settings import data_root, used
from basemodel.zoo.models import SHELF, models


def targets(config: dict[str, Any]) -> dict[str, Path | None]:
    """The targets by name: the folder or table of each; None if the workflow makes it first.

    A target is the name of one of `datasets`, or a path. Made first are images that this project
    generates, and the tables of labels of official data sets. Raises SettingsError.
    """
    found: dict[str, Path | None] = {}
    seen: dict[Path, str] = {}  # two targets of the same images are no two samples
    for number, target in enumerate(config["targets"]):
        dataset = config["datasets"].get(target)
        place = None
        if dataset is None:
            place = Path(target)
            with contextlib.suppress(RuntimeError):  # of ~nobody
                place = place.expanduser()
            if not place.exists():
                near = nearest(target, list(config["datasets"]))
                raise SettingsError(
                    f"targets.{number}: {target} is no folder or table that is there, and no data "
                    f"set's name; {near}"
                )
        elif dataset["kind"] == "folder":
            place = data_root(config) / dataset["path"]
            if "test_share" in dataset:
                raise SettingsError(
                    f"datasets.{target}.test_share: with `models`, a fifth of the images is held "
                    "out; take it out, or give the images a test/ folder"
                )
        name = target if dataset else place_name(place)
        if name in found:
            raise SettingsError(f"targets.{number}: {name} is there already; rename one")
        found[name] = place
        if place and (first := seen.setdefault(place.resolve(), name)) != name:
            raise SettingsError(
                f"targets.{number}: {target} has the same images as the target {first}; take one "
                "of them out"
            )
    return found


def generated(config: dict[str, Any]) -> list[str]:
    """The targets whose images this project draws."""
    return [name for name in used(config) if _kind(config, name) in kinds.EMBEDDED]


def official(config: dict[str, Any]) -> list[str]:
    """The targets that are data sets with lists of their own."""
    names = used(config)
    return [name for name in names if _kind(config, name) not in (*kinds.EMBEDDED, "folder")]


def check(config: dict[str, Any]) -> None:
    """Raise SettingsError for what cannot work with `models`."""
    if config["models"] != SHELF:
        models(config["models"])
    targets(config)
    finetune = config["finetune"]
    if finetune["trainable"] == "head":
        raise SettingsError(
            "finetune.trainable: only base models trained here have a head; with `models`, take "
            "last or all"
        )
    if finetune["augmentation"]:
        raise SettingsError("finetune.augmentation: there is none with `models`; set it to false")
    if finetune["optimizer"] is None and finetune["learning_rate"] is not None:
        raise SettingsError(
            "finetune.learning_rate: no rate suits both optimizers, and finetune.optimizer is null "
            "(the one that suits a network); set it to null too"
        )


def tuning(finetune: dict[str, Any]) -> dict[str, Any]:
    """The settings of `finetune` that selection.tuning.tune takes."""
    return {key: value for key, value in finetune.items() if key not in ("repeats", "augmentation")}


def _kind(config: dict[str, Any], name: str) -> str:
    return config["datasets"][name]["kind"]
