"""Decode many image files into one array file, in parallel, and resume where a killed job stopped.

Decoding runs in threads, which need no pickling and no second Python process: Pillow releases the
interpreter's lock while it decodes and resizes. A JPEG of 500 x 375 pixels takes 2.8 ms of
processor time, at most 0.4 ms of it with the lock (measured), so about seven threads are useful.
Memory holds one chunk per thread and the file names: rows are written to the file, never mapped.
"""

import os
import shutil
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from basemodel.data import journal
from basemodel.data.decode import Undecodable, square
from basemodel.data.listing import DataError
from basemodel.files import in_bytes, npy_header, shown

CHUNK = 32  # rows that are written and recorded together: 6 MB at 256 x 256
AHEAD = 2  # chunks queued per thread, so that no thread waits for another's disk access


class UndecodableFiles(Exception):
    """Files whose content is not an image: `files` holds (file, reason), as printable text."""

    def __init__(self, files: list[tuple[str, str]]):
        super().__init__(f"{len(files)} files cannot be decoded")
        self.files = files


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

    With `drop`, returns the rows that hold no image, with the reasons. Otherwise raises
    UndecodableFiles with those found so far; finished chunks are kept for the next attempt.
    `code`: a fingerprint of the decoding code.
    """
    header = npy_header((len(files), side, side, 3), np.uint8)
    total = -(-len(files) // CHUNK)
    waiting: deque[tuple[int, Future]] = deque()
    found = {}
    with ThreadPoolExecutor(threads, "decode") as pool:
        kept = _resume(path, root, files, side, code, drop, pool)
        done = {note["start"] for note in kept}
        chunks = [start for start in range(0, len(files), CHUNK) if start not in done]
        with journal.part(path).open("r+b") as part:

            def decode(start: int) -> tuple[str, dict[int, str]]:
                of_chunk = files[start : start + CHUNK]
                # Before they are read: a file that is written to meanwhile gets another stamp.
                stamp = journal.stamp(root, of_chunk)
                rows = np.zeros((len(of_chunk), side, side, 3), np.uint8)
                unreadable = {}
                for at, file in enumerate(of_chunk):
                    try:
                        rows[at] = square(root / file, side)
                    except Undecodable as error:
                        unreadable[start + at] = shown(str(error))
                _write(part.fileno(), rows, len(header) + start * side * side * 3)
                return stamp, unreadable

            def note() -> None:
                start, future = waiting.popleft()
                stamp, unreadable = future.result()
                found.update(unreadable)
                if unreadable and not drop:
                    return  # decoded again next time: the files may have been repaired
                os.fdatasync(part.fileno())
                journal.add(path, {"start": start, "stamp": stamp, "bad": unreadable})
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
        raise UndecodableFiles([(shown(files[row]), found[row]) for row in sorted(found)])
    earlier = {int(row): reason for note in kept for row, reason in note["bad"].items()}
    return dict(sorted({**earlier, **found}.items()))


def _resume(
    path: Path,
    root: Path,
    files: list[str],
    side: int,
    code: str,
    drop: bool,
    pool: ThreadPoolExecutor,
) -> list[dict]:
    """The notes on chunks that an earlier attempt left; if there are none, make an empty array."""
    identity = {
        "root": os.path.realpath(root), "side": side, "code": code, "rows": len(files),
        "chunk": CHUNK,
    }  # fmt: skip
    header = npy_header((len(files), side, side, 3), np.uint8)
    size = len(header) + len(files) * side * side * 3
    part, notes = journal.part(path), journal.read(path)
    same = notes and notes[0] == identity and part.is_file() and part.stat().st_size == size
    if not same:
        if notes:
            print(f"{path}: starts anew, for other files, settings or code", flush=True)
        journal.journal(path).unlink(missing_ok=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(header)
            file.truncate(size)
        notes = [identity]

    def unchanged(note: dict) -> bool:
        try:
            of_chunk = files[note["start"] : note["start"] + CHUNK]
            return note["stamp"] == journal.stamp(root, of_chunk)
        except OSError:  # decoding will report what is wrong
            return False

    chunks = [note for note in notes[1:] if "start" in note]
    kept = [note for note, same in zip(chunks, pool.map(unchanged, chunks), strict=True) if same]
    kept = [note for note in kept if drop or not note["bad"]]
    total = -(-len(files) // CHUNK)
    rest = [note for note in notes[1:] if "start" not in note] if len(kept) == total else []
    journal.begin(path, [identity, *kept, *rest])
    if kept:
        print(f"{path}: resuming after {len(kept)} of {total} chunks", flush=True)
    return kept


def _write(descriptor: int, rows: np.ndarray, offset: int) -> None:
    rest = memoryview(rows).cast("B")
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
