"""Decode many image files into one array file, in parallel, and resume where a killed job stopped.

Decoding runs in threads, which need no pickling and no second Python process: Pillow releases the
interpreter's lock while it decodes and resizes. A JPEG of 500 x 375 pixels takes 2.8 ms of
processor time, at most 0.4 ms of it with the lock (measured), so about seven threads are useful.
Memory holds one chunk per thread and the file names: rows are written to the file, never mapped.

While `images.npy` is being packed, there is a folder `.images.npy.packing` next to it, with

* `rows.npy`: the array, with a row for each file;
* `identity.json`: what all rows depend on; if it differs, all are redone;
* `START.json` for each finished chunk of rows, written once they are on disk: the stamp of the
  files that they were read from, and which of them hold no image, with reasons.

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
from basemodel.files import in_bytes, npy_header, read_json, shown, whole, write_json

CHUNK = 32  # rows that are written and recorded together: 6 MB at 256 x 256


def check_room(folder: Path, rows: int, side: int) -> None:
    """Raise DataError if the disk has no room for the rows, counting those a killed job left."""
    needed = rows * side * side * 3
    there = sum(file.stat().st_blocks * 512 for file in folder.rglob(".images.npy.*/rows.npy"))
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

    def kept(start: int) -> dict[int, str] | None:
        return _kept(_note(path, start), root, chunks[start], drop)

    def decode(start: int) -> dict[int, str]:
        # Before they are read: a file that is written to meanwhile gets another stamp.
        stamp = _stamp(root, chunks[start])
        rows = np.zeros((len(chunks[start]), side, side, 3), np.uint8)
        bad = {}
        for at, file in enumerate(chunks[start]):
            try:
                rows[at] = square(root / file, side)
            except Undecodable as error:
                bad[start + at] = shown(str(error))
        with _rows(path).open("r+b") as file:
            file.seek(len(header) + start * row_size)
            file.write(rows)
            file.flush()
            os.fdatasync(file.fileno())
        record(path, start, stamp, bad)
        return bad

    with ThreadPoolExecutor(threads, "decode") as pool:
        found = dict(zip(chunks, pool.map(kept, chunks), strict=True))
        todo = [start for start, bad in found.items() if bad is None]
        done = len(chunks) - len(todo)
        if done:
            print(f"{path}: resuming after {done} of {len(chunks)} chunks", flush=True)
        try:
            for start, bad in zip(todo, pool.map(decode, todo), strict=True):
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


def publish(path: Path, bad: Collection[int]) -> str:
    """Give the array its final name, without the rows that hold no image (`bad`).

    What is needed to resume after a kill is kept. Returns the SHA-256 of its elements.
    """
    path.unlink(missing_ok=True)
    if bad:
        _copy_without(path, bad)
    else:
        try:
            os.link(_rows(path), path)
        except OSError:  # a file system without hard links
            _rows(path).replace(path)
    return checksum(path)


def clear(path: Path) -> None:
    """Remove what a killed job would have needed, and what an earlier version left."""
    for left in path.parent.glob(f".{path.name}.*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def checksum(path: Path) -> str:
    """SHA-256 of an array's elements, read in pieces."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _begin(path: Path, identity: dict, header: bytes, size: int) -> None:
    """Make an empty array, unless an earlier attempt left one of the same identity."""
    folder, rows = _folder(path), _rows(path)
    try:
        if read_json(folder / "identity.json") == identity and rows.stat().st_size == size:
            return
    except (OSError, ValueError):  # none, or no whole one
        pass
    if folder.is_dir():
        print(f"{path}: starts anew, for other files, settings or code", flush=True)
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    with rows.open("wb") as file:
        file.write(header)
        file.truncate(size)
    write_json(folder / "identity.json", identity)


def _kept(note: Path, root: Path, files: list[str], drop: bool) -> dict[int, str] | None:
    """The rows without an image of a chunk that need not be decoded again, else None."""
    try:
        noted = read_json(note)
        if noted["stamp"] == _stamp(root, files) and (drop or not noted["bad"]):
            return {int(row): reason for row, reason in noted["bad"].items()}
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


def _copy_without(path: Path, bad: Collection[int]) -> None:
    """Copy the good rows in chunks."""
    rows = np.load(_rows(path), mmap_mode="r")
    good = np.setdiff1d(np.arange(len(rows)), list(bad))
    header = npy_header((len(good), *rows.shape[1:]), np.uint8)
    size = len(header) + len(good) * rows[0].nbytes
    with whole(path, size) as part, part.open("r+b") as file:
        file.write(header)
        for start in range(0, len(good), CHUNK):
            file.write(rows[good[start : start + CHUNK]])


def _folder(path: Path) -> Path:
    return path.with_name(f".{path.name}.packing")


def _rows(path: Path) -> Path:
    return _folder(path) / "rows.npy"


def _note(path: Path, start: int) -> Path:
    return _folder(path) / f"{start}.json"
