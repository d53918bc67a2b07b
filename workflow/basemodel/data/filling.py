"""Decode many image files into one array file, in parallel, and go on where a killed job stopped.

While it is being filled the array is `.images.npy.part`; beside it `.images.npy.journal` lists the
finished chunks of rows. Neither is a declared output, so Snakemake lets both be. A chunk is noted
only once its rows are on the disk. The journal begins with a key of all that decides the pixels;
with another key, everything starts anew.

Decoding is done in threads, which need no pickling and no second Python: Pillow gives up the
interpreter's lock while it decodes and resizes. A JPEG of 500 x 375 pixels takes 2.8 ms of
processor time, at most 0.4 of them with the lock (measured), so about seven threads are of use.
Memory: one chunk a thread and the files' names, for rows are written to the file and never mapped.
"""

import hashlib
import json
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np

from basemodel.data.decode import Undecodable, square
from basemodel.files import whole

CHUNK = 32  # rows that are written and noted together: 6 MB at 256 x 256
AHEAD = 2  # chunks handed out for each thread, so that none waits for another's disk


class UndecodableFiles(Exception):
    """Files whose content is no image: `files` has (file, reason)."""

    def __init__(self, files: list[tuple[str, str]]):
        super().__init__(f"{len(files)} files cannot be decoded")
        self.files = files


def key(files: list[str], side: int, code: str) -> str:
    """What an unfinished array must have been made from for the work to go on."""
    digest = hashlib.sha256(json.dumps([side, code]).encode())
    for file in files:
        digest.update(b"\0" + os.fsencode(file))
    return digest.hexdigest()


def fill(
    path: Path, root: Path, files: list[str], side: int, code: str, threads: int, drop: bool
) -> dict[int, str]:
    """Write the rows of all files to the unfinished array of `path`, uint8 [N, side, side, 3].

    Returns the rows that hold no image, with the reasons, if `drop`; else raises UndecodableFiles
    with all that were found up to then, and what is done already is kept for the next attempt.
    `code`: a fingerprint of the decoding code.
    """
    identity = {"key": key(files, side, code), "rows": len(files), "side": side, "chunk": CHUNK}
    header = _header((len(files), side, side, 3))
    bad, done = _resume(path, identity, header, drop)
    total = -(-len(files) // CHUNK)
    chunks = [start for start in range(0, len(files), CHUNK) if start not in done]
    found = {}
    waiting: deque[tuple[int, Future]] = deque()
    with (
        _part(path).open("r+b") as part,
        _journal(path).open("a", encoding="utf-8") as journal,
        ThreadPoolExecutor(threads, "decode") as pool,
    ):

        def decode(start: int) -> dict[int, str]:
            rows = np.zeros((min(CHUNK, len(files) - start), side, side, 3), np.uint8)
            unreadable = {}
            for at, file in enumerate(files[start : start + CHUNK]):
                try:
                    rows[at] = square(root / file, side)
                except Undecodable as error:
                    unreadable[start + at] = str(error)
            _write(part.fileno(), rows, len(header) + start * side * side * 3)
            return unreadable

        def note() -> None:
            start, future = waiting.popleft()
            unreadable = future.result()
            found.update(unreadable)
            if unreadable and not drop:
                return  # decoded again next time: the files may have been repaired
            os.fdatasync(part.fileno())
            journal.write(json.dumps({"start": start, "bad": unreadable}) + "\n")
            journal.flush()
            done.add(start)
            if len(done) * 20 // total > (len(done) - 1) * 20 // total:  # at each twentieth
                print(f"{path}: {len(done)} of {total} chunks", flush=True)

        try:
            for start in chunks:
                if len(waiting) == AHEAD * threads:
                    note()
                if found and not drop:
                    break
                waiting.append((start, pool.submit(decode, start)))
            while waiting:
                note()
        finally:
            pool.shutdown(cancel_futures=True)
    if found and not drop:
        raise UndecodableFiles([(files[row], found[row]) for row in sorted(found)])
    return dict(sorted({**bad, **found}.items()))


def finish(path: Path, bad: dict[int, str]) -> None:
    """Make the filled array the finished one, without the rows that hold no image."""
    if bad:
        _leave_out(path, bad)
    else:
        _part(path).replace(path)
    for left in (_part(path), _copy(path), _journal(path)):
        left.unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """SHA-256 of an array's elements, read piece by piece."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        while piece := file.read(1 << 22):
            digest.update(piece)
    return digest.hexdigest()


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _journal(path: Path) -> Path:
    return path.with_name(f".{path.name}.journal")


def _copy(path: Path) -> Path:
    return path.with_name(f".{path.name}.good.part")


def _header(shape: tuple[int, ...]) -> bytes:
    """The bytes that numpy.save puts before the elements."""
    file = BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


def _resume(
    path: Path, identity: dict, header: bytes, drop: bool
) -> tuple[dict[int, str], set[int]]:
    """The bad rows and the chunks of an earlier attempt, or none and an empty array."""
    part, journal = _part(path), _journal(path)
    size = len(header) + identity["rows"] * identity["side"] ** 2 * 3
    notes = _notes(journal)
    same = notes and notes[0] == identity and part.is_file() and part.stat().st_size == size
    if not same:
        journal.unlink(missing_ok=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(header)
            file.truncate(size)
        notes = [identity]
    kept = [note for note in notes[1:] if drop or not note["bad"]]
    with whole(journal) as new:  # without a line that was being written when the job was killed
        new.write_text("".join(json.dumps(note) + "\n" for note in [identity, *kept]))
    if kept:
        total = -(-identity["rows"] // CHUNK)
        print(f"{path}: going on after {len(kept)} of {total} chunks", flush=True)
    bad = {int(row): reason for note in kept for row, reason in note["bad"].items()}
    return bad, {note["start"] for note in kept}


def _notes(journal: Path) -> list[dict]:
    notes = []
    if journal.is_file():
        for line in journal.read_text(encoding="utf-8").splitlines():
            try:
                notes.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return notes


def _write(descriptor: int, rows: np.ndarray, offset: int) -> None:
    rest = memoryview(rows).cast("B")
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def _leave_out(path: Path, bad: dict[int, str]) -> None:
    """Copy the good rows, chunk by chunk: the source stays whole until the copy is."""
    rows = np.load(_part(path), mmap_mode="r")
    good = np.setdiff1d(np.arange(len(rows)), list(bad))
    with _copy(path).open("wb") as file:
        file.write(_header((len(good), *rows.shape[1:])))
        for start in range(0, len(good), CHUNK):
            file.write(rows[good[start : start + CHUNK]].tobytes())
    _copy(path).replace(path)
