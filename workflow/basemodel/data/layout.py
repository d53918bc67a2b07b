"""How a folder of labelled images is laid out: where its splits and its classes are.

Folders are taken as archives leave them: one folder too deep, the images of each class in one more
folder, splits under another of their usual names. `Found.notes` says what was made of it. Where
that would be a guess, one line says which folder to name instead.
"""

import os
from collections.abc import Iterable

from basemodel.data import label_table
from basemodel.data.directory import Directory, same_name
from basemodel.data.listing import DataError
from basemodel.data.splits import NAMES, TESTS, Found, Images, counted, examples, split_in
from basemodel.files import printable

METADATA = tuple(f"metadata{suffix}" for suffix in label_table.SUFFIXES)

Parts = dict[str, Directory]  # train, and perhaps test and val


def read(top: Directory, strict: bool, task: str = "classes") -> Found:
    """The images of each class, without holding any out; no classes if there is nothing to read.

    task: what the labels of a table are, as in label_table.read.

    If it is `strict`, DataError is raised for the latter; and always for images that lie too deep,
    and for splits that are not clear.
    """
    place = inner(top)
    parts = splits(place) or {"train": place}
    inside = {name: inner(part) for name, part in parts.items()}
    found, notes = None, []
    try:
        found = _of_tables(place, inside, strict, task)
    except label_table.WrongColumns as error:
        notes = [f"{error}; the table is not used"]
    if found is None:
        found = _of_folders(top, parts, inside, strict)
    if len(found.train) > 1 or found.labels:
        notes += _where(top, inside)
    found.notes = [*notes, *found.notes]
    found.problems = sorted(set(top.problems))
    return found


def number_of_classes(top: Directory) -> int | None:
    """How many class folders there are, looking into few of them; None if a table has the labels.

    Raises DataError as `read`.
    """
    place = inner(top)
    train = inner(splits(place).get("train", place))
    if _table(place) or _table(train):
        return None
    return len({same_name(name) for name in train.folders}) or None


def inner(folder: Directory) -> Directory:
    """The folder, or if it holds nothing but one folder of folders, that one."""
    while not (folder.images or splits(folder) or _table(folder)):
        full = _with_images(folder, 2)
        if len(full) != 1 or (full[0].images and not _table(full[0])):
            break
        folder = full[0]
    return folder


def splits(folder: Directory) -> Parts:
    """Its folders train, test and val, however they are spelt; none if it is not split.

    A folder train/ of images among other folders is a class.
    """
    named = {name: NAMES[name.casefold()] for name in folder.folders if name.casefold() in NAMES}
    told = {name: split for name in folder.folders if (split := split_in(name))}
    if "train" in named.values():
        train = next(of for name, of in folder.folders.items() if named.get(name) == "train")
        others = [of for name, of in folder.folders.items() if name not in named]
        alone = set(named.values()) == {"train"}
        if alone and _images_of(train).images and any(of.holds_images() for of in others):
            return {}
    elif len(told) > 1 and [of.name for of in _with_images(folder)] == [*told]:
        if "train" not in told.values():
            raise DataError(
                f"{_shown(folder)}: holds {_list(told)} and no train/; name one of them"
            )
        if len(set(told.values())) < len(told):
            return {}
        named = told
    else:
        return {}
    parts: Parts = {}
    for name, split in named.items():
        if split in parts:
            both = _list([parts[split].name, name])
            raise DataError(f"{_shown(folder)}: {both} are both read as {split}/; keep one")
        parts[split] = folder.folders[name]
    return parts


def _of_folders(top: Directory, parts: Parts, inside: Parts, strict: bool) -> Found:
    found = Found()
    for split in ("train", *TESTS) if strict else ():
        part = inside.get(split)
        if part and not part.folders and (split == "train" or not part.images):
            raise DataError(
                f"{_shown(part)}: has no class folders, only files or nothing; one per class"
            )
    found.train = _classes(inside["train"], found)
    seen = set()  # what is no file that was overlooked
    if not found.train and inside["train"].images and len(parts) > 1:
        of = printable(parts["train"].name)
        found.notes.append(f"{of}/ holds images and no class folders, so they have no labels")
    for split in TESTS if found.train else ():
        if split not in parts:
            continue
        part = parts[split]
        if inside[split].folders and not found.test_folder:
            found.test, found.test_folder = _classes(inside[split], found), part.name
            continue
        why = f"as there is {printable(found.test_folder or '')}/"
        if not inside[split].folders:
            why = "as it has no class folders"
        unused = [file for folder in part.walk() for file in folder.images]
        seen.update(unused)
        number = counted(len(unused), "image")
        found.notes.append(f"{printable(part.name)}/ is not used, {why} ({number})")
    seen.update(found.files)
    everything = (file for folder in top.walk() for file in folder.files)
    found.skipped = sorted(file for file in everything if file not in seen)
    return found


