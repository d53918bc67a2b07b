"""Which of a user's images the candidates are compared on.

They are found and split as data sets of kind `folder` are (data/folders.py). What packing refuses,
because training could not use it, is left out here and told. So are copies: of images with equal
pixels one is used, and none if they have different labels, as nobody knows which is right.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from basemodel.data import folders
from basemodel.data.decode import Undecodable, picture, shallow
from basemodel.data.directory import SUFFIXES, Directory
from basemodel.data.listing import DataError, say_skipped
from basemodel.data.splits import counted, examples
from basemodel.files import printable
from basemodel.rank import copies

TEST_MOST = 100  # test images of a class
TEST_SPARE = 100  # in case that some of these cannot be decoded
LEAST = 2  # probe images of a class, or nothing could be held out in turn
UNLABELLED = 10  # without labels, as many images as of this number of classes
NAMED = 20  # pictures whose copies are named in the problems; images.json has them all


@dataclass
class Divided:
    """A user's images by class and split, as paths relative to `root`, in `folders.in_order`.

    Without labels there is one class, None. `given`: how many images there are in all. `problems`:
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
    if not found.test_folder:
        _keep_enough(found.train, found.test, found.groups)
    for name, files in found.train.items():
        tests = found.test.get(name, [])
        if found.test_folder:
            files, tests = (folders.in_order(name, part) for part in (files, tests))
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
    own = found.test_folder is not None
    rows, length = ({}, 0) if folder == "." else (found.rows, found.length)
    return Divided(root, train, test, given, problems, found.groups, own, rows, length)


def choose(
    images: str | Path,
    images_per_class: int,
    near_copies: str = "report",
    threads: int = 1,
    pixels: bool = True,
) -> dict[str, Any]:
    """Choose the images, decoding each to check it; what is no image is replaced by another.

    Without `pixels`, as no candidate looks at them, none is decoded or need be there.

    Before images are held out, files of equal bytes count as one; of those chosen, all of equal
    pixels do. A test image of the user's that is a copy of a training image is not used.
    `near_copies`: "group" keeps together what looks nearly alike (copies.near), as a table's groups
    are; "report" only tells of it.

    Returns what images.json holds:

    * images: the absolute path of what the user named; folder: what files are relative to;
    * classes: their names, empty without labels;
    * probe: a list of {file, label, sha256, pixels, looks, bits, width, height}, class after
      class; labels are numbers, None without labels; pixels: copies.pixels; looks: its perceptual
      hash; bits: decode.shallow; without `pixels` none of these but file and label; of images in a
      group also group, a text; from a table also row, its place there, from 0;
    * test: a list of {file, label} and perhaps group, of those that are held out, none of them
      decoded yet: see `choose_tests`;
    * counts: how many different training images of each class there are; rows: how many the table
      has;
    * copies: lists of files with equal pixels; near_copies;
    * use: how many images were given, and what became of them: probe, held_out, over_limit (of
      `limit` images of a class, or in all without labels), undecodable, copies (of an image that
      counts elsewhere), two_labels (copies with different labels), left_out (of classes that are
      not used);
    * problems: what the user should know, a line each.

    Raises DataError if there are too few different images.
    """
    divided = divide(images, pixels)
    root, problems = divided.root, divided.problems
    most = images_per_class * (1 if divided.labelled else UNLABELLED)
    parts = divided.train, divided.test
    labels = {file: name for part in parts for name in part for file in part[name]}
    tested = {file for of in divided.test.values() for file in of} if divided.own_test else set()
    if pixels:
        good, bad, rest, equal = _look_at(divided, labels, tested, most, threads)
    else:
        first = {name: sorted(files[:most]) for name, files in divided.train.items()}
        good = {name: [{"file": file} for file in files] for name, files in first.items()}
        rest = {name: len(files) - len(good[name]) for name, files in divided.train.items()}
        bad, equal = {name: [] for name in good}, {}
    unsure = _unsure(equal.values(), labels)
    good = {name: [row for row in of if row["file"] not in unsure] for name, of in good.items()}
    rows = [row for of in good.values() for row in of]
    near = copies.near([row["looks"] for row in rows]) if pixels else []
    alike = [[rows[i]["file"] for i in of] for of in near]
    joining = list(equal.values()) if divided.groups else []
    groups = _groups(divided.groups, joining + alike if near_copies == "group" else joining)

    classes, probe, test = [], [], []
    held_out = over = undecodable = 0
    copied = {labels[file] for group in equal.values() for file in group}
    for name, of_class in good.items():
        problems += bad[name]
        if why := _too_few(of_class, groups, name in copied, divided.labelled):
            which = "" if name is None else f"class {printable(name)} is left out: "
            problems.append(f"{which}{why}")
            continue
        label = len(classes) if divided.labelled else None
        tests = divided.test.get(name, [])
        classes.append(name)
        probe += [{**row, "label": label} for row in of_class]
        test += [{"file": file, "label": label} for file in tests[: TEST_MOST + TEST_SPARE]]
        held_out += len(tests)
        undecodable += len(bad[name])
        over += rest[name]
    problems[:0] = _told_copies(equal, unsure, tested, divided.given)
    if len(classes) < (2 if divided.labelled else 1):
        different = " different" if equal else ""
        raise DataError(f"{root}: {'; '.join(problems)}: too few{different} images")
    for row in (*probe, *test):
        if group := groups.get(row["file"]):
            row["group"] = group
    for row in probe if divided.length else ():
        row["row"] = divided.rows[row["file"]]
    untested = [name for i, name in enumerate(classes) if not any(t["label"] == i for t in test)]
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
        problems.append(_told_alike(alike, near_copies))
    if dark := [row for row in probe if row.get("bits")]:
        problems.append(
            f"{counted(len(dark), 'image')} ({examples(printable(row['file']) for row in dark)}) "
            f"nearly black: looks like {max(row['bits'] for row in dark)}-bit values in 16 bits; "
            "scale them, or if they are TIFF files, set MaxSampleValue"
        )
    return {
        "images": str(Path(images).expanduser().absolute()),
        "folder": str(root.absolute()),
        "classes": [printable(name) for name in classes] if divided.labelled else [],
        "counts": [len(divided.train[name]) for name in classes],
        "rows": divided.length,
        "copies": list(equal.values()),
        "near_copies": near_copies,
        "use": use,
        "probe": probe,
        "test": test,
        "problems": problems,
    }


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
            good, bad, again = _good(root, [*rows], TEST_MOST, pool.map, seen)
            problems += bad
            test += [{**rows[facts["file"]], **facts} for facts in good]
            for first, file in again:
                equal.setdefault(first, [first]).append(file)
    labels = {row["file"]: row["label"] for row in (*chosen["probe"], *chosen["test"])}
    unsure = _unsure([of for of in equal.values() if of[0] not in probe], labels)
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
            f"images to test on that are copies are not used: {examples(left, NAMED)} (of copies "
            "of each other with one label, the first is)"
        )
    return {"test": test, "problems": problems}


