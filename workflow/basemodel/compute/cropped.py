"""Images as a preprocessing crops them, kept for all that crop alike until a ranking is done.

A way of cropping has one file, a .npy of rows {sha256, image}: the file of an image by its bytes,
and its pixels. It holds whatever images its writer met, in any order.
"""

import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from basemodel import files
from basemodel.models.preprocessing import Preprocessing

Add = Callable[[str, Tensor], None]  # the SHA-256 of a file, and its image, uint8 [3, H, W]


def kept_at(folder: Path, preprocessing: Preprocessing) -> Path:
    """Where images are kept as this preprocessing crops them."""
    known = hashlib.sha256()
    for fact in (str(preprocessing.transform), version("pillow"), version("torchvision")):
        known.update(f"{fact}\n".encode())
    return folder / f"{known.hexdigest()[:16]}.npy"


def read(path: Path, wanted: Sequence[str], size: int) -> Iterator[Tensor] | None:
    """Images by their SHA-256, `size` at a time, uint8 [n, 3, H, W]; None if not all are there."""
    if not path.is_file():
        return None
    kept = np.load(path, mmap_mode="r")
    rows = {sha256.decode(): row for row, sha256 in enumerate(kept["sha256"])}
    if not rows.keys() >= set(wanted):
        return None
    order = np.array([rows[each] for each in wanted])
    parts = (order[start : start + size] for start in range(0, len(order), size))
    return (torch.from_numpy(kept["image"][part]) for part in parts)


@contextmanager
def writing(path: Path, side: tuple[int, int]) -> Iterator[Add]:
    """What adds an image to a new file, from any thread; in its place at the end, if no error.

    Several processes may do so at once: each writes a file of its own, and the last one stays.
    Raises files.DiskFull.
    """
    row = np.dtype([("sha256", "S64"), ("image", np.uint8, (3, *side))])
    own, numbers = path.with_name(f"{path.stem}-{os.getpid()}.npy"), itertools.count()
    start = len(files.npy_header((0,), row))  # numpy leaves room for any number
    with files.whole(own) as part, part.open("wb") as file:

        def add(sha256: str, image: Tensor) -> None:
            content = np.array((sha256, image.numpy()), row).tobytes()
            os.pwrite(file.fileno(), content, start + next(numbers) * row.itemsize)

        yield add
        os.pwrite(file.fileno(), files.npy_header((next(numbers),), row), 0)
    own.replace(path)


@contextmanager
def writing_all(
    folder: Path, preprocessings: Iterable[Preprocessing]
) -> Iterator[Callable[[Image.Image, str], None]]:
    """What keeps an upright RGB image, and its file's SHA-256, in each of these ways."""
    with ExitStack() as stack:
        ways = [
            (each, stack.enter_context(writing(kept_at(folder, each), each.side)))
            for each in preprocessings
        ]

        def keep(image: Image.Image, sha256: str) -> None:
            for preprocessing, add in ways:
                try:
                    cropped = preprocessing.transform(image)
                except Exception:  # whoever needs it crops for itself, and tells
                    continue
                add(sha256, cropped)

        yield keep
