"""Which of a user's images candidates are fine-tuned on, chosen by, and tested on.

They are trained on all training images, not only on the probe's, but for some that choose the
learning rate and the candidates: the validation images. The test images are for the end.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from basemodel.data import folders
from basemodel.data.listing import DataError
from basemodel.data.splits import examples
from basemodel.files import printable
from basemodel.selection import copies
from basemodel.selection.decoding import good_ones

TEST_MOST = 100  # test images of a class
TEST_SPARE = 100  # in case that some of these cannot be decoded
AT_ONCE = 10  # without classes, as many images as of this number of them
VALIDATION = 0.2  # of the training images

Row = dict[str, Any]


def for_fine_tuning(chosen: Mapping[str, Any], threads: int = 1) -> dict[str, Any]:
    """The images to train on, to choose on, and to test on; each is decoded once to check it.

    `chosen`: what `choose` returns. Training images are the probe and the rest; a fifth of each
    class is for validation (data.folders.split). Of images that are held out the first TEST_MOST
    of each class that decode are for testing, or AT_ONCE times as many without classes. Copies of
    training images are left out of the test, also near ones if these are grouped; so are copies of
    each other but one, or all if they have different labels. Groups are not divided.

    Returns train, validation, test, as its probe is, and problems, a line each. Raises DataError if
    no image is left to test on: all are copies, say, or cannot be decoded.
    """
    root, problems, equal = Path(chosen["folder"]), [], {}
    seen = {row["pixels"]: row["file"] for row in chosen["probe"]}
    parts: dict[str, list[Row]] = {"rest": [], "test": []}
    with ThreadPoolExecutor(threads) as pool:
        tests = TEST_MOST * (1 if _task(chosen) == "classes" else AT_ONCE)
        for part, most in (("rest", None), ("test", tests)):
            for given in _by_class(chosen, part):
                rows = {row["file"]: row for row in given}
                good, bad, again = good_ones(root, [*rows], most or len(rows), pool.map, seen)
                problems += bad
                parts[part] += [{**rows[facts["file"]], **facts} for facts in good]
                for first, file in again:
                    equal.setdefault(first, [first]).append(file)
    everything = (*chosen["probe"], *chosen["rest"], *chosen["test"])
    labels = {row["file"]: str(row["label"]) for row in everything}  # tags are lists
    unsure = copies.under_two_labels(equal.values(), labels)
    tested = {row["file"] for row in chosen["test"]}
    # A training image with a copy in the test keeps its label: the copy is what is not used.
    unsure -= {of[0] for of in equal.values() if of[0] not in tested and tested.issuperset(of[1:])}
    train = [row for row in (*chosen["probe"], *parts["rest"]) if row["file"] not in unsure]
    test = [row for row in parts["test"] if row["file"] not in unsure]
    left = [" = ".join(map(printable, of)) for of in equal.values()]
    if chosen["near_copies"] == "group":
        rows, known = [*train, *test], len(train)
        near = copies.near([row["looks"] for row in rows])
        _join(rows, near)
        across = [of for of in near if min(of) < known <= max(of)]
        left += [" is like ".join(printable(rows[i]["file"]) for i in of) for of in across]
        alike = {rows[i]["file"] for of in across for i in of if i >= known}
        test = [row for row in test if row["file"] not in alike]
    if left:
        problems.append(
            "images to test on, or to train on beside the probe, that are copies are not used: "
            f"{examples(left, copies.NAMED)} (of copies of each other with one label, the first is)"
        )
    if not test:
        told = "; ".join([*chosen["problems"], *problems])
        raise DataError(f"{root}: no image is left to test on: {told}")
    train, validation = _split(train, _task(chosen))
    return {"train": train, "validation": validation, "test": test, "problems": problems}


def _by_class(chosen: Mapping[str, Any], part: str) -> list[list[Row]]:
    """The images of a part, class by class; in one list if their labels are no classes."""
    if _task(chosen) != "classes":
        return [chosen[part]]
    found: dict[int, list[Row]] = {}
    for row in chosen[part]:
        found.setdefault(row["label"], []).append(row)
    return [found[label] for label in sorted(found)]


def _task(chosen: Mapping[str, Any]) -> str:
    return chosen.get("task") or "classes"


def _join(rows: Sequence[Row], near: Sequence[Sequence[int]]) -> None:
    """Make one group of images that look alike, and of the groups that some of them are in."""
    given = {row["file"]: row["group"] for row in rows if row.get("group")}
    groups = copies.grouped(given, [[rows[i]["file"] for i in of] for of in near])
    for row in rows:
        if row["file"] in groups:
            row["group"] = groups[row["file"]]


def _split(rows: list[Row], task: str) -> tuple[list[Row], list[Row]]:
    """The images to train on and those for validation, in the order given.

    A fifth of each class; with tags, of the images of which a tag is the rarest; or of all.
    """
    tags = Counter(tag for row in rows if task == "tags" for tag in row["label"])
    strata: dict[str, list[str]] = {}
    for row in rows:
        label = row["label"]
        if task == "tags":
            label = min(label, key=lambda tag: (tags[tag], tag), default=None)
        strata.setdefault("" if task == "number" else str(label), []).append(row["file"])
    groups = {row["file"]: row["group"] for row in rows if row.get("group")}
    # The rarest first: a group that is in several goes where it is needed most.
    ordered = dict(sorted(strata.items(), key=lambda of: (len(of[1]), of[0])))
    _, held = folders.split(ordered, VALIDATION, groups)
    validation = {file for files in held.values() for file in files}
    train = [row for row in rows if row["file"] not in validation]
    return train, [row for row in rows if row["file"] in validation]
