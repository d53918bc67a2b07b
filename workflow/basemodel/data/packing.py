"""Decode many image files into one array file, in parallel, and resume where a killed job stopped.

Decoding runs in threads, which need no pickling and no second Python process: Pillow releases the
interpreter's lock while it decodes and resizes. A JPEG of 500 x 375 pixels takes 2.8 ms of
processor time, at most 0.4 ms of it with the lock (measured), so about seven threads are useful.
Memory holds one chunk per thread and the file names: rows are written to the file, never mapped.

While `images.npy` is being packed, there are next to it

* `.images.npy.part`: the array, with a row for each file;
* `.images.npy.good.part`: if some files hold no image, the array without their rows;
* `.images.npy.packing/identity.json`: what all rows depend on; if it differs, all are redone;
* `.images.npy.packing/START.json` for each finished chunk of rows, written once they are on disk:
  the stamp of the files that they were read from, and which of them hold no image, with reasons;
* `.images.npy.packing/sha256`: of the elements of the finished array.

None of them is a declared output: those of a job that was killed are deleted by Snakemake. So the
finished array is a hard link to the one here, which is kept until all other outputs exist too.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from basemodel.data.decode import Undecodable, square
from basemodel.data.listing import DataError
from basemodel.files import (
    in_bytes,
    npy_header,
    read_json,
    shown,
    temporary,
    write_json,
    write_text,
)

CHUNK = 32  # rows that are written and recorded together: 6 MB at 256 x 256


def check_room(folder: Path, rows: int, side: int) -> None:
    """Raise DataError if the disk has no room for the rows, counting those a killed job left."""
    needed = rows * side * side * 3
    there = sum(file.stat().st_blocks * 512 for file in folder.rglob(".images.npy.part"))
    free = shutil.disk_usage(folder).free + there
    if free < needed:
        raise DataError(
            f"{folder}: {in_bytes(needed)} are needed, {in_bytes(needed - free)} more than are "
            "free; make room, or put `results` on another disk"
        )


def fill(
    path: Path, root: Path, files: list[str], side: int, code: str, threads: int, drop: bool
) -> dict[int, str]:
    """Write the rows of all files to the unfinished array of `path`, uint8 [N, side, side, 3].

    `files`: relative to `root`. `code`: a fingerprint of the decoding code. Returns the rows that
    hold no image, with the reasons as printable text. Unless these are to be dropped (`drop`), the
    next attempt tries them again. Raises OSError if a file cannot be read.
    """
    header = npy_header((len(files), side, side, 3), np.uint8)
    row_size = side * side * 3
    identity = {
        "root": os.path.realpath(root), "side": side, "code": code, "rows": len(files),
        "chunk": CHUNK,
    }  # fmt: skip
    _begin(path, identity, header, len(header) + len(files) * row_size)
    chunks = {start: files[start : start + CHUNK] for start in range(0, len(files), CHUNK)}
    part = temporary(path).open("r+b")

    def kept(start: int) -> dict[int, str] | None:
        return _kept(path, start, root, chunks[start], drop)

    def decode(start: int) -> tuple[str, dict[int, str]]:
        # Before they are read: a file that is written to meanwhile gets another stamp.
        stamp = _stamp(root, chunks[start])
        rows = np.zeros((len(chunks[start]), side, side, 3), np.uint8)
        bad = {}
        for at, file in enumerate(chunks[start]):
            try:
                rows[at] = square(root / file, side)
            except Undecodable as error:
                bad[start + at] = shown(str(error))
        _write(part.fileno(), rows, len(header) + start * row_size)
        return stamp, bad

    with part, ThreadPoolExecutor(threads, "decode") as pool:
        found = dict(zip(chunks, pool.map(kept, chunks), strict=True))
        todo = [start for start, bad in found.items() if bad is None]
        done = len(chunks) - len(todo)
        if done:
            print(f"{path}: resuming after {done} of {len(chunks)} chunks", flush=True)
        if todo:
            _sha256(path).unlink(missing_ok=True)
        try:
            for start, (stamp, bad) in zip(todo, pool.map(decode, todo), strict=True):
                os.fdatasync(part.fileno())
                record(path, start, stamp, bad)
                found[start] = bad
                done += 1
                if done * 20 // len(chunks) > (done - 1) * 20 // len(chunks):  # each twentieth
                    print(f"{path}: {done} of {len(chunks)} chunks", flush=True)
        finally:
            pool.shutdown(cancel_futures=True)
    return {row: reason for bad in found.values() for row, reason in bad.items()}


def record(path: Path, start: int, stamp: str, bad: dict[int, str]) -> None:
    """Note that the chunk of rows from `start` is on disk."""
    note = json.dumps({"stamp": stamp, "bad": bad})
    _note(path, start).write_text(note, encoding="utf-8")


def complete(path: Path, bad: Collection[int]) -> str:
    """Leave out the rows that hold no image; return the SHA-256 of the remaining elements.

    The checksum is recorded, so that after a later kill the array is not read a second time.
    """
    if _sha256(path).is_file() and _finished(path, bad).is_file():
        return _sha256(path).read_text(encoding="utf-8")
    if bad:
        _leave_out(path, bad)
    sha256 = checksum(_finished(path, bad))
    write_text(_sha256(path), sha256)
    return sha256


def publish(path: Path, bad: Collection[int]) -> None:
    """Give the array its final name, keeping what is needed to resume after a kill."""
    path.unlink(missing_ok=True)
    try:
        os.link(_finished(path, bad), path)
    except OSError:  # a file system without hard links
        _finished(path, bad).replace(path)


def clear(path: Path) -> None:
    """Remove what a killed job would have needed."""
    for left in path.parent.glob(f".{path.name}.*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def checksum(path: Path) -> str:
    """SHA-256 of an array's elements, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        while piece := file.read(1 << 22):
            digest.update(piece)
    return digest.hexdigest()


