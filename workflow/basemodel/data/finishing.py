"""Turn a filled array into the finished one, losing nothing if the job is killed meanwhile.

Snakemake deletes the outputs of an unfinished job. So the finished array is a hard link to the
filled one, which is kept with its journal until all other outputs exist too.
"""

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from basemodel.data import journal
from basemodel.data.filling import CHUNK
from basemodel.files import npy_header


def complete(path: Path, bad: Collection[int]) -> str:
    """Leave out the rows that hold no image; return the SHA-256 of the remaining elements.

    The checksum is recorded, so that after a later kill the array is not read a second time.
    """
    noted = journal.checksum(path)
    if noted and _filled(path, bad).is_file():
        return noted
    if bad:
        _leave_out(path, bad)
    sha256 = checksum(_filled(path, bad))
    journal.add(path, {"sha256": sha256})
    return sha256


def publish(path: Path, bad: Collection[int]) -> None:
    """Give the array its final name, keeping what is needed to resume after a kill."""
    path.unlink(missing_ok=True)
    try:
        os.link(_filled(path, bad), path)
    except OSError:  # a file system without hard links
        _filled(path, bad).replace(path)


def clear(path: Path) -> None:
    """Remove what a killed job would have needed."""
    for left in (journal.part(path), journal.good(path), journal.journal(path)):
        left.unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """SHA-256 of an array's elements, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        while piece := file.read(1 << 22):
            digest.update(piece)
    return digest.hexdigest()


def _filled(path: Path, bad: Collection[int]) -> Path:
    return journal.good(path) if bad else journal.part(path)


def _leave_out(path: Path, bad: Collection[int]) -> None:
    """Copy the good rows in chunks."""
    rows = np.load(journal.part(path), mmap_mode="r")
    good = np.setdiff1d(np.arange(len(rows)), list(bad))
    with journal.good(path).open("wb") as file:
        file.write(npy_header((len(good), *rows.shape[1:]), np.uint8))
        for start in range(0, len(good), CHUNK):
            file.write(rows[good[start : start + CHUNK]].tobytes())
        file.flush()
        os.fsync(file.fileno())
