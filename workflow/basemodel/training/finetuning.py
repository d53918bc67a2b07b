"""Fine-tuning a base model, or a part of one, on a target task."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from basemodel.data import packed
from basemodel.features.device import autocast, job_device, named_memory
from basemodel.features.feeding import Streamed, free_memory, load
from basemodel.features.inference import apply, correct, share
from basemodel.files import read_json, write_json
from basemodel.networks.preprocessing import Preprocessing
from basemodel.run import versions
from basemodel.training.augmentation import random_crop_flip
from basemodel.training.checkpoints import Checkpoint, of_job
from basemodel.training.last_layers import train_last_layers
from basemodel.training.loop import fit


def divide(model: nn.Module, trainable: str) -> tuple[nn.Module, nn.Module]:
    """The frozen part and the trained part, which takes the output of the frozen one.

    `last`: only a new last fully connected layer is trained; `head`: the hidden fully connected
    layers too; `all`: everything. The frozen part is in evaluation mode, so that its batch
    normalisation and dropout are those of evaluation.
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
    preprocessing: Preprocessing,
    generator: torch.Generator,
    checkpoint: Checkpoint | None = None,
    device_memory: float = 0.5,
    repeats: Sequence[int] = (),
) -> dict[str, Any]:
    """Train `trained` on what `frozen` outputs for a target's images; test on its test images.

    `data`: the folder of a packed data set, with `train` and `test`. `settings` are those of
    `loop.fit`, plus `augmentation`; `checkpoint` is as in `loop.fit`. Images are streamed if both
    splits together take more than `device_memory`, a fraction of the device's free memory. Returns
    accuracy (top-1, on the test images), correct (a string with 1 for each test image that was
    classified correctly, and 0 for the others), train_accuracy (in the last epoch), the history of
    all epochs, and repeats.

    `repeats`: seeds to train a last layer with again, from the start, on the same frozen features;
    of each, accuracy and correct are returned. Raises ValueError if a split has no images, or if
    repeats are asked for and more than a last layer on frozen features is trained.
    """
    where = next(trained.parameters()).device
    precision = settings["precision"]
    room = device_memory * free_memory(where)
    inputs, labels = _split(data, "train", where, room)
    tests = _split(data, "test", where, room - inputs.nbytes)
    plain = partial(_frozen, frozen, preprocessing.centre_crop, precision)
    prepare = plain
    if settings["augmentation"]:
        augment = partial(random_crop_flip, preprocessing=preprocessing, generator=generator)
        prepare = partial(_frozen, frozen, augment, precision)
    elif not isinstance(frozen, nn.Identity):
        # Frozen features do not change between epochs: compute them once.
        inputs = torch.cat(list(apply(plain, inputs, where))).clone()
        prepare = _as_it_is
    frozen_features = prepare is _as_it_is
    if repeats and not (frozen_features and isinstance(trained, nn.Linear)):
        raise ValueError("only a last layer on frozen features is trained again with other seeds")
    history = fit(trained, inputs, labels, settings, generator, prepare, checkpoint)
    test_inputs, test_labels = tests
    if frozen_features:
        test_inputs = torch.cat(list(apply(plain, test_inputs, where))).clone()
        plain = _as_it_is
    right = correct(trained, test_inputs, test_labels, plain, precision)
    again = []
    if repeats:
        layers = train_last_layers(trained, inputs, labels, settings, repeats)
        again = [correct(layer, test_inputs, test_labels, precision=precision) for layer in layers]
    return {
        **_outcome(right),
        "train_accuracy": history[-1]["accuracy"],
        "repeats": [_outcome(right) for right in again],
        "history": history,
    }


def _outcome(right: Tensor) -> dict[str, Any]:
    return {
        "accuracy": share(right),
        "correct": "".join("1" if one else "0" for one in right.tolist()),
    }


@named_memory()
def finetune_job(
    job: Any,
    frozen: nn.Module,
    trained: nn.Module,
    generator: torch.Generator,
    names: dict[str, Any],
    repeats: Sequence[int] = (),
) -> None:
    """Fine-tune as a rule's job (its `snakemake` object) asks, on its device; write its output.

    Inputs: the divided network's card and the target's meta. `names` come first in the output;
    `repeats` as in `finetune`. Raises loop.Interrupted, DeviceError.
    """
    where = job_device(job)
    for part in (frozen, trained):
        part.to(where, memory_format=torch.channels_last)
    precision = job.params.settings["finetune"]["precision"]
    runtime = job.config["runtime"]
    checkpoint = of_job(job.output[0], job.input, job.params, runtime, where, precision)
    result = finetune(
        frozen,
        trained,
        Path(job.input.meta).parent,
        job.params.settings["finetune"],
        Preprocessing.from_card(read_json(job.input.card)),
        generator,
        checkpoint,
        job.config["runtime"]["device_memory"],
        repeats,
    )
    made = {**checkpoint.made_on(), "precision": precision}
    facts = {**made, "versions": versions.of(versions.NETWORKS)}
    write_json(job.output[0], {**names, **result, **facts})
    checkpoint.remove()
    print(f"test accuracy {result['accuracy']:.4f}, training {result['train_accuracy']:.4f}")


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
        seen = look(batch)  # outside autocast: only the network computes in reduced precision
        with autocast(precision, seen.device):
            return frozen(seen)


def _as_it_is(batch: Tensor) -> Tensor:
    return batch
