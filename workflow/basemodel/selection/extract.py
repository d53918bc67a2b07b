"""From a candidate and image files to arrays and a card."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from basemodel.compute import extract as compute
from basemodel.compute.cropped import kept_at
from basemodel.compute.device import allocated_device, device_name
from basemodel.compute.image_files import ImageFiles
from basemodel.compute.passing import Timed, batch_size, keep_freed_memory, out_of_memory
from basemodel.files import sha256
from basemodel.models.failures import Unusable
from basemodel.models.fused import fuse
from basemodel.models.load import load
from basemodel.selection.card import of
from basemodel.selection.names import Candidate


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
    which is images.json. `models`: the folder of base models; `kept`: the folder of images that are
    cropped already; `allocated`: the arguments of `allocated_device`, whose error this raises;
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
    place = kept_at(kept, model.preprocessing)
    crops = ImageFiles(images, model.preprocessing, size, threads, place, known).batches()
    forward = Timed(model.forward, where)
    try:
        fuse(model)
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
