"""Fine-tuning one candidate on the user's images, to see how good it becomes.

It is trained on the images that the candidates were compared on, and tested on the images that were
held out.
"""

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from basemodel.compute.device import allocated_device, device_name, seed_everything
from basemodel.compute.image_files import ImageFiles
from basemodel.compute.passing import batch_size, keep_freed_memory, out_of_memory
from basemodel.data.listing import DataError
from basemodel.models.failures import Unusable
from basemodel.models.load import load
from basemodel.models.model import Model
from basemodel.models.own_weights import DIVERGED
from basemodel.rank.extract import of
from basemodel.rank.names import Candidate
from basemodel.seeds import seed_of
from basemodel.training.finetuning import finetune


def tune(
    candidate: Candidate,
    chosen: dict[str, Any],
    models: str | Path,
    settings: dict[str, Any],
    seed: int,
    allocated: tuple[str, Mapping[str, int]] = ("cpu", {}),
) -> dict[str, Any]:
    """Fine-tune a candidate on the probe's images and test it on the held-out ones.

    `chosen`: what rank.images.choose returns, with the test of held_out.choose_tests; `models`: the
    folder of base models. `settings`: those of training.finetune, and `initialisation` of the new
    last layer. Every image is cropped once, as the candidate crops it, without augmentation:
    classes may differ by what a flip changes. `allocated`: the arguments of `allocated_device`,
    whose error this raises.

    Returns slug, candidate, seed, failed and remedy (None), accuracy (top-1 on the test images),
    correct (a digit per test image, in their order: 1 or 0), train_accuracy (in the last epoch),
    seconds, trainable, epochs, images and tests (their numbers), device (its name), precision,
    versions. The same arguments and number of threads give the same result but for the seconds.

    Raises Unusable if the candidate cannot be loaded or trained, DataError if there are no labels,
    no images to test on, or one cannot be decoded any more.
    """
    started = perf_counter()
    if not chosen["classes"]:
        raise DataError("fine-tuning needs labels: put the images into one folder per class")
    if not chosen["test"]:
        raise DataError("no image to test on: add images, or a folder test/ of class folders")
    keep_freed_memory()
    model, where = load(**candidate.arguments, models=models), allocated_device(*allocated)
    size = batch_size(model.cost().largest, where)
    generator = seed_everything(seed_of("rank_verify", candidate.slug, seed))
    last = model.new_last(len(chosen["classes"]), settings["initialisation"]).to(where)
    prepare = model.to(where).preprocessing.normalise
    (images, labels), test = (_labelled(chosen, part, model, size) for part in ("probe", "test"))
    try:
        train = images.load() if settings["trainable"] == "all" else images, labels
        result = finetune(model, last, train, test, settings, generator, prepare)
    except FloatingPointError as error:
        raise Unusable(str(error).removesuffix(f": {DIVERGED}"), DIVERGED) from error
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise Unusable(
            f"training on {settings['batch']} images at a time needs more memory than there is",
            "lower runtime.gpu_jobs (on a GPU), train only the `last` layer, or use a machine with "
            "more memory",
        ) from error
    return {
        **_names(candidate, seed),
        "failed": None,
        "remedy": None,
        **{name: result[name] for name in ("accuracy", "correct", "train_accuracy")},
        "seconds": perf_counter() - started,
        "trainable": settings["trainable"],
        "epochs": settings["epochs"],
        "images": len(images),
        "tests": len(test[0]),
        "device": device_name(where),
        "precision": settings["precision"],
        "versions": of(candidate)["versions"],
    }


def failed(candidate: Candidate, seed: int, error: Unusable) -> dict[str, Any]:
    """The result of a candidate that cannot be fine-tuned."""
    return {**_names(candidate, seed), "failed": error.reason, "remedy": error.remedy}


def _names(candidate: Candidate, seed: int) -> dict[str, Any]:
    return {"slug": candidate.slug, "candidate": candidate.label, "seed": seed}


def _labelled(
    chosen: dict[str, Any], part: str, model: Model, size: int
) -> tuple[ImageFiles, Tensor]:
    paths = [Path(chosen["folder"], image["file"]) for image in chosen[part]]
    labels = torch.tensor([image["label"] for image in chosen[part]])
    return ImageFiles(paths, model.preprocessing, size, torch.get_num_threads()), labels
