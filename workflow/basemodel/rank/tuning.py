"""Fine-tuning one candidate on the user's images, to see how good it becomes.

It is trained on the images that the candidates were compared on, and tested on the images that were
held out.
"""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from basemodel.data.listing import DataError
from basemodel.features.device import device_name, lent_device, seed_everything
from basemodel.features.feeding import free_memory
from basemodel.files import in_bytes
from basemodel.networks.models import initialise
from basemodel.networks.weights import DIVERGED
from basemodel.rank.extract import of
from basemodel.rank.failures import Unusable
from basemodel.rank.load import load
from basemodel.rank.names import Candidate
from basemodel.rank.network import Look, Network, cost
from basemodel.rank.passing import Pass, batch_size, keep_freed_memory, out_of_memory
from basemodel.seeds import seed_of
from basemodel.training.loop import fit

SHARE = 0.5  # of the free memory, for images; training needs some as well


class Tuned(nn.Module):
    """A candidate's network up to its embeddings, and a new last layer."""

    def __init__(self, module: nn.Module, look: Look, last: nn.Linear):
        super().__init__()
        self.module, self.look, self.last = module, look, last

    def forward(self, images: Tensor) -> Tensor:
        """Prepared images [n, 3, H, W] -> logits [n, classes]."""
        return self.last(self.look(images)["embeddings"])


def tune(
    candidate: Candidate,
    chosen: dict[str, Any],
    models: str | Path,
    settings: dict[str, Any],
    seed: int,
    lent: tuple[str, int, int] = ("cpu", 0, 100),
) -> dict[str, Any]:
    """Fine-tune a candidate on the probe's images and test it on the held-out ones.

    `chosen`: what rank.images.choose returns; `models`: the folder of base models. `settings`:
    those of loop.fit, `initialisation` of the new last layer (models.initialise) and `trainable`:
    `last`, that layer alone, or `all`, the whole network. Every image is cropped once, as the
    candidate crops it, without augmentation: classes may differ by what a flip changes. The test
    computes in float32. `lent`: the arguments of `lent_device`, whose error this raises.

    Returns slug, candidate, seed, failed and remedy (None), accuracy (top-1 on the test images),
    correct (a digit per test image, in their order: 1 or 0), train_accuracy (in the last epoch),
    seconds, trainable, epochs, images and tests (their numbers), device (its name), precision,
    versions. The same arguments and
    number of threads give the same result but for the seconds.

    Raises Unusable if the candidate cannot be loaded or trained, DataError if there are no labels,
    no images to test on, or one cannot be decoded any more.
    """
    started = perf_counter()
    if not chosen["classes"]:
        raise DataError("fine-tuning needs labels: put the images into one folder per class")
    if not chosen["test"]:
        raise DataError("no image to test on: add images, or a folder test/ of class folders")
    keep_freed_memory()
    network, where = load(candidate, models), lent_device(*lent)
    batch = batch_size(cost(network), where)
    generator = seed_everything(seed_of("rank_verify", candidate.slug, seed))
    last = nn.Linear(_width(network), len(chosen["classes"]))
    initialise(last, settings["initialisation"])
    last.to(where)
    network.module.to(where, memory_format=torch.channels_last)
    images, tests = _files(chosen, "probe"), _files(chosen, "test")
    labels = torch.tensor([image["label"] for image in chosen["probe"]])

    passed = Pass(network, where, batch, torch.get_num_threads())
    try:
        if settings["trainable"] == "last":
            inputs = _embeddings(passed, images)
            history = fit(last, inputs, labels, settings, generator)
        else:
            inputs = _cropped(passed, images, network.side)
            model = _whole(network, last)
            history = fit(model, inputs, labels, settings, generator, passed.on_device)
            network.module.eval()
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
    right = _right(last, _embeddings(passed, tests), [image["label"] for image in chosen["test"]])
    return {
        **_names(candidate, seed),
        "failed": None,
        "remedy": None,
        "accuracy": sum(right) / len(right),
        "correct": "".join("1" if each else "0" for each in right),
        "train_accuracy": history[-1]["accuracy"],
        "seconds": perf_counter() - started,
        "trainable": settings["trainable"],
        "epochs": settings["epochs"],
        "images": len(images),
        "tests": len(tests),
        "device": device_name(where),
        "precision": settings["precision"],
        "versions": of(candidate)["versions"],
    }


def failed(candidate: Candidate, seed: int, error: Unusable) -> dict[str, Any]:
    """The result of a candidate that cannot be fine-tuned."""
    return {**_names(candidate, seed), "failed": error.reason, "remedy": error.remedy}


def _names(candidate: Candidate, seed: int) -> dict[str, Any]:
    return {"slug": candidate.slug, "candidate": candidate.label, "seed": seed}


def _files(chosen: dict[str, Any], part: str) -> list[Path]:
    return [Path(chosen["folder"], image["file"]) for image in chosen[part]]


def _width(network: Network) -> int:
    """The length of an embedding. Raises Unusable if the network has none."""
    with torch.no_grad():  # not inference_mode: some networks keep what they computed at first
        found = network.look(torch.zeros(1, 3, *network.side))
    if "embeddings" not in found:
        raise Unusable("it gives no embeddings that a new last layer could take", "leave it out")
    return found["embeddings"].shape[1]


def _whole(network: Network, last: nn.Linear) -> Tuned:
    """What is trained if everything is: all but the classifier that the new layer replaces."""
    network.module.requires_grad_(True)
    if network.classifier is not None:
        network.classifier.requires_grad_(False)
    if getattr(network.module, "aux_logits", False):  # GoogLeNet's and Inception's further ones
        network.module.aux_logits = False
    return Tuned(network.module, network.look, last)


def _cropped(passed: Pass, files: Sequence[Path], side: tuple[int, int]) -> Tensor:
    """The images of these files, uint8 [n, 3, H, W] in the host's memory.

    Raises Unusable if they take more than SHARE of it, DataError as Pass does.
    """
    shape = len(files), 3, *side
    needed, free = torch.Size(shape).numel(), free_memory(torch.device("cpu"))
    if needed > SHARE * free:
        height, width = side
        raise Unusable(
            f"{len(files)} images of {height} x {width} pixels need {in_bytes(needed)}, more than "
            f"half of the {in_bytes(free)} that are free",
            "lower `images_per_class`, train only the `last` layer, or use a machine with more "
            "memory",
        )
    images, start = torch.empty(shape, dtype=torch.uint8), 0
    for part in passed.cropped(files):
        images[start : start + len(part)] = part
        start += len(part)
    return images


def _embeddings(passed: Pass, files: Sequence[Path]) -> Tensor:
    """The embeddings of image files [n, D], on the network's device."""
    return torch.cat([found["embeddings"].float() for found in passed.outputs(files)]).clone()


def _right(last: nn.Linear, embeddings: Tensor, labels: list[int]) -> list[bool]:
    """Whether the first choice is right, for each embedding."""
    with torch.inference_mode():
        logits = last.eval()(embeddings).cpu()
    if not logits.isfinite().all():
        raise Unusable("its answers to test images are not finite", DIVERGED)
    return (logits.argmax(1) == torch.tensor(labels)).tolist()
