"""What metrics are computed from: the outputs of one pass of images through a model."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from basemodel.compute.arrays import checked, write_arrays
from basemodel.compute.device import deterministic, device_name, named_memory
from basemodel.compute.feeding import Streamed
from basemodel.compute.passing import EVALUATION_BATCH, Pass, in_order
from basemodel.data import packed
from basemodel.models.model import Model
from basemodel.run import versions

CPU = torch.device("cpu")
Shapes = dict[str, tuple[int, ...]]


def extract(
    model: Model,
    images: Iterable[Tensor],
    count: int,
    outputs: Mapping[str, str | Path],
    dtype: str = "float32",
    where: torch.device = CPU,
    size: int = EVALUATION_BATCH,
) -> tuple[Shapes, int]:
    """Write what a model gives for images; return the arrays' shapes, and images at a time.

    `images`: batches of cropped images, uint8 [n, 3, H, W], `count` in all; at most `size` pass at
    a time, fewer when memory is short. `outputs`: a path of an .npy for each of model.OUTPUTS that
    is wanted; what the network does not have is not written. featuremaps are `dtype` [n, C, H, W];
    embeddings [n, D] and probabilities [n, Z] are float32. The network computes in float32, on the
    device `where`; float16 halves the file and rounds to 11 binary digits.

    It works batch by batch: at paper scale the featuremaps are larger than a laptop's memory.
    Raises OverflowError for a value beyond float16's 65,504, FloatingPointError for one that is not
    finite, and files.DiskFull after the first batch, before the others are computed; what torch
    raises if memory is too short for one image.
    """
    deterministic()
    model.to(where).module.eval()

    def arrays(batch: Tensor) -> dict[str, np.ndarray]:
        given = model.forward(model.preprocessing.normalise(batch.to(where)))
        dtypes = {name: dtype if name == "featuremaps" else "float32" for name in outputs}
        return {
            name: checked(name, given[name], dtypes[name], model.remedy)
            for name in outputs
            if name in given
        }

    passing = Pass(arrays, size)
    shapes = write_arrays(outputs, passing.over(images), count)
    return shapes, passing.size


@named_memory()
def extract_packed(
    model: Model,
    split: str | Path,
    rows: str | Path,
    outputs: Mapping[str, str | Path],
    dtype: str = "float32",
    where: torch.device = CPU,
) -> dict[str, Any]:
    """`extract` for images of a packed split; returns what a card says of it.

    `split`: its folder; `rows`: an .npy, int64 [n], of the images that are wanted. Raises
    ValueError if there are none, DeviceError if memory is too short for one image.
    """
    images = Streamed(packed.load(split)[0], np.load(rows))
    if not len(images):
        raise ValueError(f"{rows}: no images")
    crops = map(model.preprocessing.centre, in_order(images, where))
    shapes, _ = extract(model, crops, len(images), outputs, dtype, where)
    return {
        "shapes": shapes,
        "device": device_name(where),
        "precision": "float32",
        "versions": versions.of(versions.NETWORKS),
    }