def _begin(path: Path, identity: dict, header: bytes, size: int) -> None:
    """Make an empty array, unless an earlier attempt left one of the same identity."""
    notes, part = _notes(path), temporary(path)
    left = notes.is_dir()
    try:
        if read_json(notes / "identity.json") == identity and part.stat().st_size == size:
            return
    except (OSError, ValueError):  # none, or no whole one
        pass
    if left:
        print(f"{path}: starts anew, for other files, settings or code", flush=True)
        shutil.rmtree(notes)
    notes.mkdir(parents=True)
    with part.open("wb") as file:
        file.write(header)
        file.truncate(size)
    write_json(notes / "identity.json", identity)


def _kept(
    path: Path, start: int, root: Path, files: list[str], drop: bool
) -> dict[int, str] | None:
    """The rows without an image of a chunk that need not be decoded again, else None."""
    try:
        note = read_json(_note(path, start))
        if note["stamp"] == _stamp(root, files) and (drop or not note["bad"]):
            return {int(row): reason for row, reason in note["bad"].items()}
    except (OSError, ValueError):  # not finished, or decoding will report what is wrong
        pass
    return None


def _stamp(root: Path, files: list[str]) -> str:
    """A hash of the names, sizes and time stamps of files below `root`.

    Raises OSError for a missing file.
    """
    digest = hashlib.sha256()
    for file in files:
        status = (root / file).stat()
        digest.update(b"%d %d " % (status.st_size, status.st_mtime_ns) + os.fsencode(file) + b"\0")
    return digest.hexdigest()


def _notes(path: Path) -> Path:
    return path.with_name(f".{path.name}.packing")


def _note(path: Path, start: int) -> Path:
    return _notes(path) / f"{start}.json"


def _sha256(path: Path) -> Path:
    return _notes(path) / "sha256"


def _finished(path: Path, bad: Collection[int]) -> Path:
    return path.with_name(f".{path.name}.good.part") if bad else temporary(path)


def _leave_out(path: Path, bad: Collection[int]) -> None:
    """Copy the good rows in chunks."""
    rows = np.load(temporary(path), mmap_mode="r")
    good = np.setdiff1d(np.arange(len(rows)), list(bad))
    with _finished(path, bad).open("wb") as file:
        file.write(npy_header((len(good), *rows.shape[1:]), np.uint8))
        for start in range(0, len(good), CHUNK):
            file.write(rows[good[start : start + CHUNK]].tobytes())
        file.flush()
        os.fsync(file.fileno())


def _write(descriptor: int, rows: np.ndarray, offset: int) -> None:
    rest = memoryview(rows).cast("B")
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