def _classes(folder: Directory, found: Found) -> Images:
    """The images of each class, whose folder may hold them in one more folder."""
    classes: Images = {}
    deep, moved = [], []
    for name, of_class in folder.folders.items():
        place = _images_of(of_class)
        if place is not of_class:
            moved.append(place)
        if same_name(name) in classes:
            found.notes.append(
                f"{printable(name)}/ is there twice, with accents written in two ways: one class"
            )
        classes.setdefault(same_name(name), []).extend(place.images)
        if not place.images and of_class.holds_images():
            deep.append(of_class)
    if deep and sum(map(bool, classes.values())) < 2:
        raise DataError(_too_deep(deep[0]))
    if moved:
        number = counted(len(moved), "class", "classes")
        found.notes.append(
            f"the images of {number} lie one folder deeper, as in {printable(moved[0].path)}/"
        )
    return {name: sorted(files) for name, files in sorted(classes.items())}


def _images_of(folder: Directory) -> Directory:
    """The folder, or the only one in it that holds images, if that holds them directly."""
    place = folder
    while not place.images:
        full = _with_images(place, 2)
        if len(full) != 1:
            return folder
        place = full[0]
    return place


def _too_deep(folder: Directory) -> str:
    names = [*folder.folders]
    if any(name.casefold() in NAMES for name in names):
        above = f"{printable(names[0])}/{printable(folder.name)}/"
        return f"{_shown(folder)}: holds {_list(names)}; put splits above the classes: {above}"
    return (
        f"{_shown(folder)}: holds no images but folders of them ({_list(names)}). If these are the "
        "classes, name this folder; if it is a class, put its images directly into it"
    )


def _table(folder: Directory) -> str | None:
    """Its table of labels, if it has one as Hugging Face's imagefolder has."""
    return next((file for file in folder.files if file.split("/")[-1] in METADATA), None)


def _of_tables(place: Directory, inside: Parts, strict: bool, task: str) -> Found | None:
    """The images by a table of labels in the folder or by one in each of its splits, if any."""
    if table := _table(place):
        found = label_table.read(place.root, table, strict, task=task)
        found.notes.insert(0, f"labels are read from {printable(table)}")
    else:
        tables = {split: table for split, of in inside.items() if (table := _table(of))}
        if "train" not in tables:
            return None
        found = label_table.read(place.root, tables.pop("train"), strict, task=task)
        test = next((split for split in TESTS if split in tables), None)
        if test:
            of_test = label_table.read(place.root, tables[test], strict, task=found.task)
            found.test, found.test_folder = of_test.train, test
            found.notes += of_test.notes
            found.groups |= of_test.groups
            found.labels |= of_test.labels
        found.notes.insert(0, "labels are read from the metadata in each split's folder")
    known = set(found.files)
    there = [file for folder in place.walk() for file in folder.images if file not in known]
    if there:
        number = counted(len(there), "image")
        found.notes.append(f"{number} of the folder not used: {examples(map(printable, there))}")
    return found


def _where(top: Directory, inside: Parts) -> list[str]:
    """One line on where the splits, or the classes, are read from, unless that is plain."""
    if [*inside] == ["train"] and inside["train"].name.casefold() not in NAMES:
        place = inside["train"]
        only = f"read from {printable(place.path)}/, the only folder with images"
        return [] if place.path == top.path else [only]
    moved = [
        f"{printable(os.path.relpath(of.path, top.path))}/ is read as {split}/"
        for split, of in inside.items()
        if os.path.relpath(of.path, top.path) != split
    ]
    return [", ".join(moved)] if moved else []


def _with_images(folder: Directory, most: int | None = None) -> list[Directory]:
    """The folders in it that hold images, the first ones if `most` says how many suffice."""
    full = []
    for inside in folder.folders.values():
        if len(full) != most and inside.holds_images():
            full.append(inside)
    return full


def _list(names: Iterable[str]) -> str:
    return examples(f"{printable(name)}/" for name in names)


def _shown(folder: Directory) -> str:
    return printable(os.path.normpath(folder.root / folder.path), 200)
