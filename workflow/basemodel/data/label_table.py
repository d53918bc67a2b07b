"""A table of labels: a row for each image, with its file and its label.

Columns: one of FILES, relative to the table; `label`; perhaps `split` (train, test, validation, …)
and `group`, what images have in common that must not be divided. Other columns are ignored, but
for those of 0 and 1 that may take the place of `label` (tasks.py).
"""

import csv
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any
from unicodedata import normalize

from basemodel.data import regions, tasks
from basemodel.data.directory import same_name
from basemodel.data.listing import DataError
from basemodel.data.splits import NAMES, TESTS, Found, counted, examples
from basemodel.files import printable

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
FILES = ("file", "file_name", "filename", "path", "image")
COLUMNS = f"`file` (or {', '.join(FILES[1:])}) and `label`, perhaps also `split` and `group`"
OBJECTS = "objects"  # the column of boxes in Hugging Face's imagefolder

NUMBER = "#"  # where a row has its place in the table, from 0

Row = dict[str, Any]  # text, but for NUMBER


class WrongColumns(DataError):
    """A table without a column for files or labels."""


def read(root: Path, table: str, strict: bool, pixels: bool = True, task: str = "classes") -> Found:
    """The labelled images of `root / table`, as paths relative to `root`.

    Rows without a label, without a file that is there, or repeated, are left out, with a line each
    in the notes; if it is `strict`, DataError is raised for them instead. It is always raised for
    what cannot be read as a table, wrong columns, unknown splits, and one file with two labels.

    Without `pixels` no image will be opened: files need not be there, and without a column for them
    rows are called row 1, row 2, …

    task: what the labels are (tasks.find). Of tags and numbers all images are in one class,
    tasks.ALL, and `labels` says which each has.
    """
    name = printable(os.path.normpath(root / table), 200)
    rows = _rows(root / table, name)
    if not rows:
        raise DataError(f"{name}: has no rows")
    file = next((column for column in FILES if column in rows[0]), None)
    if file is None and not pixels:
        file = "file"
        rows = [row | {file: f"row {number}"} for number, row in enumerate(rows, 1)]
    task, told = tasks.find(rows, (*FILES, "split", "group"), name, task)
    if file is None or "label" not in rows[0]:
        columns = printable(", ".join(map(str, rows[0])), 200)
        raise WrongColumns(f"{name}: needs the columns {COLUMNS}; it has {columns}")
    found, left = Found(length=len(rows), task=task), []
    found.notes = [f"{os.path.basename(name)}: {line}" for line in told]  # noqa: PTH119
    for number, row in enumerate(rows):
        row[NUMBER] = number
    no_file = [number for number, row in enumerate(rows, 2) if not row[file]]
    if no_file:
        left.append(f"{counted(len(no_file), 'row')} without a file (row {no_file[0]} first)")
    rows = [row for row in rows if row[file]]
    if task != "tags":
        left += _told("row", "without a label", [row[file] for row in rows if not row["label"]])
        rows = [row for row in rows if row["label"]]
    rows, twice = _once(rows, file, name)
    left += _told("row", "repeated", twice)
    where = {row[file]: _place(root, os.path.dirname(table), row[file]) for row in rows}  # noqa: PTH120
    if pixels:
        left += _told("file", "not there", [given for given, place in where.items() if not place])
    else:
        where = {given: place or given for given, place in where.items()}
    if left:
        if strict or not any(where.values()):
            raise DataError(f"{name}: {'; '.join(left)}")
        found.notes.append(f"{os.path.basename(name)}: left out: {'; '.join(left)}")  # noqa: PTH119
    by_split = _by_split([row for row in rows if where[row[file]]], name)
    if "train" not in by_split:
        raise DataError(f"{name}: no row is of the split train")
    found.test_folder = next((split for split in TESTS if split in by_split), None)
    for split, of_split in by_split.items():
        if split not in ("train", found.test_folder):
            found.notes.append(
                f"{counted(len(of_split), 'row')} of the split {split} not used, as there is test"
            )
            continue
        classes = defaultdict(list)
        for row in of_split:
            place = where[row[file]]
            if task == "classes":
                classes[same_name(row["label"])].append(place)
            else:
                classes[tasks.ALL].append(place)
                found.labels[place] = tasks.label_of(same_name(row["label"]), task)
            found.rows[place] = row[NUMBER]
            if row.get("group"):
                found.groups[place] = row["group"]
        images = {label: sorted(classes[label]) for label in sorted(classes)}
        if split == "train":
            found.train = images
        else:
            found.test = images
    return found


