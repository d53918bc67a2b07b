"""Which of the images that are held out candidates are tested on, once they are fine-tuned."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from basemodel.data.splits import examples
from basemodel.files import printable
from basemodel.rank import copies
from basemodel.rank.decoding import good_ones

TEST_MOST = 100  # test images of a class
TEST_SPARE = 100  # in case that some of these cannot be decoded
AT_ONCE = 10  # without classes, as many images as of this number of them


def choose_tests(chosen: Mapping[str, Any], threads: int = 1) -> dict[str, Any]:
    """The images to test on: of those held out the first TEST_MOST of each class that decode, or
    AT_ONCE times as many if they have tags or numbers.

    Copies of probe images are left out, also near ones if these are grouped, and so are copies of
    each other but one, or all if they have different labels.

    `chosen`: what `choose` returns. Returns test, as its probe is, and problems, a line each.
    """
    root, problems, equal = Path(chosen["folder"]), [], {}
    test: list[dict[str, Any]] = []
    probe = {row["file"] for row in chosen["probe"]}
    seen = {row["pixels"]: row["file"] for row in chosen["probe"]}
    given, most = [chosen["test"]], AT_ONCE * TEST_MOST
    if chosen["task"] == "classes":
        labels = range(len(chosen["classes"]))
        given = [[row for row in chosen["test"] if row["label"] == label] for label in labels]
        most = TEST_MOST
    with ThreadPoolExecutor(threads) as pool:
        for of_class in given:
            rows = {row["file"]: row for row in of_class}
            good, bad, again = good_ones(root, [*rows], most, pool.map, seen)
            problems += bad
            test += [{**rows[facts["file"]], **facts} for facts in good]
            for first, file in again:
                equal.setdefault(first, [first]).append(file)
    # As texts, as tags are lists.
    labels = {row["file"]: str(row["label"]) for row in (*chosen["probe"], *chosen["test"])}
    unsure = copies.under_two_labels([of for of in equal.values() if of[0] not in probe], labels)
    left = [" = ".join(map(printable, of)) for of in equal.values()]
    test = [row for row in test if row["file"] not in unsure]
    if chosen["near_copies"] == "group":
        rows = [*chosen["probe"], *test]
        near = [[rows[i]["file"] for i in of] for of in copies.near([r["looks"] for r in rows])]
        near = [of for of in near if of[0] in probe and of[-1] not in probe]
        left += [" is like ".join(map(printable, of)) for of in near]
        alike = {file for of in near for file in of}
        test = [row for row in test if row["file"] not in alike]
    if left:
        problems.append(
            "images to test on that are copies are not used: "
            f"{examples(left, copies.NAMED)} (of copies of each other with one label, the first is)"
        )
    return {"test": test, "problems": problems}
