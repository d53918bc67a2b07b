"""What the labels of a table are: classes, several tags of an image, or numbers."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from basemodel.data.listing import DataError
from basemodel.data.splits import counted, examples
from basemodel.files import printable

Label = str | tuple[str, ...] | float  # a class, tags, a number

ALL = ""  # the one class of images with tags or numbers
BETWEEN = "|"  # tags
NO_TAG = ("none", "null", "nan", "n/a", "no tag")  # what may be written for it
BINARY = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
# No code such as 007
NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
EACH = 3  # images of a class on average: with fewer, whole numbers are no classes
UNSURE = 10  # classes, and images of each on average: more of one and fewer of the other are unsure
NEARLY = 0.9  # of the labels: if so many are numbers, the others are slips


def find(
    rows: Sequence[dict[str, Any]], others: Sequence[str], name: str, task: str
) -> tuple[str, list[str]]:
    """The task of a table's rows, and what is to be said of it.

    rows: texts by column; those with a column of 0 and 1 for each tag are given a `label`. others:
    columns that are no tags. name: the table's. task: "classes", "tags" or "number", or "auto" to
    find it. Raises DataError for labels that do not fit.
    """
    if task == "classes":
        return task, []
    if "label" not in rows[0]:
        columns = _tag_columns(rows, others, name)
        if task == "number" or len(columns) < (2 if task == "auto" else 1):
            return "classes", []  # that there is no label is told as ever
        for row in rows:
            tags = [column for column in columns if BINARY[row[column].casefold()]]
            row["label"] = BETWEEN.join(tags)
        _several(columns, name)
        told = f"one per column of 0 and 1: {examples(map(printable, columns), 5)}"
        return "tags", [f"read as {counted(len(columns), 'tag')}, {told}"]
    given = [row["label"] for row in rows]
    labels = [label for label in given if label]
    wanted, notes = task, []
    if task == "auto":
        task = "classes"
        if any(BETWEEN in label for label in labels):
            task = "tags"
        elif _numeric(labels, name):
            task = "number"
            notes.append("read as numbers; `rank.task: classes` takes them as classes")
    if task == "tags":
        tags = {tag for label in labels for tag in parse_tags(label)}
        _several(tags, name)
        if wanted == "auto":
            notes.append(
                f"read as {counted(len(tags), 'tag')}; `rank.task: classes` takes each text as a "
                "class"
            )
        if none := len(given) - len(labels):
            notes.append(f"{counted(none, 'row')} without a label taken as without any tag")
        if called := sorted(tag for tag in tags if tag.casefold() in NO_TAG):
            notes.append(
                f"{_shown(called)} taken as a tag like others; leave the label empty where an "
                "image has no tag"
            )
    elif task == "number":
        wrong = [label for label in labels if not is_number(label)]
        if wrong:
            raise DataError(
                f"{name}: no number in {counted(len(wrong), 'label')} ({_shown(wrong)}); empty or "
                "mend them, or set `rank.task: classes`"
            )
        if len({float(label) for label in labels}) == 1:
            raise DataError(f"{name}: every `label` is {labels[0]}; there is nothing to predict")
    elif all(map(is_number, labels)) and UNSURE < len(set(labels)) > len(labels) / UNSURE:
        notes.append(
            f"the {len(set(labels))} whole numbers are taken as classes; `rank.task: number` takes "
            "them as numbers"
        )
    return task, notes


def label_of(text: str, task: str) -> Label:
    """What a row's `label` means."""
    if task == "classes":
        return text
    return parse_tags(text) if task == "tags" else float(text)


def parse_tags(text: str) -> tuple[str, ...]:
    """ "b | a" is ("a", "b")."""
    return tuple(sorted({tag.strip() for tag in text.split(BETWEEN)} - {""}))


def is_number(text: str) -> bool:
    return bool(NUMBER.fullmatch(text)) and math.isfinite(float(text))


def rarest(labels: Mapping[str, Label]) -> dict[str, list[str]]:
    """Files by the rarest of their tags (the first in the alphabet, of equal ones), "" without one.

    Each part that is split likewise keeps rare tags on both sides. Numbers are one part.
    """
    tags = {file: of if isinstance(of, tuple) else () for file, of in labels.items()}
    count = Counter(tag for of in tags.values() for tag in of)
    found: dict[str, list[str]] = {}
    for file, of in tags.items():
        found.setdefault(min(of, key=lambda tag: (count[tag], tag), default=""), []).append(file)
    return dict(sorted(found.items(), key=lambda part: (count[part[0]], part[0])))


def _tag_columns(rows: Sequence[dict[str, Any]], others: Sequence[str], name: str) -> list[str]:
    """The columns of nothing but 0 and 1. Raises DataError if some cells of one are empty."""
    found = []
    for column in rows[0]:
        values = {row[column].casefold() for row in rows} if column not in others else {""}
        if values - {""} and values - {""} <= set(BINARY):
            if "" in values:
                empty = sum(not row[column] for row in rows)
                raise DataError(
                    f"{name}: the column {printable(column)} has {counted(empty, 'empty cell')}; "
                    "write 0 or 1"
                )
            found.append(column)
    return found


def _numeric(labels: Sequence[str], name: str) -> bool:
    """Whether labels are numbers rather than classes. Raises DataError if nearly all are."""
    numbers = [label for label in labels if is_number(label)]
    if len(numbers) < NEARLY * len(labels) or not numbers:
        return False
    values = {float(label) for label in numbers}
    whole = all(value.is_integer() for value in values)
    if whole and EACH * len(values) <= len(numbers):
        return False
    if wrong := [label for label in labels if not is_number(label)]:
        raise DataError(
            f"{name}: `label` holds numbers, but none in {counted(len(wrong), 'row')} "
            f"({_shown(wrong)}); empty or mend them, or set `rank.task: classes`"
        )
    return True


def _several(tags: Sequence[str] | set[str], name: str) -> None:
    if len(tags) < 2:
        raise DataError(
            f"{name}: only one tag ({''.join(map(printable, tags))}): write what an image has, and "
            "what it has not, as two classes in `label`"
        )


def _shown(labels: Sequence[str]) -> str:
    return examples(printable(label) for label in dict.fromkeys(labels))
