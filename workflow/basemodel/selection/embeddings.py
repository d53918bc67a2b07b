"""Embeddings that the user has: an array with a row for each row of the table of labels.

Nothing else is known of such a candidate: no network, and so no untrained baseline.
"""

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from basemodel.files import printable, sha256, write_npy
from basemodel.models.checkpoint import AGAIN, start_of
from basemodel.models.failures import Unusable
from basemodel.selection.card import of
from basemodel.selection.names import Candidate

MAGIC, LFS = b"\x93NUMPY", b"version https://git-lfs"
AT_ONCE = 1024  # rows
PULL = "`git lfs pull` in its repository downloads it"
SAVE = "save it with numpy.save(FILE, array.astype('float32'))"
NOTE = "embeddings of yours: no network, and no untrained baseline, is known of them"


def read(file: str, rows: int) -> np.ndarray:
    """The embeddings in an .npy, a memory map [rows, D] of floats, all of them finite in float32.

    `rows`: how many the table of labels has. Raises Unusable if the file is anything else; no
    pickle is read.
    """
    path, name = Path(file).expanduser(), printable(file, 200)
    start = start_of(path, name)
    if start.startswith(LFS):
        raise Unusable(f"{name} is a pointer of Git LFS, not the array", PULL)
    if not start.startswith(MAGIC):
        raise Unusable(f"{name} is not an array that numpy.save wrote", SAVE)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if "Python objects" in str(error):
            raise Unusable(f"{name} holds Python objects, not numbers", SAVE) from error
        raise Unusable(f"{name} is cut off or damaged", AGAIN) from error
    if array.ndim != 2 or not array.size:
        shape = ", ".join(map(str, array.shape))
        raise Unusable(f"{name} has the shape [{shape}], not [rows, values]", SAVE)
    if len(array) != rows:
        raise Unusable(
            f"{name} has {len(array):,} rows, and the table of labels {rows:,}",
            "give each row of the table one, in the table's order",
        )
    if array.dtype.kind != "f":
        raise Unusable(f"{name} holds {array.dtype}, not floats", SAVE)
    for start in range(0, rows, AT_ONCE):
        bad = ~np.isfinite(_float32(array[start : start + AT_ONCE])).all(axis=1)
        if bad.any():
            row = start + int(bad.argmax())
            raise Unusable(
                f"{name} has a value that is not finite, in row {row} (from 0)",
                "compute it again, or leave the row out of it and of the table",
            )
    return array


def take(candidate: Candidate, chosen: Mapping[str, Any], output: Path) -> dict[str, Any]:
    """Write the rows of the probe images, float32 [n, D], and return the card.

    `chosen`: images.json, of a table. Raises Unusable as `read`, files.DiskFull.
    """
    started = perf_counter()
    array = read(candidate.file, chosen["rows"])
    taken = _float32(array[[image["row"] for image in chosen["probe"]]])
    write_npy(output, taken)
    unknown = (
        "input", "parameters", "parameters_without_classifier", "multiply_adds", "licence",
        "source_classes", "imagenet_top1", "images_per_second", "batch", "device", "threads",
    )  # fmt: skip
    return {
        **of(candidate),
        **dict.fromkeys(unknown),
        "weights": candidate.file,
        "sha256": sha256(candidate.file),
        "notes": [NOTE],
        "images": len(taken),
        "shapes": {"embeddings": list(taken.shape)},
        "arrays": {"embeddings": sha256(output)},
        "seconds": {"loading": 0.0, "network": 0.0, "all": perf_counter() - started},
    }


def _float32(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is told
        return values.astype(np.float32)
