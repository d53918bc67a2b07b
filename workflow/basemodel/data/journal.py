"""The journal of an array that is being packed: a file next to it with one JSON note per line.

While the array is being packed it is `.images.npy.part`, and its journal `.images.npy.journal`.
Neither is a declared output, so Snakemake leaves both alone when a job is killed. The notes are

* what all rows depend on: the data root, the side, the code. If it differs, all rows are redone;
* {"start", "stamp", "bad"} for each finished chunk: its first row, the stamp of the files that it
  was read from, and the rows that hold no image. Written once the rows are on disk;
* {"sha256"} of the elements, once all are there and the bad rows have been left out.
"""

import hashlib
import json
import os
from pathlib import Path

from basemodel.files import temporary, whole


def part(path: Path) -> Path:
    """The array of `path` while it is being filled."""
    return temporary(path)


def good(path: Path) -> Path:
    """The copy of the array of `path` without the rows that hold no image."""
    return path.with_name(f".{path.name}.good.part")


def journal(path: Path) -> Path:
    return path.with_name(f".{path.name}.journal")


def read(path: Path) -> list[dict]:
    """The notes on the array of `path`, without one that a kill left incomplete."""
    notes = []
    if journal(path).is_file():
        for line in journal(path).read_text(encoding="utf-8").splitlines():
            try:
                notes.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return notes


def begin(path: Path, notes: list[dict]) -> None:
    """Replace all notes."""
    with whole(journal(path)) as new:
        new.write_text("".join(map(_line, notes)), encoding="utf-8")


def add(path: Path, note: dict) -> None:
    with journal(path).open("a", encoding="utf-8") as file:
        file.write(_line(note))


def checksum(path: Path) -> str | None:
    """The recorded SHA-256, or None."""
    return next((note["sha256"] for note in read(path) if "sha256" in note), None)


def stamp(root: Path, files: list[str]) -> str:
    """A hash of the names, sizes and time stamps of files below `root`.

    Raises OSError for a missing file.
    """
    digest = hashlib.sha256()
    for file in files:
        status = (root / file).stat()
        digest.update(b"%d %d " % (status.st_size, status.st_mtime_ns) + os.fsencode(file) + b"\0")
    return digest.hexdigest()


def _line(note: dict) -> str:
    return json.dumps(note) + "\n"  # in ASCII, whatever the file names
