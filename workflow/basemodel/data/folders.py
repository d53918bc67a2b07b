"""Images in a folder: class folders, or train/ and perhaps test/ (or val/) of class folders.

The one way to find and to split them, for data sets of kind `folder` and for `snakemake rank`.
Instead of the folder there may be a table of labels (label_table.py), which is split likewise.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from basemodel.data import label_table, layout, tasks
from basemodel.data.directory import HEIC, SUFFIXES, Directory
from basemodel.data.listing import DataError
from basemodel.data.splits import Found, Images, counted, examples
from basemodel.files import printable, sha256, shown
from basemodel.seeds import seed_of

LOOKED_FOR = f"looked for {', '.join(SUFFIXES)}, not in folders inside it"
if not HEIC:
    LOOKED_FOR += "; for .heic install pillow-heif"
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
TEST_SHARE = 0.2
LEAST = 2  # images that each class keeps for training if it has more than these


def find(
    root: Path,
    folder: str,
    test_share: float = TEST_SHARE,
    strict: bool = True,
    pixels: bool = True,
    task: str = "classes",
) -> Found:
    """The images in `root / folder`, or in a table there, split into training and test images.

    Without test images of its own, `hold_out` splits each class. Raises DataError for a file that
    is no table, and as layout.read and label_table.read do. If it is `strict`, that includes a
    class without images and what is named like an image but cannot be read. Without `pixels`, the
    files of a table need not be there (label_table.read). `task`: what its labels are, "auto" to
    find it (tasks.find); class folders are always classes.
    """
    if (root / folder).is_dir():
        found = layout.read(Directory(root, folder), strict, task)
    else:
        found = label_table.read(root, _no_archive(root, folder), strict, pixels, task)
    if task in ("tags", "number") and found.task != task:
        where, kind = printable(str(root / folder), 200), task.removesuffix("s") + "s"
        raise DataError(f"{where}: has no table of labels, and only that can have {kind}")
    if strict:
        _check(root, folder, found)
    if found.test_folder is None:
        found.train, found.test = split(found.train, test_share, found.groups, found.labels)
    return found


def split(
    classes: Images,
    test_share: float = TEST_SHARE,
    groups: Mapping[str, str] | None = None,
    labels: Mapping[str, tasks.Label] | None = None,
) -> tuple[Images, Images]:
    """Hold images of each class out: training and test images. `groups`: as in `hold_out`.

    `labels`: if they are tags or numbers, of each file; images are then held out of those of each
    rarest tag, so that both sides have some with it.
    """
    tested: dict[str, bool] = {}
    given = tasks.rarest({file: labels[file] for file in classes[tasks.ALL]}) if labels else classes
    halves = {name: hold_out(name, of, test_share, groups, tested) for name, of in given.items()}
    if labels:
        both = ([file for half in halves.values() for file in half[i]] for i in (0, 1))
        train, test = ({tasks.ALL: in_order(tasks.ALL, files)} for files in both)
        return train, test
    return {name: h[0] for name, h in halves.items()}, {name: h[1] for name, h in halves.items()}


def hold_out(
    name: str,
    files: list[str],
    test_share: float,
    groups: Mapping[str, str] | None = None,
    tested: dict[str, bool] | None = None,
) -> tuple[list[str], list[str]]:
    """Split a class: its training images, and its test images, `test_share` of them.

    It has a test image if it has two images or more, and LEAST for training if it has more.
    `groups`: of files that are in one; images of one group stay together, and what is said of
    images holds of groups. `tested`: on which side groups are that other classes have as well;
    this class's are added.
    """
    groups, tested = groups or {}, {} if tested is None else tested
    files = in_order(name, files)
    units = list(dict.fromkeys(groups.get(file, file) for file in files))
    count = min(max(round(test_share * len(units)), 1), max(len(units) - LEAST, 1), len(units) - 1)
    for number, unit in enumerate(units):
        tested.setdefault(unit, number < count)
    train, test = [], []
    for file in files:
        (test if tested[groups.get(file, file)] else train).append(file)
    return train, test


def in_order(name: str, files: list[str]) -> list[str]:
    """The files of a class in a random order, which the class's name and their number decide."""
    order = np.random.default_rng(seed_of("rank", shown(name))).permutation(len(files))
    return [sorted(files)[i] for i in order]


