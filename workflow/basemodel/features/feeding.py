"""Images for a network, from the packed arrays to its device, a batch at a time.

What fits in a share of the device's memory lives there as bytes; the rest of this project never
notices the other case, in which every batch is read from the memory map while the one before it is
computed.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from basemodel import memory

CHUNK_BYTES = 64 * 2**20  # copied at a time when a subset is loaded: all that it takes of memory
AHEAD = 2  # batches that are read and copied before they are needed


@dataclass
class Streamed:
    """Some rows of a memory map, left where they are: uint8 [N, H, W, 3] and int64 [n]."""

    images: np.ndarray
    rows: np.ndarray
    nbytes = 0  # on the device, where a Tensor has the bytes that it takes

    def __len__(self) -> int:
        return len(self.rows)


def load(
    images: np.ndarray, rows: np.ndarray | None, where: torch.device, room: float
) -> Tensor | Streamed:
    """These rows (None: all) of a memory map of images, on the device if they fit.

    They fit if they take at most `room` bytes. Then uint8 [n, H, W, 3] on the device; memory
    elsewhere is needed for one chunk only.
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


def free_memory(where: torch.device) -> int:
    """Bytes that a job can still take on a device, which is its own if it is not the CPU."""
    if where.type == "cuda":
        return torch.cuda.mem_get_info(where)[0]
    return memory.free(torch.get_num_threads())


def feed(
    inputs: Tensor | Streamed, parts: Sequence[Tensor], where: torch.device
) -> Iterator[Tensor]:
    """inputs[rows] on the device, for the rows of each of `parts` (int64, on the CPU)."""
    if isinstance(inputs, Streamed):
        yield from _stream(inputs, parts, where)
    elif parts:
        # One copy of all the indices: one for each batch would wait for the device each time.
        order = torch.cat(list(parts)).to(inputs.device)
        for rows in order.split([len(part) for part in parts]):
            yield inputs[rows].to(where)


def _stream(inputs: Streamed, parts: Sequence[Tensor], where: torch.device) -> Iterator[Tensor]:
    """A thread reads the next batches, and a stream of its own copies them, while one is used."""
    cuda = where.type == "cuda"
    side = torch.cuda.Stream(where) if cuda else None

    def fetch(rows: Tensor) -> tuple[Tensor, "torch.cuda.Event | None"]:
        # torch keeps a pinned buffer from being used again before copies out of it are done.
        batch = _gather(inputs.images, inputs.rows[rows.numpy()], pin=cuda)
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
                    batch.record_stream(here)  # its memory was allocated for the other stream
                yield batch
        finally:
            for future in waiting:
                future.cancel()


def _gather(images: np.ndarray, rows: np.ndarray, pin: bool) -> Tensor:
    """Rows of the memory map in memory of their own, pinned if a device is to fetch them."""
    batch = torch.empty((len(rows), *images.shape[1:]), dtype=torch.uint8, pin_memory=pin)
    # `clip`: otherwise numpy fills a second array first. The rows are valid.
    np.take(images, rows, axis=0, out=batch.numpy(), mode="clip")
    return batch
