"""Arrays that users of Python give: embeddings, and what is known of the images' labels."""

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from basemodel.data.tasks import BETWEEN
from basemodel.files import write_npy, write_text
from basemodel.schema import SettingsError
from basemodel.selection.names import PYTHON

ONE = "embeddings"  # what a single array is called


def task_of(labels: np.ndarray, task: str = "auto") -> str:
    """What labels are: classes, tags (0 or 1 [n, tags]) or number.

    Raises SettingsError if they cannot be that; and for "auto", if whole numbers are floats.
    """
    if labels.ndim not in (1, 2) or 0 in labels.shape:
        raise SettingsError(f"labels: have the shape {labels.shape}, not [n], or [n, tags] of tags")
    if labels.ndim == 2 or task == "tags":
        if labels.ndim == 1 or task not in ("auto", "tags") or not np.isin(labels, (0, 1)).all():
            raise SettingsError("labels: only tags are an array [n, tags], of 0 and 1")
        return "tags"
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise SettingsError(f"labels: row {int(np.isfinite(labels).argmin())} is {_first(labels)}")
    if task == "auto":
        if labels.dtype.kind != "f":
            return "classes"
        if (labels == np.round(labels)).all():
            raise SettingsError(
                "labels: floats that are whole numbers are not told from classes; write "
                "task='classes' or task='number'"
            )
        return "number"
    if task == "number" and labels.dtype.kind not in "fiu":
        raise SettingsError(f"labels: are {labels.dtype}, not numbers; write task='classes'")
    return task


def labels_as_arrays(labels: np.ndarray, task: str) -> np.ndarray:
    """As metrics take them: classes int64 [n], tags float64 [n, tags], numbers float64 [n, 1]."""
    if task == "classes":
        return np.unique(labels, return_inverse=True)[1].astype(np.int64)
    return labels.astype(np.float64) if task == "tags" else labels.astype(np.float64)[:, None]


def named(embeddings: Any) -> dict[str, np.ndarray]:
    """Arrays by the names of models; a single one is called ONE."""
    given = embeddings if isinstance(embeddings, Mapping) else {ONE: embeddings}
    return {str(name): np.asarray(array) for name, array in given.items()}


def stored(
    embeddings: Any, labels: Any, groups: Any, task: str, results: Path
) -> tuple[Path, list[dict[str, str]], str]:
    """Write a table of labels and a file for each array; return the table, candidates and task.

    They lie where the ranking will, which is called after the content of the table. Raises
    SettingsError for labels or groups that do not fit.
    """
    arrays = named(embeddings)
    if labels is None:
        raise SettingsError("labels: embeddings need the images' labels; add labels=…")
    labels = np.asarray(labels)
    task = task_of(labels, task)
    for name, array in arrays.items():
        if array.ndim != 2 or len(array) != len(labels):
            raise SettingsError(
                f"images: the embeddings {name!r} have the shape {array.shape}, and there are "
                f"{len(labels)} labels; they are [n, D]"
            )
    columns = {"label": _texts(labels, task)}
    if groups is not None:
        columns["group"] = [str(group) for group in np.asarray(groups).tolist()]
        if len(columns["group"]) != len(labels):
            raise SettingsError(f"groups: {len(columns['group'])} of {len(labels)} images")
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    rows.writerows(zip(*columns.values(), strict=True))
    name = f"embeddings-{hashlib.sha256(text.getvalue().encode()).hexdigest()[:8]}"
    folder = results / "rank" / name / PYTHON / "given"
    table, candidates = folder / f"{name}.csv", []
    write_text(table, text.getvalue())
    for number, (model, array) in enumerate(arrays.items()):
        plain = re.sub(r"[^A-Za-z0-9_.+-]+", "_", model)[:80]
        file = folder / f"{plain or number}.npy"
        if str(file) in {one["embeddings"] for one in candidates}:
            file = folder / f"{plain}-{number}.npy"
        write_npy(file, array)
        candidates.append({"embeddings": str(file), "name": model})
    return table, candidates, task


def _texts(labels: np.ndarray, task: str) -> list[str]:
    if task == "tags":
        return [BETWEEN.join(map(str, np.flatnonzero(row))) for row in labels]
    texts = [repr(x) if isinstance(x, float) else str(x) for x in labels.tolist()]
    empty = [row for row, text in enumerate(texts) if not text.strip() or text in ("None", "nan")]
    if empty:
        raise SettingsError(f"labels: row {empty[0]} (from 0) has none; leave it out")
    return texts


def _first(labels: np.ndarray) -> float:
    return float(labels[~np.isfinite(labels)][0])
