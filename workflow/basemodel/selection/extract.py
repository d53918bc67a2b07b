"""From a candidate and image files to arrays and a card."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from basemodel.compute import extract as compute
from basemodel.compute.device import allocated_device, device_name
from basemodel.compute.image_files import ImageFiles, kept_at
from basemodel.compute.passing import Timed, batch_size, keep_freed_memory, out_of_memory
from basemodel.files import sha256, temporary
from basemodel.models.failures import Unusable
from basemodel.models.load import load
from basemodel.run import versions
from basemodel.selection.names import Candidate

PACKAGES = {
    "base": (*versions.NETWORKS, "pillow"),
    "torchvision": (*versions.NETWORKS, "pillow", "torchvision"),
    "timm": (*versions.NETWORKS, "pillow", "torchvision", "timm"),
}


def extract(
    candidate: Candidate,
    chosen: dict[str, Any],
    outputs: dict[str, Path],
    models: Path,
    kept: Path,
    dtype: str,
    allocated: tuple[str, Mapping[str, int]] = ("cpu", {}),
) -> dict[str, Any]:
    """Write what the candidate gives for the probe images, and return the card.

    `outputs` and `dtype` are as in compute.extract; rows are in the order of the probe in `chosen`,
    which is images.json. `models`: the folder of base models; `kept`: the folder of images that
    others have cropped; `allocated`: the arguments of `allocated_device`, whose error this raises;
    Unusable if the candidate cannot be used, listing.DataError if an image cannot be decoded any
    more, files.DiskFull.
    """
    started = perf_counter()
    keep_freed_memory()
    where, threads = allocated_device(*allocated), torch.get_num_threads()
    model = load(**candidate.arguments, models=models)
    costs = model.cost()
    loaded = perf_counter()
    images = [Path(chosen["folder"], image["file"]) for image in chosen["probe"]]
    known = [image["sha256"] for image in chosen["probe"]]
    size = batch_size(costs.largest, where)
    place = kept_at(kept, model.preprocessing, known)
    crops = ImageFiles(images, model.preprocessing, size, threads, place).batches()
    forward = Timed(model.forward, where)
    try:
        timed = replace(model, forward=forward)
        shapes, batch = compute.extract(timed, crops, len(images), outputs, dtype, where, size)
    except (FloatingPointError, OverflowError) as error:
        raise Unusable(str(error), "leave it out") from error
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise Unusable(
            "one image needs more memory than there is",
            "use a machine with more memory, or leave it out",
        ) from None
    seconds = forward.seconds
    speed = forward.images_per_second()
    print(f"{candidate.label}: {speed:.1f} images a second in the network, on {where.type}")
    return {
        **of(candidate),
        "input": [3, *model.preprocessing.side],
        "parameters": costs.parameters,
        "parameters_without_classifier": costs.parameters_without_classifier,
        "multiply_adds": costs.multiply_adds,
        **model.facts,
        "notes": model.notes,
        "images": len(images),
        "shapes": shapes,
        "arrays": {name: sha256(outputs[name]) for name in shapes},
        "images_per_second": speed,
        "seconds": {
            "loading": loaded - started,
            "network": seconds,
            "all": perf_counter() - started,
        },
        "batch": batch,
        "device": device_name(where),
        "threads": threads,
    }


def clear(arrays: Iterable[Path]) -> None:
    """Remove arrays, whole ones and what a killed process left of others."""
    for path in arrays:
        path.unlink(missing_ok=True)
        temporary(path).unlink(missing_ok=True)


def failed(candidate: Candidate, error: Unusable) -> dict[str, Any]:
    """The card of a candidate that cannot be used."""
    return {**of(candidate), "failed": error.reason, "remedy": error.remedy}


def of(candidate: Candidate) -> dict[str, Any]:
    """What a card says of any candidate. `failed`: None, or why it cannot be ranked."""
    return {
        "slug": candidate.slug,
        "candidate": candidate.label,
        "source": candidate.source,
        "name": candidate.name,
        "file": candidate.file or None,
        "architecture": candidate.architecture,
        "untrained": candidate.untrained,
        "baseline": candidate.baseline and candidate.baseline.slug,
        "failed": None,
        "remedy": None,
        "versions": _versions(candidate),
    }


def _versions(candidate: Candidate) -> dict[str, str]:
    packages = PACKAGES.get(candidate.library, PACKAGES["base"])
    try:
        return versions.of(packages)
    except PackageNotFoundError:  # timm, which is then why the candidate fails
        return versions.of(packages[:-1])
