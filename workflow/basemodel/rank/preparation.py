"""How a candidate takes images: resized and cropped, as bytes, then normalised.

Bytes, because many candidates crop alike: what one has prepared is kept for the others. Normalising
is done a batch at a time, on the network's device.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from basemodel import files


@dataclass(frozen=True)
class Preparation:
    """`crop`: an upright RGB image of any size -> uint8 [3, H, W]; `words`: what it does, the same
    text for the same pixels. `normalise`: uint8 [n, 3, H, W] -> float32 on the same device."""

    crop: Callable[[Image.Image], Tensor]
    words: str
    normalise: Callable[[Tensor], Tensor]

    def __call__(self, image: Image.Image) -> Tensor:
        """One image as the network takes it, float32 [3, H, W]."""
        return self.normalise(self.crop(image)[None])[0]


def normalised(mean: Sequence[float], std: Sequence[float]) -> Callable[[Tensor], Tensor]:
    """To 0..1, and then by these, as timm and torchvision do (to the last bit)."""

    def normalise(images: Tensor) -> Tensor:
        centre, scale = (
            torch.tensor(values, device=images.device).view(-1, 1, 1) for values in (mean, std)
        )
        return images.float().div_(255).sub_(centre).div_(scale)

    return normalise


def place(folder: Path, preparation: Preparation, images: Iterable[str]) -> Path:
    """Where images, known by their SHA-256, are kept as this preparation crops them."""
    known = hashlib.sha256()
    for fact in (preparation.words, version("pillow"), version("torchvision"), *images):
        known.update(f"{fact}\n".encode())
    return folder / f"{known.hexdigest()[:16]}.npy"


def kept(path: Path, size: int) -> Iterator[Tensor]:
    """The images that were kept there, uint8 [n, 3, H, W], `size` at a time."""
    images = np.load(path, mmap_mode="r")
    for start in range(0, len(images), size):
        yield torch.from_numpy(np.array(images[start : start + size]))


def keep(path: Path, batches: Iterable[Tensor], shape: tuple[int, ...]) -> Iterator[Tensor]:
    """Pass the batches on, uint8, and keep them once all are there; `shape` is that of them all.

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