def _look_at(
    divided: Divided,
    labels: Mapping[str, str | None],
    tested: Container[str],
    most: int,
    threads: int,
) -> tuple[dict, dict, dict[str | None, int], dict[str, list[str]]]:
    """Decode at most `most` different images of each class, and leave copies out of all.

    Returns by class the facts of the images, problems with others, and how many were not looked at;
    and the copies, by the first of each.
    """
    root = divided.root
    good, bad, rest = {}, {}, {}
    order = sorted(labels, key=lambda file: (file in tested, file))  # of copies the first is used
    with ThreadPoolExecutor(threads) as pool:
        same = copies.equal_files(root, order, pool.map)
        looks = pool.map(lambda of: _look(root / of[0]), same)
        # What cannot be decoded is told as such.
        equal = {
            of[0]: of for of, facts in zip(same, looks, strict=True) if isinstance(facts, dict)
        }
        _leave_out(divided, equal, labels)
        seen: dict[str, str] = {}
        for name, files in divided.train.items():
            good[name], bad[name], again = _good(root, files, most, pool.map, seen)
            rest[name] = len(files) - len(good[name]) - len(bad[name]) - len(again)
            for first, file in again:
                equal.setdefault(first, [first]).append(file)
    return good, bad, rest, equal


def _keep_enough(train: folders.Images, test: folders.Images, groups: Mapping[str, str]) -> None:
    """Hold nothing of a class out that would have fewer than LEAST images, or groups, left."""
    for name, files in train.items():
        if len({groups.get(file, file) for file in files}) < LEAST:
            train[name], test[name] = files + test.get(name, []), []
    used = {groups[file] for files in train.values() for file in files if file in groups}
    for name, files in test.items():
        together = {file for file in files if groups.get(file) in used}
        train[name] += [file for file in files if file in together]
        test[name] = [file for file in files if file not in together]


