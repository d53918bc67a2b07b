"""What a data set of image files contains, before any image is decoded, with checks of it."""

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from basemodel.files import printable

SPLITS = {"train": "training", "test": "test"}
EXAMPLES = 5  # suffixes of skipped files that are reported


# What is in a folder, by name and by the plainest way to spell it.
Names = dict[Path, dict[str, str]]


class DataError(ValueError):
    """Missing or wrong files; the message is one line for the user."""


@dataclass(frozen=True)
class Counts:
    """How many classes and images a data set has."""

    classes: int
    train: int
    test: int


@dataclass
class Listing:
    """Class names, and the files of each split: (path relative to the data root, label), sorted.

    For kinds whose folders are searched, `skipped`: other files found among the images. `notes`:
    how they were found where that is not plain, a line each.
    """

    classes: list[str]
    train: list[tuple[str, int]]
    test: list[tuple[str, int]]
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self):
        # Class after class, so that the order of a packed array depends on names alone.
        for files in (self.train, self.test):
            files.sort(key=lambda file: (file[1], file[0]))

    @property
    def counts(self) -> Counts:
        return Counts(len(self.classes), len(self.train), len(self.test))

    def without(self, rows: dict[str, Collection[int]]) -> "Listing":
        """The listing without the given rows of each split."""
        splits = {
            split: [file for row, file in enumerate(getattr(self, split)) if row not in rows[split]]
            for split in SPLITS
        }
        return replace(self, **splits)


def named(classes: list[str], train: list[str], test: list[str]) -> Listing:
    """The listing of files that are in folders named after their classes.

    Raises DataError for a file in a folder that is not a class.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    splits = []
    for files in (train, test):
        labels = [numbers.get(Path(file).parent.name) for file in files]
        if None in labels:
            file = files[labels.index(None)]
            raise DataError(f"{file}: {Path(file).parent.name} is no class of this data set")
        splits.append(list(zip(files, labels, strict=True)))
    return Listing(classes, *splits)


def of_folders(
    train: dict[str, list[str]],
    test: dict[str, list[str]],
    skipped: list[str],
    notes: Sequence[str] = (),
) -> Listing:
    """The listing of each class's files; the classes are those of `train`. Raises as `named`."""
    numbers = {name: number for number, name in enumerate(train)}
    for name, files in test.items():
        if name not in numbers:
            where = files[0] if files else name
            raise DataError(f"{where}: {name} is no class of this data set")
    splits = [
        [(file, numbers[name]) for name, files in split.items() for file in files]
        for split in (train, test)
    ]
    return Listing([*train], *splits, skipped, [*notes])


def skipped_facts(skipped: list[str]) -> dict:
    """How many files were skipped, in total and by suffix.

    Returns {"files", "endings": [{"ending", "files", "example"}]}, the most frequent ones first.
    """
    of_ending = defaultdict(list)
    for file in map(printable, skipped):
        of_ending[Path(file).suffix.lower()].append(file)
    frequent = sorted(of_ending.items(), key=lambda item: (-len(item[1]), item[0]))
    endings = [
        {"ending": ending, "files": len(files), "example": min(files)}
        for ending, files in frequent[:EXAMPLES]
    ]
    return {"files": len(skipped), "endings": endings}


def say_skipped(skipped: list[str]) -> str:
    """Half a sentence that says what was skipped, and why."""
    facts = skipped_facts(skipped)
    endings = [
        f"{of['files']} {of['ending'] or 'without an ending'} ({of['example']})"
        for of in facts["endings"]
    ]
    heic = any(file.lower().endswith((".heic", ".heif")) for file in skipped)
    return (
        f"{len(skipped)} files are skipped, as they are not directly in a class folder or have "
        f"another ending than images: {', '.join(endings)}"
        + ("; install pillow-heif to read .heic" if heic else "")
    )


def check_counts(found: Counts, expected: Counts) -> None:
    """Raise DataError, with the likely cause, if a data set has not its published size."""
    wrong = []
    for what in ("classes", "train", "test"):
        here, there = getattr(found, what), getattr(expected, what)
        if here != there:
            noun = "classes" if what == "classes" else f"{what} images"
            wrong.append((f"{here} {noun} instead of {there}", here < there))
    if not wrong:
        return
    if any(fewer for _, fewer in wrong):
        cause = "an archive that was not unpacked to its end, or another version"
    else:
        cause = "files that do not belong to it, or another version"
    raise DataError(
        f"{', '.join(text for text, _ in wrong)}; likely cause: {cause}. "
        "Repair it, or accept what is there with data_counts: any"
    )


def check_classes(listing: Listing) -> None:
    """Raise DataError unless every class has an image to train on and one to test on."""
    if not listing.classes:
        raise DataError("its lists name no class; get it again")
    for split, adjective in SPLITS.items():
        there = {label for _, label in getattr(listing, split)}
        empty = [name for label, name in enumerate(listing.classes) if label not in there]
        if empty:
            more = f" ({len(empty) - 1} more classes have none either)" if empty[1:] else ""
            raise DataError(
                f"class {empty[0]} has no {adjective} images{more}: add some, or leave the class "
                "out"
            )


def check_least(listing: Listing, least: dict[str, int]) -> None:
    """Raise as `check_classes`, or if a class has fewer training images than settings ask for.

    `least`: how many each setting asks for.
    """
    check_classes(listing)
    of_class = Counter(label for _, label in listing.train)
    rarest = min(range(len(listing.classes)), key=lambda label: of_class[label])
    for setting, count in least.items():
        if of_class[rarest] < count:
            raise DataError(
                f"class {listing.classes[rarest]} has {of_class[rarest]} training images, fewer "
                f"than the {count} that {setting} asks for: lower it, or leave the class out"
            )


def located(root: Path, listing: Listing) -> Listing:
    """The listing with each file where it is (`placed`). Raises DataError if some are missing."""
    names: Names = {}
    absent = [file for file, _ in listing.train + listing.test if not (root / file).is_file()]
    if not absent:
        return listing
    moved = {file: placed(root, file, names) for file in absent}
    missing = [file for file, place in moved.items() if not (root / place).is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} images are named in its lists but not there, {root / missing[0]} "
            "first; likely cause: an archive that was not unpacked to its end"
        )
    train, test = (
        [(moved.get(file, file), label) for file, label in split]
        for split in (listing.train, listing.test)
    )
    first = printable(moved[absent[0]], 200)
    note = f"{len(moved)} images are not quite where its lists say, but there: {first} first"
    return replace(listing, train=train, test=test, notes=[*listing.notes, note])


def placed(root: Path, file: str, names: Names | None = None) -> str:
    """Where a file or folder below `root` is: perhaps in a folder of the same name in its own one,
    or with its name in other capitals or accents. If it is nowhere, the path as it is.

    `names`: of what is in each folder, kept from call to call.
    """
    names = {} if names is None else names
    place = Path()
    for name in Path(file).parts:
        inside = [place, place / place.name] if place.name else [place]
        found = [folder / there for folder in inside if (there := _in(root / folder, name, names))]
        place = found[0] if found else place / name
    return place.as_posix()


def _in(folder: Path, name: str, names: Names) -> str | None:
    if folder not in names:
        there = sorted(os.listdir(folder)) if folder.is_dir() else []  # noqa: PTH208
        names[folder] = {_plain(each): each for each in there} | {each: each for each in there}
    return names[folder].get(name) or names[folder].get(_plain(name))


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
