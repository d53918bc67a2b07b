"""Real photographs in eight classes, from Debian's package tuxpaint-stamps-default.

    python tests/rank_photos.py FOLDER

The package has cut-outs with transparency; they are put on white. Nothing of it is kept here.
"""

import os
import sys
from pathlib import Path

import pytest
from PIL import Image

STAMPS = "TUXPAINT_STAMPS"  # the environment variable that says where they are instead
INSTALLED = Path("/usr/share/tuxpaint/stamps")
CLASSES = {
    "birds": "animals/birds",
    "mammals": "animals/mammals",
    "fruit": "food/fruit",
    "flowers": "plants/flowers",
    "vegetables": "food/vegetables",
    "vehicles": "vehicles",
    "tools": "household/tools",
    "music": "hobbies/music",
}
DRAWN = {"cartoon", "plastic"}  # folders of what is no photograph
LEAST = 24  # pixels


def photos(folder: Path, most: int | None = None) -> Path:
    """Build class folders of at most `most` images each; skips the test without the package."""
    stamps = Path(os.environ.get(STAMPS, INSTALLED))
    if not stamps.is_dir():
        pytest.skip("apt-get install tuxpaint-stamps-default: real photographs")
    for name, place in CLASSES.items():
        to = folder / name
        to.mkdir(parents=True, exist_ok=True)
        for path in _photographs(stamps / place)[:most]:
            with Image.open(path) as image:
                layer = image.convert("RGBA")
            if min(layer.size) < LEAST:
                continue
            paper = Image.new("RGBA", layer.size, "white")
            Image.alpha_composite(paper, layer).convert("RGB").save(to / path.name)
    return folder


def _photographs(folder: Path) -> list[Path]:
    files = sorted([*folder.rglob("*.png"), *folder.rglob("*.jpg")])
    return [file for file in files if not DRAWN & set(file.relative_to(folder).parts)]


if __name__ == "__main__":
    photos(Path(sys.argv[1]))
