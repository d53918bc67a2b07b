"""Which of a user's images the candidates are compared on.

The folder holds class folders, or train/ and perhaps test/ (or val/) of class folders; or else its
images are unlabelled. Every choice depends on the names of classes and files alone.
"""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from basemodel.data.class_folders import SUFFIXES, inside, others
from basemodel.data.decode import Undecodable, picture
from basemodel.data.listing import DataError
from basemodel.files import shown
from basemodel.seeds import seed_of

TESTS = ("test", "val")
TEST_SHARE = 0.2  # of each class, if the folder has no split
TEST_MOST = 100  # test images of a class
LEAST = 2  # images of a class for the probe, or nothing could be held out in turn
UNLABELLED = 10  # without labels, as many images as of this number of classes


@dataclass
class Folder:
    """The images of a folder by class and split, as paths relative to it, in a random order.

    Without labels there is one class, None. `problems`: what the user should know, a line each.
    """

    train: dict[str | None, list[str]]
    test: dict[str | None, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def labelled(self) -> bool:
        return None not in self.train


def state(folder: str | Path) -> str:
    """A digest of the names, sizes and times of all files but hidden ones, for a rule's parameter.

    No file is opened. Empty if there is no such folder.
    """
    digest, root = hashlib.sha256(), Path(folder).expanduser()
    for path, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in files if not name.startswith(".")):
            place = Path(path, name)
            try:
                facts = place.stat()
                told = f"{facts.st_size} {facts.st_mtime_ns}"
            except OSError:  # a link that leads nowhere
                told = ""
            told = f"{place.relative_to(root)}\0{told}\0"
            digest.update(told.encode(errors="surrogateescape"))
    return digest.hexdigest()[:16] if root.is_dir() else ""


