"""Small pictures, none of which is like another."""

from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image


def picture(seed: int, width: int = 8, height: int = 8) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def noise(path: Path, width: int = 8, height: int = 8) -> None:
    """Save a picture that its path decides."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(crc32(str(path).encode(errors="surrogateescape")), width, height).save(path)