def _leave_out(
    divided: Divided, equal: Mapping[str, list[str]], labels: Mapping[str, str | None]
) -> None:
    """Leave all copies but the first out, or all with different labels, and hold out again."""
    if not equal:
        return
    out = {file for group in equal.values() for file in group[1:]} | _unsure(equal.values(), labels)
    if divided.groups:
        divided.groups = _groups(divided.groups, equal.values())
    for part in (divided.train, divided.test):
        for name, files in part.items():
            part[name] = [file for file in files if file not in out]
    if divided.labelled and not divided.own_test:
        together = {name: of + divided.test.get(name, []) for name, of in divided.train.items()}
        divided.train, divided.test = folders.split(together, groups=divided.groups)
        _keep_enough(divided.train, divided.test, divided.groups)


def _unsure(equal: Iterable[Sequence[str]], labels: Mapping[str, str | int | None]) -> set[str]:
    """The files of equal images that have different labels."""
    return {file for of in equal if len({labels[file] for file in of}) > 1 for file in of}


def _groups(given: Mapping[str, str], sets: Iterable[Sequence[str]]) -> dict[str, str]:
    """Groups of files, by file, joined where a set of files has some of each.

    They are called as given, or by their first file.
    """
    by_name = defaultdict(list)
    for file, name in given.items():
        by_name[name].append(file)
    first = copies.joined([*by_name.values(), *sets])
    called: dict[str, str] = {}
    for file, name in given.items():
        called.setdefault(first[file], name)
    return {file: called.get(one, one) for file, one in first.items()}


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


def _told_copies(
    equal: Mapping[str, Sequence[str]], unsure: set[str], tested: set[str], given: int
) -> list[str]:
    """How many copies there are, in a line; and then which, a line for each picture."""
    if not equal:
        return []
    sure = [of for first, of in equal.items() if first not in unsure]
    both = sum(file in tested for of in sure if of[0] not in tested for file in of)
    what = {
        "copies of others": sum(len(of) - 1 for of in sure),
        "under two labels": len(unsure),
        "in both train and test": both,
    }
    first, *others = [f"{number:,} {words}" for words, number in what.items() if number]
    first = first.replace(" ", f" of {given:,} images are ", 1)
    told = "; ".join([first, *others])
    lines = [f"copies: {' = '.join(map(printable, of))}" for of in list(equal.values())[:NAMED]]
    more = [f"copies of {len(equal) - NAMED:,} more in images.json"] if len(equal) > NAMED else []
    used = "one of each is used" + (", under two labels none" if unsure else "")
    return [f"{told}: {used}", *lines, *more]


def _told_alike(alike: Sequence[Sequence[str]], near_copies: str) -> str:
    grouped = near_copies == "group"
    then = "kept together" if grouped else "`rank.near_copies: group` keeps them together"
    which = examples(" and ".join(map(printable, of[:2])) for of in alike)
    return f"{sum(map(len, alike)):,} images look nearly like others ({which}): {then}"


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
    root: Path, files: Sequence[str], most: int, each: Callable, seen: dict[str, str]
) -> tuple[list[dict[str, Any]], list[str], list[tuple[str, str]]]:
    """The first `most` images that can be decoded and were not seen, sorted by name.

    `seen`: files by their pixels; these are added. Also returns problems with others, and those
    that were seen, each after the first file with its pixels.
    """
    good, problems, again, start = [], [], [], 0
    while len(good) < most and start < len(files):
        part = files[start : start + most - len(good)]
        start += len(part)
        for file, facts in zip(part, each(lambda file: _look(root / file), part), strict=True):
            if isinstance(facts, str):
                problems.append(f"{printable(file)} is left out: {facts}")
            elif (first := seen.setdefault(facts["pixels"], file)) != file:
                again.append((first, file))
            else:
                good.append({"file": file, **facts})
    return sorted(good, key=lambda facts: facts["file"]), problems, again


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
    return {
        "bits": shallow(image),
        "sha256": sha256,
        "pixels": copies.pixels(image),
        "looks": copies.perceptual_hash(image),
        "width": image.width,
        "height": image.height,
    }
