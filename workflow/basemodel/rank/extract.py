"""From a candidate and image files to arrays and a card."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from basemodel.features.arrays import checked, write_arrays
from basemodel.features.device import deterministic, device_name, lent_device
from basemodel.files import temporary
from basemodel.rank.failures import Unusable
from basemodel.rank.load import load
from basemodel.rank.names import Candidate
from basemodel.rank.network import cost
from basemodel.rank.passing import Pass, batch_size, keep_freed_memory
from basemodel.rank.preparation import place
from basemodel.rank.weights import sha256
from basemodel.run import versions

ARRAYS = ("featuremaps", "embeddings", "probabilities")
PACKAGES = {
    "base": (*versions.NETWORKS, "pillow"),
    "torchvision": (*versions.NETWORKS, "pillow", "torchvision"),
    "timm": (*versions.NETWORKS, "pillow", "torchvision", "timm"),
}


def extract(
    candidate: Candidate,
    chosen: dict[str, Any],
    folder: Path,
    models: Path,
    cropped: Path,
    dtype: str,
    lent: tuple[str, int, int] = ("cpu", 0, 100),
) -> dict[str, Any]:
    """Write ARRAYS, as far as the network has them, as .npy files in `folder`; return the card.

    featuremaps: `dtype` [n, C, H, W]; embeddings: float32 [n, D]; probabilities: float32 [n, Z],
    of the source classes. Rows are in the order of the probe in `chosen`, which is images.json.
    `models`: the folder of base models; `cropped`: the folder of images that others have cropped;
    `lent`: the arguments of `lent_device`, whose error this raises; Unusable if the candidate
    cannot be used, listing.DataError if an image cannot be decoded any more, files.DiskFull.
    """
    started = perf_counter()
    deterministic()
    keep_freed_memory()
    where, threads = lent_device(*lent), torch.get_num_threads()
    network = load(candidate, models)
    costs = cost(network)
    network.module.to(where, memory_format=torch.channels_last)  # up to twice as fast
    loaded = perf_counter()
    images = [Path(chosen["folder"], image["file"]) for image in chosen["probe"]]
    known = [image["sha256"] for image in chosen["probe"]]
    kept = place(cropped, network.preparation, known)
    passed = Pass(network, where, batch_size(costs, where), threads, kept)

    def arrays():
        for found in passed.outputs(images):
            yield {
                name: checked(
                    name, found[name], dtype if name == "featuremaps" else "float32", BROKEN
                )
                for name in ARRAYS
                if name in found
            }

    paths = {name: folder / f"{name}.npy" for name in ARRAYS}
    try:
        shapes = write_arrays(paths, arrays(), len(images))
    except (FloatingPointError, OverflowError) as error:
        raise Unusable(str(error), "leave it out") from error
    speed = passed.images_per_second()
    print(f"{candidate.label}: {speed:.1f} images a second in the network, on {where.type}")
    return {
        **of(candidate),
        "input": [3, *network.side],
        "parameters": costs.parameters,
        "parameters_without_classifier": costs.parameters_without_classifier,
        "multiply_adds": costs.multiply_adds,
        **network.facts,
        "notes": network.notes,
        "images": len(images),
        "shapes": shapes,
        "arrays": {name: sha256(paths[name]) for name in shapes},
        "images_per_second": speed,
        "seconds": {
            "loading": loaded - started,
            "network": passed.seconds,
            "all": perf_counter() - started,
        },
        "batch": passed.batch,
        "device": device_name(where),
        "threads": threads,
    }


def clear(folder: Path) -> None:
    """Remove the arrays in a folder, whole ones and what a killed process left of others."""
    for name in ARRAYS:
        path = folder / f"{name}.npy"
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
        "control": candidate.control.slug,
        "failed": None,
        "remedy": None,
        "versions": _versions(candidate),
    }


def _versions(candidate: Candidate) -> dict[str, str]:
    packages = PACKAGES[candidate.library]
    try:
        return versions.of(packages)
    except PackageNotFoundError:  # timm, which is then why the candidate fails
        return versions.of(packages[:-1])


BROKEN = "the weights are damaged, or are those of another architecture"
