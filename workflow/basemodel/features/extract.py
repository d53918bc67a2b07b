"""Featuremaps on disk: one .npy [n, C, H, W], float32 or float16, a network and data set."""

import itertools
import math
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import nn

from basemodel.data import packed
from basemodel.features.feeding import Streamed
from basemodel.files import whole
from basemodel.training.augmentation import centre_crop
from basemodel.training.loop import apply, device, seed_everything
from basemodel.training.loss_watch import DIVERGED


def write(
    path: str | Path,
    trunk: nn.Module,
    split: str | Path,
    rows: str | Path,
    crop: int,
    dtype: str = "float32",
) -> None:
    """Write what `trunk` gives for the images of a packed split that the .npy `rows` lists.

    Batch by batch: at paper scale a dump is larger than a laptop's memory. The network computes in
    float32; float16 halves the file and rounds to 11 binary digits. Raises OverflowError for a
    value beyond float16's 65,504, FloatingPointError for one that is not finite, ValueError if
    there are no images, and files.DiskFull before all but the first batch is computed.
    """
    seed_everything(0)  # nothing is drawn: this asks for deterministic kernels
    where = device()
    trunk = trunk.eval().to(where, memory_format=torch.channels_last)
    images, _ = packed.load(split)
    probe = Streamed(images, np.load(rows))
    if not len(probe):
        raise ValueError(f"{rows}: no images")
    batches = apply(lambda batch: trunk(centre_crop(batch, crop)).float().cpu(), probe, where)
    first = next(batches)
    shape = (len(probe), *first.shape[1:])
    header = _header(shape, dtype)
    size = len(header) + math.prod(shape) * np.dtype(dtype).itemsize
    # Written, not mapped: a process that finds no room behind a memory map dies without a word.
    with whole(path, size) as part, part.open("r+b") as file:
        file.write(header)
        for maps in itertools.chain([first], batches):
            file.write(_rounded(maps.numpy(), dtype).tobytes())
    print(f"featuremaps {shape}")


def _header(shape: tuple[int, ...], dtype: str) -> bytes:
    """The bytes that numpy.save puts before the elements."""
    file = BytesIO()
    described = np.lib.format.dtype_to_descr(np.dtype(dtype))
    np.lib.format.write_array_header_1_0(
        file, {"descr": described, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


def _rounded(maps: np.ndarray, dtype: str) -> np.ndarray:
    limit = np.finfo(dtype).max
    if not np.isfinite(maps).all():
        raise FloatingPointError(f"featuremaps are not finite: {DIVERGED} of the base model")
    if np.abs(maps).max() > limit:
        raise OverflowError(
            f"a featuremap has the value {np.abs(maps).max():g}, and {dtype} ends at {limit:g}: "
            "set probe.dtype to float32"
        )
    return maps.astype(dtype, copy=False)
