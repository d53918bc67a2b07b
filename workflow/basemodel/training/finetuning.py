"""Fine-tuning a model, or a part of one, on labelled images."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from basemodel.compute.device import autocast, named_memory
from basemodel.compute.evaluation import correct, share
from basemodel.compute.feeding import Streamed, free_memory, kept, load
from basemodel.compute.passing import apply
from basemodel.data import packed
from basemodel.models.model import Model
from basemodel.training.augmentation import random_crop_flip
from basemodel.training.checkpoints import Checkpoint
from basemodel.training.last_layers import new_layer, train_last_layers
from basemodel.training.loop import fit

if TYPE_CHECKING:
    from basemodel.compute.passing import Inputs

Prepare = Callable[[Tensor], Tensor]


def finetune(
    model: Model,
    last: nn.Linear,
    train: tuple["Inputs", Tensor],
    test: tuple["Inputs", Tensor],
    settings: dict[str, Any],
    generator: torch.Generator,
    prepare: Prepare,
    augment: Prepare | None = None,
    checkpoint: Checkpoint | None = None,
    repeats: Sequence[int] = (),
    room: float = math.inf,
) -> dict[str, Any]:
    """Train a model with the new layer `last` on images, and test it on others.

    `train`, `test`: images, and labels int64 [n]; to train on, they must be in memory or packed,
    unless they pass a frozen part first. `prepare` makes what the network takes of a batch of them,
    `augment` does so in training. `settings`: those of `loop.fit`, and `trainable` (Model.divided).
    Model and layer are on one device. What is frozen is in evaluation mode, and if nothing is
    augmented, images pass it once. Featuremaps, which a head is trained on, stay on the device if
    they take at most `room` bytes; else they are read from disk.

    Returns accuracy (top-1, on the test images), correct (a string with 1 for each test image that
    was classified correctly, and 0 for the others), train_accuracy (in the last epoch), the history
    of all epochs, and repeats: with these seeds a last layer on frozen features is trained again,
    from the start; of each, accuracy and correct. Such layers need no `checkpoint`: passing the
    images through the frozen part takes longer than training them.

    Raises ValueError if repeats are asked for and more is trained, and as `loop.fit`,
    `train_last_layers` and `correct` do.
    """
    frozen, trained = model.divided(last, settings["trainable"])
    where, precision = last.weight.device, settings["precision"]
    folder = checkpoint.folder.parent if checkpoint else None
    room = room if settings["trainable"] == "head" else math.inf
    once = augment is None and settings["trainable"] != "all"
    if repeats and not (once and settings["trainable"] == "last"):
        raise ValueError("only a last layer on frozen features is trained again with other seeds")
    (inputs, labels), (test_inputs, test_labels) = train, test
    evaluated = partial(_frozen, frozen, prepare, precision)
    prepared = partial(_frozen, frozen, augment or prepare, precision)
    if once:
        inputs = kept(apply(evaluated, inputs, where), len(inputs), room, folder)
        room -= inputs.nbytes
        prepared = _unchanged
    layers, generators = [last], [generator]
    for seed in repeats:
        layer, order = new_layer(last, settings["initialisation"], seed)
        layers.append(layer)
        generators.append(order)
    if once and trained is last:
        history, *_ = train_last_layers(layers, inputs, labels, settings, generators)
    else:
        history = fit(trained, inputs, labels, settings, generator, prepared, checkpoint)
    if once:
        test_inputs = kept(apply(evaluated, test_inputs, where), len(test_inputs), room, folder)
        evaluated = _unchanged
    right = correct(trained, test_inputs, test_labels, evaluated, precision)
    again = [correct(each, test_inputs, test_labels, precision=precision) for each in layers[1:]]
    return {
        **_outcome(right),
        "train_accuracy": history[-1]["accuracy"],
        "repeats": [_outcome(right) for right in again],
        "history": history,
    }


@named_memory()
def finetune_packed(
    model: Model,
    last: nn.Linear,
    data: str | Path,
    settings: dict[str, Any],
    generator: torch.Generator,
    where: torch.device,
    checkpoint: Checkpoint | None = None,
    device_memory: float = 0.5,
    repeats: Sequence[int] = (),
) -> dict[str, Any]:
    """`finetune` on a packed data set: `data`, its folder, with `train` and `test`.

    `settings`: also `augmentation`, whether to train on random crops and flips. Model and layer are
    moved to the device `where`. Images are streamed if both splits together take more than
    `device_memory`, a fraction of the device's free memory. Raises ValueError if a split has no
    images, DeviceError.
    """
    model.to(where)
    last.to(where)
    room = device_memory * free_memory(where)
    train = _split(data, "train", where, room)
    test = _split(data, "test", where, room - train[0].nbytes)
    preprocessing, augment = model.preprocessing, None
    if settings["augmentation"]:
        augment = partial(random_crop_flip, preprocessing=preprocessing, generator=generator)
    return finetune(
        model, last, train, test, settings, generator, preprocessing.centre_crop, augment,
        checkpoint, repeats, room - train[0].nbytes - test[0].nbytes,
    )  # fmt: skip


def _outcome(right: Tensor) -> dict[str, Any]:
    return {
        "accuracy": share(right),
        "correct": "".join("1" if one else "0" for one in right.tolist()),
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


def _frozen(frozen: nn.Module, prepare: Prepare, precision: str, batch: Tensor) -> Tensor:
    with torch.no_grad():
        images = prepare(batch)  # outside autocast: only the network uses reduced precision
        with autocast(precision, images.device):
            return frozen(images)


def _unchanged(batch: Tensor) -> Tensor:
    return batch
