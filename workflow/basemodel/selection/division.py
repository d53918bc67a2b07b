"""A user's images by class and split: found, and some held out if there is no test split."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from basemodel.data import folders, regions, tasks
from basemodel.data.directory import SUFFIXES, Directory
from basemodel.data.listing import DataError, say_skipped
from basemodel.data.splits import counted, examples
from basemodel.files import printable

LEAST = 2  # probe images of a class, or nothing could be held out in turn


@dataclass
class Divided:
    """A user's images by class and split, as paths relative to `root`, in `folders.in_order`.

    Without labels there is one class, None; of tags and numbers (`task`) there is one, tasks.ALL,
    and `labels` says which each file has. `given`: how many images there are in all. `problems`:
    what the user should know, a line each. `groups`: of files, from a table that has them.
    `own_test`: whether the user says which images are for testing. `rows`: of files, their rows in
    a table, from 0; `length`: the number of its rows, 0 of a folder.
    """

    root: Path
    train: dict[str | None, list[str]]
    test: dict[str | None, list[str]] = field(default_factory=dict)
    given: int = 0
    problems: list[str] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)
    own_test: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    length: int = 0
    task: str = "classes"
    labels: dict[str, tuple[str, ...] | float] = field(default_factory=dict)

    @property
    def labelled(self) -> bool:
        return None not in self.train


def divide(images: str | Path, pixels: bool = True, task: str = "classes") -> Divided:
    """Find the images of a folder or a table, and hold some out if they have no test split.

    With fewer than two classes, those of a folder are taken as unlabelled. Raises DataError if
    there is no such folder, no image in it, or its layout is not clear (folders.find), or is one of
    boxes or masks. `pixels`, `task`: as there.
    """
    root, folder = folders.place_of(images)
    if not (root / folder).exists():
        raise DataError(f"{root / folder}: there is no such folder; correct its name")
    try:
        found = folders.find(root, folder, strict=False, pixels=pixels, task=task)
    except DataError:
        _check_regions(root, folder)
        raise
    given = len(set(found.files))
    train, test = {}, {}
    problems = [*found.notes, *found.problems]
    if not found.test_folder:
        keep_enough(found.train, found.test, found.groups)
    for name, files in found.train.items():
        tests = found.test.get(name, [])
        if found.test_folder:
            files, tests = (folders.in_order(name, part) for part in (files, tests))
        if len(files) < LEAST:
            has = f"only {counted(len(files), 'image')}" if files else "no image"
            has += "" if files else f" ({folders.LOOKED_FOR})"
            out = "" if name == tasks.ALL else f"class {printable(name)} is left out: "
            problems.append(f"{out}it has {has}")
        else:
            train[name], test[name] = files, tests
    if not found.length and len(train) > 1 and regions.are_folders_of(train):
        _check_regions(root, folder)
    if len(train) < (2 if found.task == "classes" else 1):
        why = "one class" if train else "no class folder" if folder == "." else "no class"
        if folder != ".":
            told = "; ".join([*problems, f"{why} with at least {LEAST} images"])
            raise DataError(f"{root / folder}: {told}")
        if what := regions.find(Directory(root)):
            problems.insert(0, regions.refusal(printable(root.name), what))
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
    own, labels = found.test_folder is not None, found.labels
    rows, length = ({}, 0) if folder == "." else (found.rows, found.length)
    return Divided(
        root, train, test, given, problems, found.groups, own, rows, length, found.task, labels
    )


def keep_enough(train: folders.Images, test: folders.Images, groups: Mapping[str, str]) -> None:
    """Hold nothing of a class out that would have fewer than LEAST images, or groups, left."""
    for name, files in train.items():
        if len({groups.get(file, file) for file in files}) < LEAST:
            train[name], test[name] = files + test.get(name, []), []
    used = {groups[file] for files in train.values() for file in files if file in groups}
    for name, files in test.items():
        together = {file for file in files if groups.get(file) in used}
        train[name] += [file for file in files if file in together]
        test[name] = [file for file in files if file not in together]


def _check_regions(root: Path, folder: str) -> None:
    """Raise DataError for a folder of a data set with boxes or masks."""
    if folder == "." and (what := regions.find(Directory(root))):
        raise DataError(regions.refusal(printable(str(root), 200), what))


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
