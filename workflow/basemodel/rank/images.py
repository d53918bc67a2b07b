"""Which of a user's images the candidates are compared on.

They are found and split as data sets of kind `folder` are (data/folders.py). What packing refuses,
because training could not use it, is left out here and told.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from basemodel.data import folders
from basemodel.data.decode import Undecodable, picture
from basemodel.data.directory import SUFFIXES, Directory
from basemodel.data.listing import DataError, say_skipped
from basemodel.data.splits import counted, examples
from basemodel.files import printable

TEST_MOST = 100  # test images of a class
TEST_SPARE = 100  # in case that some of these cannot be decoded
LEAST = 2  # probe images of a class, or nothing could be held out in turn
UNLABELLED = 10  # without labels, as many images as of this number of classes


@dataclass
class Divided:
    """A user's images by class and split, as paths relative to `root`, in `folders.in_order`.

    Without labels there is one class, None. `given`: how many images there are in all. `problems`:
    what the user should know, a line each. `groups`: of files, from a table that has them. `rows`:
    of files, their rows in a table, from 0; `length`: the number of its rows, 0 of a folder.
    """

    root: Path
    train: dict[str | None, list[str]]
    test: dict[str | None, list[str]] = field(default_factory=dict)
    given: int = 0
    problems: list[str] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    length: int = 0

    @property
    def labelled(self) -> bool:
        return None not in self.train


def divide(images: str | Path, pixels: bool = True) -> Divided:
    """Find the images of a folder or a table, and hold some out if they have no test split.

    With fewer than two classes, those of a folder are taken as unlabelled. Raises DataError if
    there is no such folder, no image in it, or its layout is not clear (folders.find). `pixels`: as
    there.
    """
    root, folder = folders.place_of(images)
    if not (root / folder).exists():
        raise DataError(f"{root / folder}: there is no such folder; `images` names it")
    found = folders.find(root, folder, strict=False, pixels=pixels)
    given = len(set(found.files))
    train, test = {}, {}
    problems = [*found.notes, *found.problems]
    for name, files in found.train.items():
        tests = found.test.get(name, [])
        if found.test_folder:
            files, tests = (folders.in_order(name, part) for part in (files, tests))
        elif len(files) < LEAST:  # of two images, both are probe images
            files, tests = files + tests, []
        if len(files) < LEAST:
            has = f"only {counted(len(files), 'image')}" if files else "no image"
            has += "" if files else f" ({folders.LOOKED_FOR})"
            problems.append(f"class {printable(name)} is left out: it has {has}")
        else:
            train[name], test[name] = files, tests
    if len(train) < 2:
        why = "one class" if train else "no class folder" if folder == "." else "no class"
        if folder != ".":
            told = "; ".join([*problems, f"{why} with at least {LEAST} images"])
            raise DataError(f"{root / folder}: {told}")
        return _unlabelled(root, problems, why)
    if found.skipped:
        problems.append(say_skipped(found.skipped))
    where = f"{found.test_folder}/" if folder == "." else found.test_folder
    there = "train/" if folder == "." else "train"
    problems += [
        f"class {printable(name)} is in {where} but not in {there}: its images are not used"
        for name in found.test
        if name not in found.train
    ]
    rows, length = ({}, 0) if folder == "." else (found.rows, found.length)
    return Divided(root, train, test, given, problems, found.groups, rows, length)


def choose(
    images: str | Path, images_per_class: int, threads: int = 1, pixels: bool = True
) -> dict[str, Any]:
    """Choose the images, decoding each to check it; what is no image is replaced by another.

    Without `pixels`, as no candidate looks at them, none is decoded or need be there.

    Returns what images.json holds:

    * images: the absolute path of what the user named; folder: what files are relative to;
    * classes: their names, empty without labels;
    * probe: a list of {file, label, sha256, width, height}, class after class; labels are numbers,
      None without labels; from a table with groups also group, a text, where a row has one;
      from any table row, its place there, from 0; without pixels neither sha256 nor sizes;
    * test: a list of {file, label} and perhaps group, of those that are held out, none of them
      decoded yet: see `choose_tests`;
    * counts: how many training images of each class there are; rows: how many the table has;
    * use: how many images were given, and what became of them: probe, held_out, over_limit (of
      `limit` images of a class, or in all without labels), undecodable, left_out (of classes that
      are not used);
    * problems: what the user should know, a line each.

    Raises DataError if there are too few images.
    """
    divided = divide(images, pixels)
    root, problems = divided.root, divided.problems
    least = LEAST if divided.labelled else 1
    most = images_per_class * (1 if divided.labelled else UNLABELLED)
    classes, probe, test = [], [], []
    held_out = over = undecodable = 0
    look = _look if pixels else lambda _: {}
    with ThreadPoolExecutor(threads) as pool:
        for name, files in divided.train.items():
            good, bad = _good(root, files, most, pool.map, look)
            problems += bad
            if len(good) < least:
                which = "" if name is None else f"class {printable(name)} is left out: "
                problems.append(f"{which}{counted(len(good), 'image')} can be decoded")
                continue
            label = len(classes) if divided.labelled else None
            tests = divided.test.get(name, [])
            classes.append(name)
            probe += [{**facts, "label": label} for facts in good]
            test += [{"file": file, "label": label} for file in tests[: TEST_MOST + TEST_SPARE]]
            held_out += len(tests)
            undecodable += len(bad)
            over += len(files) - len(good) - len(bad)
    if len(classes) < (2 if divided.labelled else 1):
        raise DataError(f"{root}: {'; '.join(problems)}: too few images")
    for row in (*probe, *test):
        if group := divided.groups.get(row["file"]):
            row["group"] = group
    for row in probe if divided.length else ():
        row["row"] = divided.rows[row["file"]]
    untested = [name for i, name in enumerate(classes) if not any(t["label"] == i for t in test)]
    if divided.labelled and untested:
        problems.append(f"no image to test on: {', '.join(map(printable, untested))}")
    used = len(probe) + held_out + over + undecodable
    return {
        "images": str(Path(images).expanduser().absolute()),
        "folder": str(root.absolute()),
        "classes": [printable(name) for name in classes] if divided.labelled else [],
        "counts": [len(divided.train[name]) for name in classes],
        "rows": divided.length,
        "use": {
            "given": divided.given,
            "limit": most,
            "probe": len(probe),
            "held_out": held_out,
            "over_limit": over,
            "undecodable": undecodable,
            "left_out": divided.given - used,
        },
        "probe": probe,
        "test": test,
        "problems": problems,
    }


def choose_tests(chosen: Mapping[str, Any], threads: int = 1) -> dict[str, Any]:
    """The images to test on: of those held out the first TEST_MOST of each class that decode.

    `chosen`: what `choose` returns. Returns test, as its probe is, and problems, a line each.
    """
    root, test, problems = Path(chosen["folder"]), [], []
    with ThreadPoolExecutor(threads) as pool:
        for label in range(len(chosen["classes"])):
            rows = {row["file"]: row for row in chosen["test"] if row["label"] == label}
            good, bad = _good(root, [*rows], TEST_MOST, pool.map, _look)
            problems += bad
            test += [{**rows[facts["file"]], **facts} for facts in good]
    return {"test": test, "problems": problems}


def _unlabelled(root: Path, problems: list[str], classes: str) -> Divided:
    top = Directory(root)
    files = [file for folder in top.walk() for file in folder.files]
    images = [file for file in files if file.lower().endswith(SUFFIXES)]
    if not images:
        archives = [file for file in files if file.lower().endswith(folders.ARCHIVES)]
        hint = f"; unpack {examples(map(printable, archives))}" if archives else ""
        told = "".join(f"; {problem}" for problem in top.problems)
        raise DataError(f"{root}: no image in it ({folders.LOOKED_FOR}){hint}{told}")
    why = f"it has {classes} with at least {LEAST} images"
    problems.append(f"the images are taken as unlabelled: {why}")
    return Divided(root, {None: folders.in_order("", images)}, {}, len(images), problems)


def _good(
    root: Path, files: Sequence[str], most: int, each: Callable, look: Callable
) -> tuple[list[dict[str, Any]], list[str]]:
    """The first `most` images that can be decoded, sorted by name, and problems with others."""
    good, problems, start = [], [], 0
    while len(good) < most and start < len(files):
        part = files[start : start + most - len(good)]
        start += len(part)
        for file, facts in zip(part, each(lambda file: look(root / file), part), strict=True):
            if isinstance(facts, str):
                problems.append(f"{printable(file)} is left out: {facts}")
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
        return printable(str(error), 300)
    except OSError as error:
        return error.strerror or str(error)
    return {"sha256": sha256, "width": image.width, "height": image.height}
