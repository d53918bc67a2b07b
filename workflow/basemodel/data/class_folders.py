"""Images in folders named after their classes."""

import os
from collections.abc import Collection
from pathlib import Path

from basemodel.data.listing import DataError

SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"
)  # fmt: skip


def class_names(folder: Path) -> list[str]:
    """The folder's subfolders, sorted, without hidden ones. Raises DataError if there are none."""
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    if not names:
        raise DataError(f"{folder}: has no class folders, only files or nothing; one per class")
    return names


def images(root: Path, folder: str) -> tuple[list[str], list[str]]:
    """The image files of all class folders in `root / folder`, and the other files there.

    Both are sorted paths relative to `root`. Images are the files directly in a class folder with
    a suffix from SUFFIXES; neither list has hidden files. Raises DataError for a class without
    images.
    """
    classes = class_names(root / folder)
    taken, skipped = [], others(root, folder, without=classes)
    for name in classes:
        of_class, beside = inside(root, f"{folder}/{name}")
        if not of_class:
            raise DataError(
                f"{root / folder / name}: no image in this class folder "
                f"(looked for {', '.join(SUFFIXES)}, not in folders inside it); "
                "add some or remove the folder"
            )
        taken += of_class
        skipped += beside
    return taken, sorted(skipped)


def inside(root: Path, folder: str) -> tuple[list[str], list[str]]:
    """The image files directly in `root / folder`, sorted, and all other files in and below it."""
    taken, rest = [], []
    with os.scandir(root / folder) as entries:
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if entry.is_dir():
                rest += others(root, path)
            elif not entry.name.startswith("."):
                (taken if entry.name.lower().endswith(SUFFIXES) else rest).append(path)
    return sorted(taken), rest


def others(root: Path, folder: str, without: Collection[str] = ()) -> list[str]:
    """All files below `root / folder` except hidden ones and those in its folders `without`."""
    found = []
    for path, folders, files in os.walk(root / folder):
        top = path == str(root / folder)
        folders[:] = [f for f in folders if not (f.startswith(".") or (top and f in without))]
        place = os.path.relpath(path, root)
        found += [f"{place}/{file}" for file in files if not file.startswith(".")]
    return found
