"""Featuremaps on disk: one .npy [n, C, H, W], float32 or float16, a network and data set."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from basemodel.augmentation import centre_crop
from basemodel.data import packed
from basemodel.feeding import Streamed
from basemodel.files import whole
from basemodel.training import EVALUATION_BATCH, apply, device, seed_everything


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
    value beyond float16's 65,504.
    """
    seed_everything(0)  # nothing is drawn: this asks for deterministic kernels
    where = device()
    trunk = trunk.eval().to(where, memory_format=torch.channels_last)
    images, _ = packed.load(split)
    probe = Streamed(images, np.load(rows))
    dump = None
    with whole(path) as part:
        maps_of = apply(lambda batch: trunk(centre_crop(batch, crop)).float().cpu(), probe, where)
        for number, maps in enumerate(maps_of):
            if dump is None:
                shape = (len(probe), *maps.shape[1:])
                dump = np.lib.format.open_memmap(part, mode="w+", dtype=dtype, shape=shape)
            start = number * EVALUATION_BATCH
            dump[start : start + len(maps)] = _rounded(maps.numpy(), dtype)
        dump.flush()
    print(f"featuremaps {dump.shape}")


def _rounded(maps: np.ndarray, dtype: str) -> np.ndarray:
    limit = np.finfo(dtype).max
    if np.isfinite(maps).all() and np.abs(maps).max() > limit:
        raise OverflowError(
            f"a featuremap has the value {np.abs(maps).max():g}, and {dtype} ends at {limit:g}: "
            "set probe.dtype to float32"
        )
    return maps.astype(dtype, copy=False)
