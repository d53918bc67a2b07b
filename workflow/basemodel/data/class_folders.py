"""Images in folders named after their classes."""

import os
from pathlib import Path

from basemodel.data.listing import DataError

SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"
)  # fmt: skip


def class_names(folder: Path) -> list[str]:
    """The folders in a folder, sorted; hidden ones are no classes.

    Raises DataError if there is none.
    """
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    if not names:
        raise DataError(f"{folder}: has no class folders, only files or nothing; one a class")
    return names


def images(root: Path, folder: str) -> list[str]:
    """All image files of all class folders in `root / folder`, as sorted paths below `root`.

    Folders inside a class folder are not looked into. Raises DataError for a class without images.
    """
    files = []
    for name in class_names(root / folder):
        with os.scandir(root / folder / name) as entries:
            of_class = [
                f"{folder}/{name}/{e.name}"
                for e in entries
                if e.name.lower().endswith(SUFFIXES) and not e.name.startswith(".")
            ]
        if not of_class:
            raise DataError(
                f"{root / folder / name}: no image in this class folder "
                f"(looked for {', '.join(SUFFIXES)}); add some or remove the folder"
            )
        files += sorted(of_class)
    return files
