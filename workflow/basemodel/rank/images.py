"""Which of a user's images the candidates are compared on.

They are found and split as data sets of kind `folder` are (data/folders.py). What packing refuses,
because training could not use it, is left out here and told.
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from basemodel.data import folders
from basemodel.data.decode import Undecodable, picture
from basemodel.data.listing import DataError, say_skipped
from basemodel.files import shown

TEST_MOST = 100  # test images of a class
LEAST = 2  # probe images of a class, or nothing could be held out in turn
UNLABELLED = 10  # without labels, as many images as of this number of classes


@dataclass
class Folder:
    """The images of a folder by class and split, as paths relative to it, in `folders.in_order`.

    Without labels there is one class, None. `problems`: what the user should know, a line each.
    """

    train: dict[str | None, list[str]]
    test: dict[str | None, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def labelled(self) -> bool:
        return None not in self.train


def divide(folder: str | Path) -> Folder:
    """Find the images, and hold some out for testing if the folder has no test split.

    With fewer than two classes, the images are taken as unlabelled. Raises DataError if there is no
    such folder or no image in it.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder; `images` names it")
    found = folders.find(root, ".", strict=False)
    train, test, problems = {}, {}, []
    for name, files in found.train.items():
        tests = found.test.get(name, [])
        if found.test_folder:
            files, tests = (folders.in_order(name, part) for part in (files, tests))
        elif len(files) < LEAST:  # of two images, both are probe images
            files, tests = files + tests, []
        if len(files) < LEAST:
            has = f"only {_images(files)}" if files else f"no image ({folders.LOOKED_FOR})"
            problems.append(f"class {shown(name)} is left out: it has {has}")
        else:
            train[name], test[name] = files, tests
    if len(train) < 2:
        return _unlabelled(root, problems, "one class" if train else "no class folder")
    if found.skipped:
        problems.append(say_skipped(found.skipped))
    problems += [
        f"class {shown(name)} is in {found.test_folder}/ but not in train/: its images are not used"
        for name in found.test
        if name not in found.train
    ]
    return Folder(train, test, problems)


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


def _unlabelled(root: Path, problems: list[str], classes: str) -> Folder:
    files = folders.others(root, ".")
    images = [file for file in files if file.lower().endswith(folders.SUFFIXES)]
    if not images:
        raise DataError(f"{root}: no image in it ({folders.LOOKED_FOR})")
    why = f"it has {classes} with at least {LEAST} images"
    problems.append(f"the images are taken as unlabelled: {why}")
    return Folder({None: folders.in_order("", images)}, {}, problems)


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
