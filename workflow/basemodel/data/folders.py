"""Images in a folder: class folders, or train/ and perhaps test/ (or val/) of class folders.

The one way to find and to split them, for data sets of kind `folder` and for `snakemake rank`.
"""

import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from basemodel.data.listing import DataError
from basemodel.files import shown
from basemodel.seeds import seed_of

SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"
)  # fmt: skip
LOOKED_FOR = f"looked for {', '.join(SUFFIXES)}, not in folders inside it"
TESTS = ("test", "val")
TEST_SHARE = 0.2
LEAST = 2  # images that each class keeps for training if it has more than these


@dataclass
class Found:
    """The images of a folder by class and split, as paths relative to a root.

    A class without images has an empty list. `test_folder`: test or val, or None if the folder has
    no test split, so that images were held out. `skipped`: all other files in the folder but
    hidden ones, sorted.
    """

    train: dict[str, list[str]]
    test: dict[str, list[str]]
    test_folder: str | None
    skipped: list[str]


def find(root: Path, folder: str, test_share: float = TEST_SHARE, strict: bool = True) -> Found:
    """The images in `root / folder`, split into training and test images.

    Without a test/ or val/ beside train/, `hold_out` splits each class. Raises DataError, if it is
    `strict`, without class folders or for one without images.
    """
    test_folder, train, skipped = None, folder, []
    if has_train(root / folder):
        test_folder = next((name for name in TESTS if (root / folder / name).is_dir()), None)
        train = f"{folder}/train"
        skipped = others(root, folder, without=["train", test_folder])
    classes, beside = of_classes(root, train, strict)
    skipped += beside
    if test_folder:
        test, beside = of_classes(root, f"{folder}/{test_folder}", strict)
        return Found(classes, test, test_folder, sorted(skipped + beside))
    halves = {name: hold_out(name, files, test_share) for name, files in classes.items()}
    train, test = ({name: half[i] for name, half in halves.items()} for i in (0, 1))
    return Found(train, test, None, sorted(skipped))


def hold_out(name: str, files: list[str], test_share: float) -> tuple[list[str], list[str]]:
    """Split a class: its training images, and its test images, `test_share` of them.

    It has a test image if it has two images or more, and LEAST for training if it has more.
    """
    files = in_order(name, files)
    count = min(max(round(test_share * len(files)), 1), max(len(files) - LEAST, 1), len(files) - 1)
    return files[max(count, 0) :], files[: max(count, 0)]


def in_order(name: str, files: list[str]) -> list[str]:
    """The files of a class in a random order, which the class's name and their number decide."""
    order = np.random.default_rng(seed_of("rank", shown(name))).permutation(len(files))
    return [sorted(files)[i] for i in order]


def class_names(folder: Path) -> list[str]:
    """The folder's subfolders, sorted, without hidden ones. Raises DataError if there are none."""
    if names := _folders(folder):
        return names
    raise DataError(f"{folder}: has no class folders, only files or nothing; one per class")


def of_classes(
    root: Path, folder: str, strict: bool = True
) -> tuple[dict[str, list[str]], list[str]]:
    """The images of each class folder in `root / folder`, and the other files there, sorted.

    Paths are relative to `root`. Images are the files directly in a class folder with a suffix
    from SUFFIXES; neither list has hidden files. Raises as `find`.
    """
    names = class_names(root / folder) if strict else _folders(root / folder)
    images, skipped = {}, others(root, folder, without=names)
    for name in names:
        images[name], beside = _inside(root, os.path.normpath(f"{folder}/{name}"))
        skipped += beside
        if strict and not images[name]:
            raise DataError(
                f"{root / folder / name}: no image in this class folder ({LOOKED_FOR}); "
                "add some or remove the folder"
            )
    return images, sorted(skipped)


def others(root: Path, folder: str, without: Collection[str | None] = ()) -> list[str]:
    """All files below `root / folder` except hidden ones and those in its folders `without`.

    Paths are relative to `root`.
    """
    found = []
    for path, folders, files in os.walk(root / folder):
        top = path == str(root / folder)
        folders[:] = [f for f in folders if not (f.startswith(".") or (top and f in without))]
        inner = os.path.relpath(path, root)
        found += [os.path.normpath(f"{inner}/{f}") for f in files if not f.startswith(".")]
    return found


def state(folder: str | Path) -> str:
    """A digest of the names, sizes and times of all files but hidden ones, for a rule's parameter.

    No file is opened. Empty if there is no such folder.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        return ""
    digest = hashlib.sha256()
    for file in sorted(others(root, ".")):
        try:
            facts = (root / file).stat()
            told = f"{facts.st_size} {facts.st_mtime_ns}"
        except OSError:  # a link that leads nowhere
            told = ""
        digest.update(f"{file}\0{told}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def has_train(path: Path) -> bool:
    """Whether images are in train/: not if that is a class among others."""
    if not (path / "train").is_dir():
        return False
    tests = any((path / name).is_dir() for name in TESTS)
    return tests or _folders(path) == ["train"] or _folders(path / "train") != []


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))


def _inside(root: Path, folder: str) -> tuple[list[str], list[str]]:
    """The image files directly in `root / folder`, sorted, and all other files in and below it."""
    images, rest = [], []
    with os.scandir(root / folder) as entries:
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if entry.is_dir():
                rest += others(root, path)
            elif not entry.name.startswith("."):
                (images if entry.name.lower().endswith(SUFFIXES) else rest).append(path)
    return sorted(images), rest