def class_names(folder: Path) -> list[str]:
    """The folder's subfolders, sorted, without hidden ones. Raises DataError if there are none."""
    if names := [*Directory(folder).folders]:
        return names
    raise DataError(f"{folder}: has no class folders, only files or nothing; one per class")


def of_classes(root: Path, folder: str) -> tuple[Images, list[str]]:
    """The images directly in each class folder in `root / folder`, and the other files there.

    Paths are relative to `root`, sorted. Raises DataError as a strict `find`.
    """
    class_names(root / folder)
    place = Directory(root, folder)
    found = Found({name: inside.images for name, inside in place.folders.items()})
    images = set(found.files)
    files = [file for inside in place.walk() for file in inside.files]
    found.problems = place.problems
    _check(root, folder, found)
    return found.train, sorted(file for file in files if file not in images)


def number_of_classes(root: Path, folder: str) -> int | None:
    """How many classes `find` will find, if class folders tell; raises DataError as it does."""
    if not (root / folder).is_dir():
        return None
    return layout.number_of_classes(Directory(root, folder))


def state(images: str | Path, pixels: bool = True, task: str = "classes") -> str:
    """A digest of the names, sizes and times of all files but hidden ones, for a rule's parameter.

    `images`: a folder, or a table, with its content, and the files that it names. No image is
    opened. Empty if it is not there. Raises DataError as `find`.
    """
    root, folder = place_of(images)
    digest = hashlib.sha256()

    def note(*facts: object) -> None:
        digest.update("\0".join(map(str, (*facts, ""))).encode(errors="surrogateescape"))

    if (root / folder).is_dir():
        top = Directory(root, folder)
        files = []
        for inside in top.walk():
            files += inside.files
            links = [of.path for of in inside.folders.values() if (root / of.path).is_symlink()]
            for link in links:
                note(link, os.path.realpath(root / link))
        note(*sorted(set(top.problems)))
    elif (root / folder).is_file():
        files = [folder]
        if folder.lower().endswith(label_table.SUFFIXES):
            found = label_table.read(root, folder, strict=False, pixels=pixels, task=task)
            files += found.files
            note(sha256(root / folder), *found.notes)
    else:
        return ""
    for file in sorted(files):
        try:
            facts = (root / file).stat()
            note(file, facts.st_size, facts.st_mtime_ns)
        except OSError:  # gone meanwhile
            note(file)
    return digest.hexdigest()[:16]


def place_of(images: str | Path) -> tuple[Path, str]:
    """The root and the path in it of what a user names: a folder is its own root."""
    path = Path(images).expanduser()
    return (path, ".") if path.is_dir() else (path.parent, path.name)


def _no_archive(root: Path, file: str) -> str:
    """The path of what may be a table. Raises DataError for other files."""
    where, suffix = printable(str(root / file), 200), Path(file).suffix.lower()
    if not (root / file).exists():
        raise DataError(f"{where}: there is no such folder")
    if suffix in ARCHIVES:
        raise DataError(f"{where}: is an archive; unpack it, and name the folder that comes out")
    if suffix not in label_table.SUFFIXES:
        raise DataError(
            f"{where}: is neither a folder nor a table of labels "
            f"({', '.join(label_table.SUFFIXES)})"
        )
    return file


def _check(root: Path, folder: str, found: Found) -> None:
    """Raise DataError for what was not read, and for a class without images."""
    if found.problems:
        number = counted(len(found.problems), "file or folder", "files or folders")
        raise DataError(
            f"{root / folder}: {number} cannot be read: {examples(found.problems)}; mend or remove "
            "what is named"
        )
    for name, files in found.train.items():
        if not files:
            raise DataError(
                f"{root / folder / name}: no image in this class folder ({LOOKED_FOR}); add some "
                "or remove the folder"
            )
