"""Images by class and split, and what people call the splits."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

NAMES = {
    "train": "train", "training": "train",
    "test": "test", "testing": "test",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
}  # fmt: skip
TESTS = ("test", "val")  # which one is tested on: the first that is there

Images = dict[str, list[str]]  # files by class


@dataclass
class Found:
    """The images of a folder or a table by class and split, as paths relative to a root.

    A class without images has an empty list. `test_folder`: what the split for testing is called
    there, or None if there is none; folders.find then holds images out. `skipped`: all other files
    in the folder but hidden ones, sorted. `notes`: how it was read where that is not plain, a line
    each; `problems`: what could not be read, a line each. `groups`: of files, from a table that
    has them; `rows`: of files, their rows in a table, from 0, and `length`: how many it has.
    `task`: classes; or tags or number, and `labels` says which files have (tasks.py).
    """

    train: Images = field(default_factory=dict)
    test: Images = field(default_factory=dict)
    test_folder: str | None = None
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    length: int = 0
    task: str = "classes"
    labels: dict[str, tuple[str, ...] | float] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """The images of all classes and both splits."""
        return [file for split in (self.train, self.test) for of in split.values() for file in of]


def split_in(name: str) -> str | None:
    """The split that one word of a name stands for: train of `seg_train`, `Training-Set`."""
    words = {NAMES[word] for word in re.findall("[a-z]+", name.casefold()) if word in NAMES}
    return words.pop() if len(words) == 1 else None


def examples(names: Iterable[str], most: int = 3) -> str:
    """ "a, b, c, …" """
    names = list(names)
    return ", ".join(names[:most]) + (", …" if names[most:] else "")


def counted(number: int, noun: str, plural: str = "") -> str:
    """ "1 image", "2 images", "2 classes"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
