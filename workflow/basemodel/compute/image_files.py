"""Image files as a model crops them, each decoded once at most.

Threads decode and crop the next batches while the network computes.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from basemodel import files
from basemodel.compute import cropped
from basemodel.compute.feeding import Streamed, free_memory, kept
from basemodel.data.decode import Undecodable, picture
from basemodel.data.listing import DataError
from basemodel.models.preprocessing import Preprocessing

AHEAD = 2  # batches that are decoded in advance
SHARE = 0.5  # of the free memory, for images; training needs some as well


@dataclass
class ImageFiles:
    """Image files as a model crops them, `batch` at a time.

    `threads`: to decode with. `kept`: where crops are found, or kept if they are not there yet
    (cropped.kept_at), by `known`, the SHA-256 of each file.
    """

    paths: Sequence[Path]
    preprocessing: Preprocessing
    batch: int
    threads: int
    kept: Path | None = None
    known: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def batches(self) -> Iterator[Tensor]:
        """The images, not yet standardised: uint8 [n, 3, H, W] on the CPU.

        Raises DataError for a file that is no image any more.
        """
        if self.kept is None:
            return self._decoded()
        return cropped.read(self.kept, self.known, self.batch) or self._keeping()

    def _keeping(self) -> Iterator[Tensor]:
        known = iter(self.known)
        with cropped.writing(self.kept, self.preprocessing.side) as add:
            for images in self._decoded():
                for image in images:
                    add(next(known), image)
                yield images

    def load(self, folder: str | Path) -> Tensor | Streamed:
        """All images at once, uint8 [n, 3, H, W]: in the host's memory if they take at most SHARE
        of it, else on disk (feeding.kept). Raises DataError as `batches` does, DiskFull.
        """
        return kept(self.batches(), len(self), SHARE * free_memory(torch.device("cpu")), folder)

    def _decoded(self) -> Iterator[Tensor]:
        size = self.batch
        parts = iter([self.paths[start : start + size] for start in range(0, len(self), size)])
        with ThreadPoolExecutor(max(1, self.threads)) as pool:
            waiting: deque[list[Future[Tensor]]] = deque()

            def start() -> None:
                if part := next(parts, None):
                    waiting.append([pool.submit(self._crop, path) for path in part])

            for _ in range(AHEAD):
                start()
            try:
                while waiting:
                    images = torch.stack([future.result() for future in waiting.popleft()])
                    start()
                    yield images
            finally:
                pool.shutdown(cancel_futures=True)

    def _crop(self, path: Path) -> Tensor:
        try:
            image = picture(path)
        except (Undecodable, OSError) as error:
            raise DataError(
                f"{files.shown(str(path))} could be decoded when the images were chosen, and now "
                f"cannot ({error}): rank again"
            ) from error
        return self.preprocessing.transform(image)
