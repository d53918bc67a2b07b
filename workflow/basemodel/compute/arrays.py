"""Arrays of a network's outputs, written batch by batch."""

import itertools
import math
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from torch import Tensor

from basemodel import files


def write_arrays(
    outputs: Mapping[str, str | Path], batches: Iterable[Mapping[str, np.ndarray]], rows: int
) -> dict[str, tuple[int, ...]]:
    """Write one .npy per array that the first batch has; the batches together have `rows` rows.

    `outputs`: paths by the arrays' names. Returns the shapes. Raises files.DiskFull after the first
    batch, before the others are computed.
    """
    batches = iter(batches)
    first = next(batches)
    shapes = {name: (rows, *array.shape[1:]) for name, array in first.items()}
    with ExitStack() as stack:
        open_files = {}
        for name, shape in shapes.items():
            header = files.npy_header(shape, first[name].dtype)
            size = len(header) + math.prod(shape) * first[name].itemsize
            # Written, not mapped: a process dies silently if the disk is full under a memory map.
            part = stack.enter_context(files.whole(outputs[name], size))
            open_files[name] = stack.enter_context(part.open("r+b"))
            open_files[name].write(header)
        for batch in itertools.chain([first], batches):
            for name, array in batch.items():
                open_files[name].write(array.tobytes())
    print(", ".join(f"{name} {shape}" for name, shape in shapes.items()))
    return shapes


def checked(name: str, tensor: Tensor, dtype: str, remedy: str) -> np.ndarray:
    """The array as `dtype`. Raises FloatingPointError, with the remedy, if a value is not finite,
    OverflowError for one beyond the end of `dtype`."""
    array = tensor.float().cpu().numpy()
    if not np.isfinite(array).all():
        raise FloatingPointError(f"{name} are not finite: {remedy}")
    limit = np.finfo(dtype).max
    if np.abs(array).max() > limit:
        raise OverflowError(
            f"a featuremap has the value {np.abs(array).max():g}, and {dtype} ends at {limit:g}: "
            "set probe.dtype to float32"
        )
    return array.astype(dtype, copy=False)
