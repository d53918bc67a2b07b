"""Which of a user's images the candidates are compared on.

They are found and split as data sets of kind `folder` are (data/folders.py). What packing refuses,
because training could not use it, is left out here and told. So are copies: of images with equal
pixels one is used, and none if they have different labels, as nobody knows which is right.
"""

from collections.abc import Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from basemodel.data import folders
from basemodel.data.listing import DataError
from basemodel.data.splits import counted, examples
from basemodel.files import printable
from basemodel.selection import copies
from basemodel.selection.decoding import Keep, good_ones, look
from basemodel.selection.division import LEAST, Divided, divide, keep_enough
from basemodel.selection.held_out import AT_ONCE, TEST_MOST, TEST_SPARE

NEEDED = 5  # images, or groups, with a tag and without it: one for each fold of the linear probe


def choose(
    images: str | Path,
    images_per_class: int,
    near_copies: str = "report",
    threads: int = 1,
    pixels: bool = True,
    task: str = "classes",
    keep: Keep | None = None,
) -> dict[str, Any]:
    """Choose the images, decoding each to check it; what is no image is replaced by another.

    Without `pixels`, as no candidate looks at them, none is decoded or need be there.

    Before images are held out, files of equal bytes count as one; of those chosen, all of equal
    pixels do. A test image of the user's that is a copy of a training image is not used.
    `near_copies`: "group" keeps together what looks nearly alike (copies.near), as a table's groups
    are; "report" only tells of it. `keep`: of decoding.look, called from several threads.

    Returns what images.json holds:

    * images: the absolute path of what the user named; folder: what files are relative to;
    * task: classes, tags or number, None without labels;
    * classes: their names, or those of tags; empty for numbers and without labels;
    * probe: a list of {file, label, sha256, pixels, looks, bits, width, height}, class after
      class; label: the number of the class; of tags a list of their numbers; a number itself; None
      without labels; pixels: copies.pixels; looks: its perceptual
      hash; bits: decode.shallow; without `pixels` none of these but file and label; of images in a
      group also group, a text; from a table also row, its place there, from 0;
    * test: a list of {file, label} and perhaps group, of those that are held out, none of them
      decoded yet; rest: likewise, of training images over the limit (held_out.for_fine_tuning);
    * counts: how many different training images of each class there are (in all, if there are no
      classes); rows: how many the table
      has;
    * copies: lists of files with equal pixels; near_copies;
    * use: how many images were given, and what became of them: probe, held_out, over_limit (of
      `limit` images of a class, or in all without labels), undecodable, copies (of an image that
      counts elsewhere), two_labels (copies with different labels), left_out (of classes that are
      not used);
    * problems: what the user should know, a line each.

    Raises DataError if there are too few different images.
    """
    divided = divide(images, pixels, task)
    root, problems = divided.root, divided.problems
    told = len(problems) if divided.task != "classes" else 0
    in_classes = divided.labelled and divided.task == "classes"
    most = images_per_class * (1 if in_classes else AT_ONCE)
    parts = divided.train, divided.test
    names = {file: name for part in parts for name in part for file in part[name]}
    labels = {file: divided.labels.get(file, name) for file, name in names.items()}
    tested = {file for of in divided.test.values() for file in of} if divided.own_test else set()
    if pixels:
        good, bad, rest, equal = _look_at(divided, labels, tested, most, threads, keep)
    else:
        first = {name: sorted(files[:most]) for name, files in divided.train.items()}
        good = {name: [{"file": file} for file in files] for name, files in first.items()}
        rest = {name: files[most:] for name, files in divided.train.items()}
        bad, equal = {name: [] for name in good}, {}
    unsure = copies.under_two_labels(equal.values(), labels)
    good = {name: [row for row in of if row["file"] not in unsure] for name, of in good.items()}
    rows = [row for of in good.values() for row in of]
    near = copies.near([row["looks"] for row in rows]) if pixels else []
    alike = [[rows[i]["file"] for i in of] for of in near]
    joining = list(equal.values()) if divided.groups else []
    groups = copies.grouped(divided.groups, joining + alike if near_copies == "group" else joining)

    classes, probe, test, over_limit = [], [], [], []
    held_out = over = undecodable = 0
    copied = {names[file] for group in equal.values() for file in group}
    for name, of_class in good.items():
        problems += bad[name]
        if why := _too_few(of_class, groups, name in copied, divided.labelled):
            which = f"class {printable(name)} is left out: " if in_classes else ""
            problems.append(f"{which}{why}")
            continue
        label = len(classes) if divided.labelled else None
        tests = divided.test.get(name, [])
        classes.append(name)
        probe += [{**row, "label": label} for row in of_class]
        spare = (TEST_MOST + TEST_SPARE) * (1 if in_classes else AT_ONCE)
        test += [{"file": file, "label": label} for file in tests[:spare]]
        held_out += len(tests)
        undecodable += len(bad[name])
        over += len(rest[name])
        over_limit += [{"file": file, "label": label} for file in rest[name]]
    problems[told:told] = copies.report(equal, unsure, tested, divided.given)
    if len(classes) < (2 if in_classes else 1):
        different = " different" if equal else ""
        raise DataError(f"{root}: {'; '.join(problems)}: too few{different} images")
    for row in (*probe, *test, *over_limit):
        if group := groups.get(row["file"]):
            row["group"] = group
    for row in probe if divided.length else ():
        row["row"] = divided.rows[row["file"]]
    counts = [len(divided.train[name]) for name in classes]
    if divided.task != "classes":
        classes = _label(divided, probe, [*test, *over_limit], problems)
    kinds = {i for row in test for i in _kinds(row["label"])}
    untested = [name for i, name in enumerate(classes) if i not in kinds]
    if divided.labelled and untested:
        problems.append(f"no image to test on: {', '.join(map(printable, untested))}")
    use = {
        "given": divided.given,
        "limit": most,
        "probe": len(probe),
        "held_out": held_out,
        "over_limit": over,
        "undecodable": undecodable,
        "copies": sum(len(of) - 1 for of in equal.values() if of[0] not in unsure),
        "two_labels": len(unsure),
    }
    use["left_out"] = 2 * divided.given + most - sum(use.values())
    if alike:
        problems.append(copies.report_alike(alike, near_copies))
    if dark := [row for row in probe if row.get("bits")]:
        problems.append(
            f"{counted(len(dark), 'image')} ({examples(printable(row['file']) for row in dark)}) "
            f"nearly black: looks like {max(row['bits'] for row in dark)}-bit values in 16 bits; "
            "scale them, or if they are TIFF files, set MaxSampleValue"
        )
    return {
        "images": str(Path(images).expanduser().absolute()),
        "folder": str(root.absolute()),
        "task": divided.task if divided.labelled else None,
        "classes": [printable(name) for name in classes] if divided.labelled else [],
        "counts": counts,
        "rows": divided.length,
        "copies": list(equal.values()),
        "near_copies": near_copies,
        "use": use,
        "probe": probe,
        "test": test,
        "rest": over_limit,
        "problems": problems,
    }


