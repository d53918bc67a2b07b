"""One pass of images through a network, batch by batch, without training it."""

import ctypes
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from basemodel.compute.feeding import Streamed, feed, free_memory

if TYPE_CHECKING:
    from basemodel.compute.image_files import ImageFiles

    # What can be passed: what is in memory, packed, or in files.
    Inputs = Tensor | Streamed | ImageFiles

# Images evaluated at a time: enough to be fast, few enough for most devices.
EVALUATION_BATCH = 256
# Of a network of unknown size. On the CPU small batches stay in its caches: EfficientNet-Lite0 is
# twice as fast with 4 as with 32.
MOST = {"cpu": 8, "cuda": 128}
# Memory of a batch: at once, a network holds a few outputs of its layers. A layer in the middle may
# need several times as much (convolutions are unfolded), so this leaves room.
COPIES = 8
SHARE = 0.5  # of the free memory
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
SECONDS = 0.3  # the speed is that of the best batch within at least this time


class Pass:
    """Applies a function to batches of images, in order, without gradients.

    `size`: images at a time, at most; half as many from then on when memory is short.
    """

    def __init__(self, function: Callable[[Tensor], Any], size: int):
        self._function, self.size = function, size

    def over(self, batches: Iterable[Tensor]) -> Iterator[Any]:
        """What the function gives. Raises what torch does if memory is too short for one image."""
        for batch in batches:
            waiting = deque(batch.split(self.size))
            while waiting:
                found = None
                try:
                    with torch.inference_mode():
                        found = self._function(waiting[0])
                except RuntimeError as error:
                    if len(waiting[0]) == 1 or not out_of_memory(error):
                        raise
                if found is not None:
                    waiting.popleft()
                    yield found
                    continue
                # Not in the handler: there, the failed attempt's tensors are still held.
                count = len(waiting[0])
                self.size = (count + 1) // 2
                torch.cuda.empty_cache()
                print(f"too little memory for {count} images at a time: {self.size}", flush=True)
                waiting = deque(part for each in waiting for part in each.split(self.size))


def apply(
    function: Callable[[Tensor], Tensor], inputs: "Inputs", where: torch.device
) -> Iterator[Tensor]:
    """Apply `function` to every batch of `inputs`, in order, as Pass does."""
    size = EVALUATION_BATCH if isinstance(inputs, Tensor | Streamed) else inputs.batch
    yield from Pass(function, size).over(in_order(inputs, where))


def in_order(inputs: "Inputs", where: torch.device) -> Iterator[Tensor]:
    """All of `inputs` on the device, batch by batch."""
    if isinstance(inputs, Tensor | Streamed):
        return feed(inputs, torch.arange(len(inputs)).split(EVALUATION_BATCH), where)
    return (batch.to(where) for batch in inputs.batches())


class Timed:
    """A function of a batch that is timed on its device. `seconds`: in all of its calls."""

    def __init__(self, function: Callable[[Tensor], Any], where: torch.device):
        self._function, self._where = function, where
        self.seconds = 0.0
        self._best = float("inf")  # seconds per image
        self._first: Tensor | None = None  # the first batch, on which the speed is measured

    def __call__(self, images: Tensor) -> Any:
        started = perf_counter()
        found = self._function(images)
        if self._where.type == "cuda":
            torch.cuda.synchronize(self._where)
        took = perf_counter() - started
        self.seconds += took
        self._best = min(self._best, took / len(images))
        self._first = images if self._first is None else self._first
        return found

    def images_per_second(self) -> float:
        """The speed of the best batch, which is least disturbed by others."""
        while self.seconds < SECONDS:
            with torch.inference_mode():
                self(self._first)
        return 1 / self._best


def batch_size(largest: int, where: torch.device) -> int:
    """Images at a time that fit into half of the free memory, at most MOST; `largest`: the number
    of elements of the largest output of a layer for one image."""
    image = 4 * COPIES * largest
    return max(1, min(MOST[where.type], int(SHARE * free_memory(where) / image)))


def out_of_memory(error: BaseException) -> bool:
    """Whether torch said so; on the CPU it does with a RuntimeError."""
    said = str(error)
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError)
        and ("not enough memory" in said or "can't allocate memory" in said)
    )


def keep_freed_memory() -> None:
    """Let this process keep the memory that tensors free, for the next ones.

    glibc returns large pieces to the system, and each new one costs page faults: 10 to 30 % of the
    time of a pass on the CPU. Elsewhere (macOS, musl) nothing changes.
    """
    with suppress(AttributeError):
        adjust = ctypes.CDLL(None).mallopt
        adjust(M_MMAP_THRESHOLD, 2**30)
        adjust(M_TRIM_THRESHOLD, 2**31 - 1)
