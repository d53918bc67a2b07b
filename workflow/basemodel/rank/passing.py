"""Passing image files through a candidate's network, each decoded once at most.

Threads decode and crop the next batches while the network computes.
"""

import ctypes
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from basemodel.data.decode import Undecodable, picture
from basemodel.data.listing import DataError
from basemodel.features.feeding import free_memory
from basemodel.files import shown
from basemodel.rank.failures import Unusable
from basemodel.rank.network import Cost, Look, Network
from basemodel.rank.preparation import keep, kept

AHEAD = 2  # batches that are decoded in advance
# Images at a time. On the CPU small batches stay in its caches: EfficientNet-Lite0 is twice as fast
# with 4 as with 32.
MOST = {"cpu": 8, "cuda": 128}
# Memory of a batch: at once, a network holds a few outputs of its layers. A layer in the middle may
# need several times as much (convolutions are unfolded), so this leaves room.
COPIES = 8
SHARE = 0.5  # of the free memory
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
SECONDS = 0.3  # the speed is that of the best batch within at least this time


def batch_size(cost: Cost, where: torch.device) -> int:
    """Images at a time that fit into half of the free memory, at most MOST."""
    image = 4 * COPIES * cost.largest
    return max(1, min(MOST[where.type], int(SHARE * free_memory(where) / image)))


def keep_freed_memory() -> None:
    """Let this process keep the memory that tensors free, for the next ones.

    glibc returns large pieces to the system, and each new one costs page faults: 10 to 30 % of the
    time of a pass on the CPU. Elsewhere (macOS, musl) nothing changes.
    """
    with suppress(AttributeError):
        adjust = ctypes.CDLL(None).mallopt
        adjust(M_MMAP_THRESHOLD, 2**30)
        adjust(M_TRIM_THRESHOLD, 2**31 - 1)


class Pass:
    """One pass; afterwards `seconds` is the time in the network, `batch` the images at a time.

    `place`: where the cropped images are found, or kept if they are not there yet.
    """

    def __init__(
        self,
        network: Network,
        where: torch.device,
        batch: int,
        threads: int,
        place: Path | None = None,
    ):
        self._network, self._where, self._threads = network, where, max(1, threads)
        self._place = place
        self.batch = batch
        self.seconds = 0.0
        self._best = float("inf")  # seconds per image
        self._images = torch.empty(0)  # the first batch, on which the speed is measured

    def outputs(self, files: Sequence[Path]) -> Iterator[dict[str, Tensor]]:
        """What the network gives for the files, batch after batch, on its device.

        Raises DataError for a file that is no image any more, Unusable if a single image needs
        more memory than there is.
        """
        for images in self.cropped(files):
            self._images = self._images if len(self._images) else images
            # Smaller than planned after the device had too little memory.
            for part in images.split(self.batch):
                yield from self._look(part)

    def images_per_second(self) -> float:
        """The network's speed: that of the best batch, which is least disturbed by others."""
        images, spent = self.on_device(self._images[: self.batch]), self.seconds
        while spent < SECONDS:
            spent += self._timed(self._network.look, images)[1]
        return 1 / self._best

    def cropped(self, files: Sequence[Path]) -> Iterator[Tensor]:
        """The files' images before they are normalised, uint8 [n, 3, H, W], on the CPU.

        Raises DataError as `outputs` does.
        """
        if self._place is None:
            return self._decoded(files)
        if self._place.is_file():
            return kept(self._place, self.batch)
        shape = len(files), 3, *self._network.side
        return keep(self._place, self._decoded(files), shape)

    def _decoded(self, files: Sequence[Path]) -> Iterator[Tensor]:
        def prepare(path: Path) -> Tensor:
            try:
                image = picture(path)
            except (Undecodable, OSError) as error:
                raise DataError(
                    f"{shown(str(path))} could be decoded when the images were chosen, and now "
                    f"cannot ({error}): rank again"
                ) from error
            return self._network.preparation.crop(image)

        size = self.batch
        parts = iter([files[start : start + size] for start in range(0, len(files), size)])
        with ThreadPoolExecutor(self._threads) as pool:
            waiting: deque[list[Future[Tensor]]] = deque()

            def start() -> None:
                if part := next(parts, None):
                    waiting.append([pool.submit(prepare, path) for path in part])

            for _ in range(AHEAD):
                start()
            try:
                while waiting:
                    images = torch.stack([future.result() for future in waiting.popleft()])
                    start()
                    yield images
            finally:
                pool.shutdown(cancel_futures=True)

    def _look(self, images: Tensor) -> Iterator[dict[str, Tensor]]:
        """The outputs of these images; in halves if they need more memory than there is."""
        try:
            found, took = self._timed(self._network.look, self.on_device(images))
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            if len(images) == 1:
                raise Unusable(
                    "one image needs more memory than there is",
                    "use a machine with more memory, or leave it out",
                ) from None
        else:
            self.seconds += took
            yield found
            return
        # Not in the handler: there, the failed attempt's tensors are still held.
        self.batch = (len(images) + 1) // 2
        if self._where.type == "cuda":
            torch.cuda.empty_cache()
        print(f"not enough memory for {len(images)} images at a time: {self.batch}", flush=True)
        for part in images.split(self.batch):
            yield from self._look(part)

    def on_device(self, images: Tensor) -> Tensor:
        """Cropped images as the network takes them, float32 [n, 3, H, W], on its device."""
        prepared = self._network.preparation.normalise(images.to(self._where))
        return prepared.contiguous(memory_format=torch.channels_last)

    def _timed(self, look: Look, images: Tensor) -> tuple[dict[str, Tensor], float]:
        started = perf_counter()
        with torch.inference_mode():
            found = look(images)
        if self._where.type == "cuda":
            torch.cuda.synchronize(self._where)
        took = perf_counter() - started
        self._best = min(self._best, took / len(images))
        return found, took


def out_of_memory(error: BaseException) -> bool:
    """Whether torch said so; on the CPU it does with a RuntimeError."""
    said = str(error)
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError)
        and ("not enough memory" in said or "can't allocate memory" in said)
    )