def divide(folder: str | Path) -> Folder:
    """Find the images, and hold some out for testing if the folder has no test split.

    Test images are in none of the training images, whatever else changes. Raises DataError if
    there is no such folder or no image in it.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder; `images` names it")
    test = next((name for name in TESTS if (root / name).is_dir()), None)
    inner = (root / "train").is_dir() and any(path.is_dir() for path in (root / "train").iterdir())
    found, problems = _classes(root, "train" if inner else ".")
    small = [name for name, files in found.items() if len(files) < LEAST]
    problems += [
        f"class {shown(name)} is left out: it has only {_images(found[name])}" for name in small
    ]
    kept = {name: files for name, files in found.items() if name not in small}
    if len(kept) < 2:
        return _unlabelled(root, [*problems, f"{_number(len(kept))} with at least {LEAST} images"])
    if not (inner and test):
        return _held_out(kept, problems)
    tests, more = _classes(root, test)
    problems += more
    problems += [
        f"class {shown(name)} is in {test}/ but not in train/: its images are not used"
        for name in tests
        if name not in found
    ]
    return Folder(kept, {name: tests.get(name, []) for name in kept}, problems)


def choose(folder: str | Path, images_per_class: int, threads: int = 1) -> dict[str, Any]:
    """Choose the images, decoding each to check it; what is no image is replaced by another.

    Returns what images.json holds:

    * folder: its absolute path; classes: their names, empty without labels;
    * probe and test: lists of {file, label, sha256, width, height}, class after class; files are
      relative to the folder, labels are numbers, None without labels;
    * counts: how many training images of each class there are;
    * problems: what the user should know, a line each.

    Raises DataError if there are too few images.
    """
    divided = divide(folder)
    root, problems = Path(folder).expanduser(), divided.problems
    least = LEAST if divided.labelled else 1
    most = images_per_class * (1 if divided.labelled else UNLABELLED)
    classes, probe, test = [], [], []
    with ThreadPoolExecutor(threads) as pool:
        for name, files in divided.train.items():
            good, bad = _good(root, files, most, pool.map)
            problems += bad
            if len(good) < least:
                which = "" if name is None else f"class {shown(name)} is left out: "
                problems.append(f"{which}{_images(good)} can be decoded")
                continue
            good_tests, bad = _good(root, divided.test.get(name, []), TEST_MOST, pool.map)
            problems += bad
            label = len(classes) if divided.labelled else None
            classes.append(name)
            probe += [{**facts, "label": label} for facts in good]
            test += [{**facts, "label": label} for facts in good_tests]
    if len(classes) < (2 if divided.labelled else 1):
        raise DataError(f"{root}: {'; '.join(problems)}: too few images")
    untested = [name for i, name in enumerate(classes) if not any(t["label"] == i for t in test)]
    if divided.labelled and untested:
        problems.append(f"no image to test on: {', '.join(map(shown, untested))}")
    return {
        "folder": str(root.absolute()),
        "classes": [shown(name) for name in classes] if divided.labelled else [],
        "counts": [len(divided.train[name]) for name in classes],
        "probe": probe,
        "test": test,
        "problems": problems,
    }


def _classes(root: Path, folder: str) -> tuple[dict[str, list[str]], list[str]]:
    """The images of each class folder in a random order, and problems."""
    found, problems, skipped = {}, [], []
    with os.scandir(root / folder) as entries:
        names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    for name in names:
        files, beside = inside(root, os.path.normpath(f"{folder}/{name}"))
        skipped += beside
        if files:
            found[name] = _shuffled(name, files)
        else:
            problems.append(f"class {shown(name)} is left out: it has no image ({LOOKED})")
    if skipped and found:
        problems.append(
            f"{len(skipped)} files are skipped, as they are not directly in a class folder or have "
            f"another ending than images: {shown(min(skipped))} first"
        )
    return found, problems


def _unlabelled(root: Path, problems: list[str]) -> Folder:
    files = [
        os.path.normpath(file) for file in others(root, ".") if file.lower().endswith(SUFFIXES)
    ]
    if not files:
        raise DataError(f"{root}: no image in it ({LOOKED})")
    why = f"the images are taken as unlabelled: {problems[-1]}"
    return Folder({None: _shuffled("", sorted(files))}, {}, [*problems[:-1], why])


def _held_out(classes: dict[str, list[str]], problems: list[str]) -> Folder:
    """Hold out a share of each class that leaves enough for the probe."""
    train, test = {}, {}
    for name, files in classes.items():
        count = min(max(round(TEST_SHARE * len(files)), 1), len(files) - LEAST)
        test[name], train[name] = files[:count], files[count:]
    return Folder(train, test, problems)


def _shuffled(name: str, files: list[str]) -> list[str]:
    order = np.random.default_rng(seed_of("rank", shown(name))).permutation(len(files))
    return [files[i] for i in order]


def _good(
    root: Path, files: list[str], most: int, each: Callable
) -> tuple[list[dict[str, Any]], list[str]]:
    """The first `most` images that can be decoded, sorted by name, and problems with others."""
    good, problems, start = [], [], 0
    while len(good) < most and start < len(files):
        part = files[start : start + most - len(good)]
        start += len(part)
        for file, facts in zip(part, each(lambda file: _look(root / file), part), strict=True):
            if isinstance(facts, str):
                problems.append(f"{shown(file)} is left out: {facts}")
            else:
                good.append({"file": file, **facts})
    return sorted(good, key=lambda facts: facts["file"]), problems


def _look(path: Path) -> dict[str, Any] | str:
    """The facts of an image, or why there are none."""
    try:
        image = picture(path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except Undecodable as error:
        return shown(str(error))
    except OSError as error:
        return error.strerror or str(error)
    return {"sha256": sha256, "width": image.width, "height": image.height}


def _images(files: list) -> str:
    return "1 image" if len(files) == 1 else f"{len(files)} images"


def _number(classes: int) -> str:
    return "it has one class" if classes else "it has no class folder"


LOOKED = f"looked for {', '.join(SUFFIXES)}"