def _rows(path: Path, name: str) -> list[Row]:
    """All rows as text without blanks at the ends, by column in lower case."""
    if not path.is_file():
        raise DataError(f"{name}: is no file that could be read")
    try:
        if path.suffix.lower() == ".parquet":
            rows = _parquet(path, name)
        elif path.suffix.lower() == ".jsonl":
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            rows = [json.loads(line) for line in lines if line.strip()]
            if any(OBJECTS in row and "label" not in row for row in rows):
                raise DataError(regions.refusal(name, f"boxes (the column `{OBJECTS}`)"))
        else:
            return _separated(path, name)
        columns = list(dict.fromkeys(column for row in rows for column in row))
        return [
            {column.strip().lower(): _text(row.get(column)) for column in columns} for row in rows
        ]
    except DataError:
        raise
    except UnicodeDecodeError:
        raise DataError(f"{name}: is not text in UTF-8; save it as such") from None
    except (OSError, ValueError, AttributeError, TypeError, csv.Error) as error:
        raise DataError(f"{name}: cannot be read as a table: {printable(str(error))}") from error


def _separated(path: Path, name: str) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        separator = max(",;\t", key=header.count)
        file.seek(0)
        lines = csv.reader(file, delimiter=separator, strict=True)
        columns = [column.strip().lower() for column in next(lines, [])]
        rows = []
        for values in lines:
            if not any(values):
                continue
            if len(values) != len(columns):
                raise DataError(
                    f"{name}: line {lines.line_num} has {counted(len(values), 'value')}, and there "
                    f"are {counted(len(columns), 'column')}: put what contains {separator!r} in "
                    "quotes"
                )
            rows.append(dict(zip(columns, map(str.strip, values), strict=True)))
    return rows


def _parquet(path: Path, name: str) -> list[dict]:
    import pandas as pd

    try:
        return pd.read_parquet(path).to_dict("records")
    except ImportError:
        raise DataError(
            f"{name}: reading parquet needs pyarrow: pip install pyarrow, or save it as .csv"
        ) from None


def _text(value: object) -> str:
    if value is None or value != value:  # NaN
        return ""
    if isinstance(value, dict | list | bytes):
        raise TypeError("a cell holds no text or number")
    return str(value).strip()


def _once(rows: list[Row], file: str, name: str) -> tuple[list[Row], list[str]]:
    """The rows without repetitions, and the files of those. Raises DataError if they differ."""
    first: dict[str, Row] = {}
    twice, unlike = [], []
    for row in rows:
        known = first.setdefault(os.path.normpath(row[file]), row)
        if known is row:
            continue
        twice.append(row[file])
        if [known.get(c) for c in ("label", "split", "group")] != [
            row.get(c) for c in ("label", "split", "group")
        ]:
            what = next(c for c in ("label", "split", "group") if known.get(c) != row.get(c))
            unlike.append(f"{printable(row[file])} ({what} {known[what]} and {row[what]})")
    if unlike:
        raise DataError(
            f"{name}: {counted(len(unlike), 'file')} in rows that differ: {examples(unlike)}; "
            "keep one row of each image"
        )
    return list(first.values()), twice


def _by_split(rows: list[Row], name: str) -> dict[str, list[Row]]:
    if "split" not in rows[0]:
        return {"train": rows}
    found: dict[str, list[Row]] = {}
    unknown = defaultdict(int)
    for row in rows:
        if split := NAMES.get(row["split"].casefold()):
            found.setdefault(split, []).append(row)
        else:
            unknown[row["split"]] += 1
    if unknown:
        told = examples(f"{printable(split) or 'empty'} ({n} rows)" for split, n in unknown.items())
        raise DataError(f"{name}: `split` is {told}; write train, test or val, or take those out")
    return found


def _place(root: Path, folder: str, file: str) -> str | None:
    """Where a file is, relative to `root`, with accents and \\ (of Windows) as they are there."""
    for name in (file, normalize("NFC", file), normalize("NFD", file), file.replace("\\", "/")):
        place = os.path.normpath(os.path.join(folder, name))  # noqa: PTH118
        try:
            if (root / place).is_file():
                return place
        except (OSError, ValueError):  # no name of a file: too long, or with a zero byte
            continue
    return None


def _told(noun: str, what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    return [f"{counted(len(names), noun)} {what} ({examples(map(printable, names))})"]
