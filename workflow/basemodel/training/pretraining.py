"""Pre-training of one architecture on one source task, from an untrained network to its card."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from basemodel.compute.device import named_memory, seed_everything
from basemodel.compute.evaluation import accuracy
from basemodel.compute.feeding import Streamed, free_memory, load
from basemodel.data import packed
from basemodel.models.architectures import build, initialise
from basemodel.models.preprocessing import Preprocessing
from basemodel.models.trained import backbone_parameters
from basemodel.run import versions
from basemodel.seeds import seed_of
from basemodel.training.augmentation import random_crop_flip
from basemodel.training.checkpoints import Checkpoint
from basemodel.training.loop import Row, fit

CPU = torch.device("cpu")


class Pretraining:
    """A network and the images that it learns from; `run` trains it.

    `subset`: a source task, as rule `subset` writes it. `train`, `test`: the folders of the packed
    source data set. `settings`: the rules', of network (architecture, width, stem), pretrain
    (as in the configuration), preprocessing and seed. Images are streamed if both splits together
    take more than `device_memory`, a fraction of the free memory of the device, `where`. Raises
    ValueError if a split has no images of the task's classes, DeviceError.
    """

    @named_memory()
    def __init__(
        self,
        subset: dict[str, Any],
        train: str | Path,
        test: str | Path,
        settings: Mapping[str, Any],
        device_memory: float,
        where: torch.device = CPU,
    ):
        self.where = where
        self._subset, self._settings = subset, settings["pretrain"]
        self._preprocessing = Preprocessing(**settings["preprocessing"])
        architecture = settings["network"]["architecture"]
        self._generator = seed_everything(
            seed_of("pretrain", architecture, subset["subset"], settings["seed"])
        )
        self._network = {
            "classes": len(subset["classes"]),
            "dropout": self._settings["dropout"],
            **settings["network"],
        }
        model = build(**self._network)
        initialise(model, self._settings["initialisation"])
        self.model = model.to(self.where, memory_format=torch.channels_last)
        room = device_memory * free_memory(self.where)
        self._images, self._labels = self._split(train, subset["images"], room)
        self._tests = self._split(test, None, room - self._images.nbytes)

    @named_memory()
    def run(
        self, checkpoint: Checkpoint, after_epoch: Callable[[int, Row], Row] | None = None
    ) -> dict[str, Any]:
        """Train the network and return its card; arguments and errors as in `loop.fit`."""

        def say(epoch: int, row: Row) -> Row:
            more = after_epoch(epoch, row) if after_epoch else {}
            shown = ", ".join(f"{key} {value:.4f}" for key, value in (row | more).items())
            print(f"epoch {epoch}: {shown}", flush=True)
            return more

        prepare = self._preprocessing.centre_crop
        if self._settings["augmentation"]:
            prepare = partial(
                random_crop_flip, preprocessing=self._preprocessing, generator=self._generator
            )
        history = fit(
            self.model, self._images, self._labels, self._settings, self._generator, prepare,
            checkpoint, say,
        )  # fmt: skip
        card = {
            "architecture": self._network["architecture"],
            "subset": self._subset["subset"],
            "policy": self._subset["policy"],
            "classes": len(self._subset["classes"]),
            "images": len(self._labels),
            "parameters": backbone_parameters(self.model),
            "train_accuracy": self._measure(self._images, self._labels),
            "test_accuracy": self.test_accuracy(),
            "network": self._network,
            "preprocessing": self._preprocessing.as_card(),
            "settings": self._settings,
            **checkpoint.made_on(),
            "precision": self._settings["precision"],
            "versions": versions.of(versions.NETWORKS),
            "history": history,
        }
        print(f"accuracy: training {card['train_accuracy']:.4f}, test {card['test_accuracy']:.4f}")
        return card

    def test_accuracy(self) -> float:
        """Accuracy of the network as it is now, on the held-out images of its classes."""
        return self._measure(*self._tests)

    def _measure(self, images: Tensor | Streamed, labels: Tensor) -> float:
        precision = self._settings["precision"]
        return accuracy(self.model, images, labels, self._preprocessing.centre_crop, precision)

    def _split(
        self, folder: str | Path, rows: list[int] | None, room: float
    ) -> tuple[Tensor | Streamed, Tensor]:
        """Images uint8, on the device if they fit, and labels numbered from 0 within the task."""
        images, labels = packed.load(folder)
        classes = self._subset["classes"]
        rows = np.flatnonzero(np.isin(labels, classes)) if rows is None else rows
        if not len(rows):
            raise ValueError(
                f"{folder}: no images of the {len(classes)} classes of source task "
                f"{self._subset['subset']}: it needs some to train on and some to test on"
            )
        labels = np.searchsorted(classes, labels[rows])
        return load(images, rows, self.where, room), torch.from_numpy(labels)
