"""Data sets of image files: one module per kind, which says what it needs and lists its files.

Each module has

* EXPECTED: Counts of the published data set, or None if there is none;
* NEEDED: the files and folders below the data root without which it cannot be listed;
* DOWNLOAD: the name of the torchvision class that downloads it, or None;
* BY_HAND: if torchvision cannot, where to get it and where to put it; {root} stands for the data
  root, {folder} for the data set's own folder;
* listing(root, settings, exact): a Listing, made without decoding images. `exact`: whether the
  files must be the published ones, as far as checksums are known.

The modules import torchvision, which takes two seconds, only inside `listing`.
"""

import codecs
import os
from importlib import import_module
from pathlib import Path
from types import ModuleType

from basemodel.data.folders import class_names, number_of_classes
from basemodel.data.listing import (
    DataError,
    Listing,
    check_classes,
    check_counts,
    located,
    placed,
    say_skipped,
)

EMBEDDED = ("glyphs", "digits")  # made by this project, from no files
FOUND = ("imagenet", "folder")  # kinds whose images are found in folders, not named in lists


def module(kind: str) -> ModuleType:
    return import_module(f"basemodel.data.kinds.{kind}")


def needed(dataset: dict) -> list[str]:
    """Files and folders below the data root that a data set needs."""
    path = path_of(dataset)
    return [needed.format(path=path) for needed in module(dataset["kind"]).NEEDED]


def path_of(dataset: dict) -> str:
    """The class folders' path below the data root, for kinds that a user may put anywhere."""
    return dataset.get("path", dataset["kind"])


def missing(root: Path, dataset: dict) -> list[Path]:
    """The files and folders that a data set needs but lacks."""
    return [root / path for path in needed(dataset) if not (root / path).exists()]


def said_missing(root: Path, path: Path) -> str:
    """The path of what is missing, and where it is instead if an archive put it deeper."""
    there = root / placed(root, os.path.relpath(path, root))
    return f"{path} (it is {there}: move it up)" if there.exists() else str(path)


def checked_listing(root: Path, dataset: dict, exact: bool) -> Listing:
    """The files of a data set, after all checks that are possible without decoding an image.

    `exact`: whether it must be the published data set. Raises DataError.
    """
    absent = [said_missing(root, path) for path in missing(root, dataset)]
    if absent:
        raise DataError(f"{', '.join(absent)}: not there; run `snakemake fetch`")
    _refuse_byte_order_mark(root, dataset)
    kind = module(dataset["kind"])
    try:
        found = kind.listing(root, dataset, exact)
    except DataError:
        raise
    except Exception as error:  # from lists that do not hold what their names say
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"its lists cannot be read, {reason}; get it again") from error
    if exact and kind.EXPECTED:
        try:
            check_counts(found.counts, kind.EXPECTED)
        except DataError as error:
            if not found.skipped:
                raise
            raise DataError(f"{error}. {say_skipped(found.skipped)}") from None
    check_classes(found)
    return found if dataset["kind"] in FOUND else located(root, found)


def _refuse_byte_order_mark(root: Path, dataset: dict) -> None:
    """Raise DataError for a list that an editor marked as UTF-8: its first line is read wrongly."""
    for path in needed(dataset):
        file = root / path
        if file.suffix == ".txt" and file.is_file():
            with file.open("rb") as content:
                if content.read(3) == codecs.BOM_UTF8:
                    raise DataError(
                        f"{file}: begins with a byte order mark; save it as UTF-8 without BOM"
                    )


def found_classes(root: Path, dataset: dict) -> int | None:
    """The number of classes if one folder's contents tell it, else None."""
    if dataset["kind"] not in FOUND:
        return None
    path = path_of(dataset)
    try:
        if dataset["kind"] == "folder":
            return number_of_classes(root, path)
        return len(class_names(root / path / "train"))
    except (DataError, OSError):
        return None
