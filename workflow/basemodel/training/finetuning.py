"""Fine-tuning a base model, or a part of one, on a target task."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from basemodel.data import packed
from basemodel.features.feeding import Streamed, free_memory, load
from basemodel.training.augmentation import centre_crop, random_crop_flip
from basemodel.training.checkpoints import Checkpoint
from basemodel.training.loop import accuracy, apply, autocast, fit


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
    checkpoint: Checkpoint | None = None,
    device_memory: float = 0.5,
) -> dict[str, Any]:
    """Train `trained` on what `frozen` gives for a target's images; test it on the target's tests.

    `data`: the folder of a packed data set, with `train` and `test`. `settings` are those of
    `training.fit`, and `augmentation`; `checkpoint` as there. Images that take more than
    `device_memory`, a share of what is free there, both splits together, are streamed. Returns
    accuracy (top-1, on the tests), train_accuracy (in the last epoch) and the history of all
    epochs. Raises ValueError if a split has no images.
    """
    where = next(trained.parameters()).device
    precision = settings["precision"]
    checkpoint = checkpoint or Checkpoint()
    room = device_memory * free_memory(where)
    inputs, labels = _split(data, "train", where, room)
    tests = _split(data, "test", where, room - inputs.nbytes)
    plain = partial(_frozen, frozen, partial(centre_crop, side=crop), precision)
    prepare = plain
    if settings["augmentation"]:
        augment = partial(random_crop_flip, side=crop, generator=generator)
        prepare = partial(_frozen, frozen, augment, precision)
    elif not isinstance(frozen, nn.Identity):
        # What is frozen sees every image in the same way in every epoch: once is enough.
        inputs = torch.cat(list(apply(plain, inputs, where))).clone()
        prepare = _as_it_is
    for _ in fit(trained, inputs, labels, settings, generator, prepare, checkpoint):
        pass
    return {
        "accuracy": accuracy(trained, *tests, plain, precision),
        "train_accuracy": checkpoint.history[-1]["accuracy"],
        "history": checkpoint.history,
    }


def _split(
    data: str | Path, split: str, where: torch.device, room: float
) -> tuple[Tensor | Streamed, Tensor]:
    folder = Path(data, split)
    images, labels = packed.load(folder)
    if not len(images):
        raise ValueError(
            f"{folder}: no images: a target needs some to train on and some to test on"
        )
    return load(images, None, where, room), torch.from_numpy(labels)


def _frozen(frozen: nn.Module, look, precision: str, batch: Tensor) -> Tensor:
    with torch.no_grad():
        seen = look(batch)  # pixels are exact in any precision: only networks compute in it
        with autocast(precision, seen.device):
            return frozen(seen)


def _as_it_is(batch: Tensor) -> Tensor:
    return batch
