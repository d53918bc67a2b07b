"""Images for a network, from the packed arrays to its device, one batch at a time.

Images that fit in a share of the device's memory are kept there as bytes. Otherwise each batch is
read from the memory map while the previous one is computed; callers do not notice the difference.
"""

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from basemodel import files
from basemodel.run import memory

CHUNK_BYTES = 64 * 2**20  # copied at a time when a subset is loaded: the only memory that it takes
AHEAD = 2  # batches that are read and copied in advance


@dataclass
class Streamed:
    """Some rows of a memory map, not loaded: [N, ...], uint8 if of images, and int64 [n].

    `last`: whether they are [N, H, W, C] and are to be given as [n, C, H, W].
    """

    images: np.ndarray
    rows: np.ndarray
    last: bool = False
    nbytes = 0  # bytes taken on the device, as with a Tensor's attribute

    def __len__(self) -> int:
        return len(self.rows)


def load(
    images: np.ndarray, rows: np.ndarray | None, where: torch.device, room: float
) -> Tensor | Streamed:
    """These rows (None: all) of a memory map of images, on the device if they fit.

    They fit if they take at most `room` bytes. They are then uint8 [n, H, W, 3] on the device, and
    loading them takes no more host memory than one chunk.
    """
    rows = np.arange(len(images)) if rows is None else np.asarray(rows, dtype=np.int64)
    image_bytes = images[:1].nbytes
    if len(rows) * image_bytes > room:
        return Streamed(images, rows)
    resident = torch.empty((len(rows), *images.shape[1:]), dtype=torch.uint8, device=where)
    chunk = max(1, CHUNK_BYTES // image_bytes)
    for start in range(0, len(rows), chunk):
        part = rows[start : start + chunk]
        resident[start : start + len(part)] = _gather(images, part, pin=False)
    return resident


def kept(
    batches: Iterable[Tensor], count: int, room: float, folder: str | Path | None
) -> Tensor | Streamed:
    """`count` rows that come in batches: where they are, if they fit in `room` bytes, or on disk.

    A file on disk, in `folder` or where the system has such files, has no name: it is gone with the
    process, however that ends. Raises files.DiskFull.
    """
    batches = iter(batches)
    batch = next(batches)
    shape, start = (count, *batch.shape[1:]), 0
    # Kept as the batches lie in memory: operations on channels_last round otherwise.
    last = batch.ndim == 4 and batch.is_contiguous(memory_format=torch.channels_last)
    if count * batch[:1].nbytes <= room:
        order = torch.channels_last if last else torch.contiguous_format
        rows = torch.empty(shape, dtype=batch.dtype, device=batch.device, memory_format=order)
        while batch is not None:
            rows[start : start + len(batch)] = batch
            start += len(batch)
            batch = next(batches, None)
        return rows
    with tempfile.TemporaryFile(dir=folder) as file:
        while batch is not None:
            batch = batch.float() if batch.dtype == torch.bfloat16 else batch  # unknown to numpy
            array = (batch.permute(0, 2, 3, 1) if last else batch).cpu().numpy()
            try:
                file.write(array.tobytes())
                file.flush()
            except OSError as error:
                needed = files.in_bytes(count * array[0].nbytes)
                told = f"{folder}: {error.strerror}: {needed} needed"
                raise files.DiskFull(error.errno, told) from error
            batch = next(batches, None)
        rows = np.memmap(file, array.dtype, "r", shape=(count, *array.shape[1:]))
        return Streamed(rows, np.arange(count), last)


def free_memory(where: torch.device) -> int:
    """Bytes that a job can still take on a device; of a GPU, only of the part that is the job's."""
    if where.type == "cuda":
        free, total = torch.cuda.mem_get_info(where)
        part = torch.cuda.get_per_process_memory_fraction() * total
        return int(max(0, min(free, part - torch.cuda.memory_reserved(where))))
    return memory.free(torch.get_num_threads())


def feed(
    inputs: Tensor | Streamed, parts: Sequence[Tensor], where: torch.device
) -> Iterator[Tensor]:
    """inputs[rows] on the device, for the rows of each of `parts` (int64, on the CPU)."""
    if isinstance(inputs, Streamed):
        yield from _stream(inputs, parts, where)
    elif parts:
        # Copy all indices at once: a copy per batch would wait for the device each time.
        order = torch.cat(list(parts)).to(inputs.device)
        for rows in order.split([len(part) for part in parts]):
            yield inputs[rows].to(where)


def _stream(inputs: Streamed, parts: Sequence[Tensor], where: torch.device) -> Iterator[Tensor]:
    """While one batch is used, a thread reads the next ones and a separate stream copies them."""
    cuda = where.type == "cuda"
    side = torch.cuda.Stream(where) if cuda else None

    def fetch(rows: Tensor) -> tuple[Tensor, "torch.cuda.Event | None"]:
        # torch does not reuse a pinned buffer before copies out of it are done.
        batch = _gather(inputs.images, inputs.rows[rows.numpy()], pin=cuda)
        batch = batch.permute(0, 3, 1, 2) if inputs.last else batch
        if not cuda:
            return batch.to(where), None
        with torch.cuda.stream(side):
            return batch.to(where, non_blocking=True), side.record_event()

    with ThreadPoolExecutor(1) as reader:
        waiting = deque(reader.submit(fetch, rows) for rows in parts[:AHEAD])
        try:
            for number in range(len(parts)):
                batch, copied = waiting.popleft().result()
                if number + AHEAD < len(parts):
                    waiting.append(reader.submit(fetch, parts[number + AHEAD]))
                if copied is not None:
                    here = torch.cuda.current_stream(where)
                    here.wait_event(copied)
                    batch.record_stream(here)  # its memory was allocated on the other stream
                yield batch
        finally:
            for future in waiting:
                future.cancel()


def _gather(images: np.ndarray, rows: np.ndarray, pin: bool) -> Tensor:
    """A copy of some rows of the memory map, pinned if a device is to fetch them."""
    kind = torch.from_numpy(np.empty(0, images.dtype)).dtype
    batch = torch.empty((len(rows), *images.shape[1:]), dtype=kind, pin_memory=pin)
    # With any other mode numpy fills a second array first. The rows are valid: nothing is clipped.
    np.take(images, rows, axis=0, out=batch.numpy(), mode="clip")
    return batch
