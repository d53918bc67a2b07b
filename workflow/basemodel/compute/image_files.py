"""Image files as a model crops them, each decoded once at most.

Threads decode and crop the next batches while the network computes.
"""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from basemodel import files
from basemodel.compute.feeding import Streamed, free_memory, kept
from basemodel.data.decode import Undecodable, picture
from basemodel.data.listing import DataError
from basemodel.models.preprocessing import Preprocessing

AHEAD = 2  # batches that are decoded in advance
SHARE = 0.5  # of the free memory, for images; training needs some as well


@dataclass
class ImageFiles:
    """Image files as a model crops them, `batch` at a time.

    `threads`: to decode with. `kept`: a file where the crops are found, or kept if they are not
    there yet (`kept_at`).
    """

    paths: Sequence[Path]
    preprocessing: Preprocessing
    batch: int
    threads: int
    kept: Path | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def batches(self) -> Iterator[Tensor]:
        """The images, not yet standardised: uint8 [n, 3, H, W] on the CPU.

        Raises DataError for a file that is no image any more.
        """
        if self.kept is None:
            return self._decoded()
        if self.kept.is_file():
            return _read(self.kept, self.batch)
        return _keep(self.kept, self._decoded(), (len(self), 3, *self.preprocessing.side))

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


def kept_at(folder: Path, preprocessing: Preprocessing, images: Iterable[str]) -> Path:
    """Where images, known by their SHA-256, are kept as this preprocessing crops them."""
    known = hashlib.sha256()
    crop = str(preprocessing.transform)
    for fact in (crop, version("pillow"), version("torchvision"), *images):
        known.update(f"{fact}\n".encode())
    return folder / f"{known.hexdigest()[:16]}.npy"


def _read(path: Path, size: int) -> Iterator[Tensor]:
    images = np.load(path, mmap_mode="r")
    for start in range(0, len(images), size):
        yield torch.from_numpy(np.array(images[start : start + size]))


def _keep(path: Path, batches: Iterable[Tensor], shape: tuple[int, ...]) -> Iterator[Tensor]:
    """Pass the batches on, and keep them once all are there; `shape` is that of them all.

    Several candidates may do so at once: each writes a file of its own, and the last one stays.
    """
    own = path.with_name(f"{path.stem}-{os.getpid()}.npy")
    header = files.npy_header(shape, np.dtype(np.uint8))
    size = len(header) + int(np.prod(shape))
    with files.whole(own, size) as part, part.open("r+b") as file:
        file.write(header)
        for images in batches:
            file.write(images.numpy().tobytes())
            yield images
    own.replace(path)
