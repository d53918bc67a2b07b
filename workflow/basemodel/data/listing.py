"""What a data set of image files holds, before any image is decoded, and whether that is right."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path


class DataError(ValueError):
    """Files that are missing or not as they should be; the message is one line for the user."""


@dataclass(frozen=True)
class Counts:
    """How many classes and images a data set has."""

    classes: int
    train: int
    test: int


@dataclass
class Listing:
    """Class names, and the files of each split: (path below the data root, label), sorted."""

    classes: list[str]
    train: list[tuple[str, int]]
    test: list[tuple[str, int]]

    def __post_init__(self):
        # Class after class: the order of a packed array follows from names alone.
        for files in (self.train, self.test):
            files.sort(key=lambda file: (file[1], file[0]))

    @property
    def counts(self) -> Counts:
        return Counts(len(self.classes), len(self.train), len(self.test))


def named(classes: list[str], train: list[str], test: list[str]) -> Listing:
    """The listing of files that each lie in a folder named as their class.

    Raises DataError for a file in a folder that is no class.
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


def check_counts(found: Counts, expected: Counts) -> None:
    """Raise DataError if a data set is not as large as published, with the likely cause."""
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


def check_least(listing: Listing, train: int, setting: str) -> None:
    """Raise DataError if a class has fewer training images than `setting` asks for."""
    of_class = Counter(label for _, label in listing.train)
    rarest = min(range(len(listing.classes)), key=lambda label: of_class[label])
    if of_class[rarest] < train:
        raise DataError(
            f"class {listing.classes[rarest]} has {of_class[rarest]} training images, fewer than "
            f"the {train} that {setting} asks for: lower it, or leave the class out"
        )


def check_files(root: Path, listing: Listing) -> None:
    """Raise DataError if files that a split list names are not there."""
    missing = [file for file, _ in listing.train + listing.test if not (root / file).is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} images are named in its lists but not there, {root / missing[0]} "
            "first; likely cause: an archive that was not unpacked to its end"
        )
