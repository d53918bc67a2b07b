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


def choose_tests(chosen: Mapping[str, Any], threads: int = 1) -> dict[str, Any]:
    """The images to test on: of those held out the first TEST_MOST of each class that decode.

    Copies of probe images are left out, also near ones if these are grouped, and so are copies of
    each other but one, or all if they have different labels.

    `chosen`: what `choose` returns. Returns test, as its probe is, and problems, a line each.
    """
    root, problems, equal = Path(chosen["folder"]), [], {}
    test: list[dict[str, Any]] = []
    probe = {row["file"] for row in chosen["probe"]}
    seen = {row["pixels"]: row["file"] for row in chosen["probe"]}
    with ThreadPoolExecutor(threads) as pool:
        for label in range(len(chosen["classes"])):
            rows = {row["file"]: row for row in chosen["test"] if row["label"] == label}
            good, bad, again = good_ones(root, [*rows], TEST_MOST, pool.map, seen)
            problems += bad
            test += [{**rows[facts["file"]], **facts} for facts in good]
            for first, file in again:
                equal.setdefault(first, [first]).append(file)
    labels = {row["file"]: row["label"] for row in (*chosen["probe"], *chosen["test"])}
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