def _label(
    divided: Divided,
    probe: Sequence[dict[str, Any]],
    others: Sequence[dict[str, Any]],
    problems: list[str],
) -> list[str]:
    """Give the images their tags or numbers. Returns the tags that enough of the probe images have.

    Raises DataError if there is no such tag, or if all numbers are equal.
    """
    of_rows = {row["file"]: divided.labels[row["file"]] for row in (*probe, *others)}
    given = [of_rows[row["file"]] for row in probe]
    if divided.task == "number":
        if len(set(given)) == 1:
            raise DataError(f"{divided.root}: every image used has the number {given[0]:g}")
        for row in (*probe, *others):
            row["label"] = of_rows[row["file"]]
        return []
    units = [row.get("group", row["file"]) for row in probe]
    kept = []
    for tag in sorted({tag for of in given for tag in of}):
        has = {unit for unit, of in zip(units, given, strict=True) if tag in of}
        has_not = {unit for unit, of in zip(units, given, strict=True) if tag not in of}
        fewest, what = min((len(has), "have it"), (len(has_not), "do not"))
        if fewest < NEEDED:
            one = "group" if len(set(units)) < len(units) else "image"
            problems.append(
                f"tag {printable(tag)} is left out: of the {one}s used {fewest} {what}, and "
                f"{NEEDED} are needed"
            )
        else:
            kept.append(tag)
    if not kept:
        raise DataError(f"{divided.root}: {'; '.join(problems)}: no tag is left")
    for row in (*probe, *others):
        row["label"] = [kept.index(tag) for tag in of_rows[row["file"]] if tag in kept]
    return kept


def _kinds(label: int | list[int] | float | None) -> list[int]:
    """The classes or tags of an image."""
    return label if isinstance(label, list) else [label] if isinstance(label, int) else []


def _look_at(
    divided: Divided,
    labels: Mapping[str, str | None],
    tested: Container[str],
    most: int,
    threads: int,
    keep: Keep | None,
) -> tuple[dict, dict, dict[str | None, list[str]], dict[str, list[str]]]:
    """Decode at most `most` different images of each class, and leave copies out of all.

    Returns by class the facts of the images, problems with others, and which were not looked at;
    and the copies, by the first of each.
    """
    root = divided.root
    good, bad, rest = {}, {}, {}
    order = sorted(labels, key=lambda file: (file in tested, file))  # of copies the first is used
    with ThreadPoolExecutor(threads) as pool:
        same = copies.equal_files(root, order, pool.map)
        looks = pool.map(lambda of: look(root / of[0]), same)
        # What cannot be decoded is told as such.
        equal = {
            of[0]: of for of, facts in zip(same, looks, strict=True) if isinstance(facts, dict)
        }
        _leave_out(divided, equal, labels)
        seen: dict[str, str] = {}
        for name, files in divided.train.items():
            good[name], bad[name], again = good_ones(root, files, most, pool.map, seen, keep)
            rest[name] = files[len(good[name]) + len(bad[name]) + len(again) :]
            for first, file in again:
                equal.setdefault(first, [first]).append(file)
    return good, bad, rest, equal


def _leave_out(
    divided: Divided, equal: Mapping[str, list[str]], labels: Mapping[str, str | None]
) -> None:
    """Leave all copies but the first out, or all with different labels, and hold out again."""
    if not equal:
        return
    out = {file for group in equal.values() for file in group[1:]} | copies.under_two_labels(
        equal.values(), labels
    )
    if divided.groups:
        divided.groups = copies.grouped(divided.groups, equal.values())
    for part in (divided.train, divided.test):
        for name, files in part.items():
            part[name] = [file for file in files if file not in out]
    if divided.labelled and not divided.own_test:
        together = {name: of + divided.test.get(name, []) for name, of in divided.train.items()}
        divided.train, divided.test = folders.split(
            together, groups=divided.groups, labels=divided.labels
        )
        keep_enough(divided.train, divided.test, divided.groups)


def _too_few(
    good: Sequence[Mapping[str, Any]], groups: Mapping[str, str], copied: bool, labelled: bool
) -> str:
    """Why a class cannot be used, or nothing."""
    least = LEAST if labelled else 1
    if len(good) < least:
        return f"{counted(len(good), 'different image' if copied else 'image')} can be decoded"
    if len({groups.get(row["file"], row["file"]) for row in good}) < least:
        return f"its {counted(len(good), 'image')} are all of one group, so none can be held out"
    return ""
