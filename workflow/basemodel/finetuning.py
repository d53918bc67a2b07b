"""Fine-tuning a base model, or a part of one, on a target task."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from basemodel.augmentation import centre_crop, random_crop_flip
from basemodel.data import packed
from basemodel.training import accuracy, apply, fit


def divide(model: nn.Module, trainable: str) -> tuple[nn.Module, nn.Module]:
    """The frozen part and the trained part; the second takes what the first gives.

    `last`: a new last fully connected layer is trained; `head`: the hidden fully connected layers
    too; `all`: everything. The frozen part is in evaluation mode, so that batch normalisation and
    dropout stay out of it.
    """
    if trainable == "last":
        frozen, trained = nn.Sequential(model.trunk, model.head[:-1]), model.last
    elif trainable == "head":
        frozen, trained = model.trunk, model.head
    else:
        frozen, trained = nn.Identity(), model
    return frozen.eval(), trained


def finetune(
    frozen: nn.Module,
    trained: nn.Module,
    data: str | Path,
    settings: dict[str, Any],
    crop: int,
    generator: torch.Generator,
) -> dict[str, Any]:
    """Train `trained` on what `frozen` gives for a target's images; test it on the target's tests.

    `data`: the folder of a packed data set, with `train` and `test`. `settings` are those of
    `training.fit`, and `augmentation`. Returns accuracy (top-1, on the tests), train_accuracy (in
    the last epoch) and the history of all epochs.
    """
    images, labels = _split(data, "train")
    plain = partial(_frozen, frozen, partial(centre_crop, side=crop))
    if settings["augmentation"]:
        augment = partial(random_crop_flip, side=crop, generator=generator)
        epochs = fit(
            trained, images, labels, settings, generator, partial(_frozen, frozen, augment)
        )
    elif isinstance(frozen, nn.Identity):
        epochs = fit(trained, images, labels, settings, generator, plain)
    else:
        # What is frozen sees every image in the same way in every epoch: once is enough.
        where = next(trained.parameters()).device
        cached = torch.cat(list(apply(plain, images, where))).clone()
        epochs = fit(trained, cached, labels, settings, generator)
    history = list(epochs)
    return {
        "accuracy": accuracy(trained, *_split(data, "test"), plain),
        "train_accuracy": history[-1]["accuracy"],
        "history": history,
    }


def _split(data: str | Path, split: str) -> tuple[Tensor, Tensor]:
    images, labels = packed.load(Path(data, split))
    return torch.from_numpy(np.array(images)), torch.from_numpy(labels)


def _frozen(frozen: nn.Module, look, batch: Tensor) -> Tensor:
    with torch.no_grad():
        return frozen(look(batch))
