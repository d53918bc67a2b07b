"""basemodel.score and basemodel.possible_best, whose docstrings say what they do."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from basemodel import metrics
from basemodel.python.arrays import labels_as_arrays, named, task_of
from basemodel.python.rank import METRICS
from basemodel.schema import SettingsError
from basemodel.selection.pooled_scores import PAIR, larger_is_better, pooled_scores
from basemodel.selection.scores import predictions, scored
from basemodel.statistics import possible_best as statistics

DIMENSIONS = {"embeddings": 2, "featuremaps": 4, "probabilities": 2}


def score(
    embeddings: Any, labels: Any, featuremaps: Any, probabilities: Any, groups: Any, task: str
) -> pd.DataFrame:
    given = {"embeddings": embeddings, "featuremaps": featuremaps, "probabilities": probabilities}
    arrays = {what: named(each) for what, each in given.items() if each is not None}
    if not arrays:
        raise SettingsError("embeddings: nothing is given to compute scores from")
    several = {what for what in arrays if isinstance(given[what], Mapping)}
    if several and several != set(arrays):
        raise SettingsError(f"{', '.join(sorted(several))}: by model, and the others are not")
    models = list(dict.fromkeys(name for of in arrays.values() for name in of)) if several else [""]
    n = len(next(iter(next(iter(arrays.values())).values())))
    known: dict[str, Any] = {}
    if labels is not None:
        labels = np.asarray(labels)
        task = task_of(labels, task)
        known["labels"] = labels_as_arrays(labels, task)
        n = len(labels)
    of_models = [_of_model(arrays, model, n) | known for model in models]
    group = None if groups is None else _groups(groups, n)
    rows = []
    for one in of_models:
        predicted = {}
        if "labels" in one and "embeddings" in one:
            predicted = predictions(one, group, task)
        rows.append(scored(one, METRICS, 0, predicted, group, task if known else None, False))
    return _table(pooled_scores(rows, METRICS), models if several else ["value"])


def possible_best(correct: Any, labels: Any, groups: Any, cross_validated: bool) -> np.ndarray:
    given = np.asarray(correct)
    if given.ndim != 2 or 0 in given.shape:
        raise SettingsError(f"correct: has the shape {given.shape}, not [models, images]")
    if labels is not None:
        labels = np.asarray(labels)
        if labels.shape != given.shape[1:]:
            raise SettingsError(f"labels: {labels.shape} of {given.shape[1]} images")
        given = given == labels
    elif given.dtype != bool:
        raise SettingsError(
            f"correct: holds {given.dtype}, not whether an image is right; add labels if these are "
            "predictions"
        )
    if len(given) == 1:
        return np.array([True])
    group = None if groups is None else _groups(groups, given.shape[1])
    sample = statistics.accuracies(given, groups=group)
    if not cross_validated:
        sample = replace(sample, retraining=1.0)
    return statistics.compare(sample, 0).possible_best


def _of_model(arrays: Mapping[str, dict[str, np.ndarray]], model: str, n: int) -> dict[str, Any]:
    """The arrays of one model, checked: [n, …], and finite."""
    found = {}
    for what, of in arrays.items():
        array = of[model] if model in of else of.get(next(iter(of))) if not model else None
        if array is None:
            continue
        name = f"{what} of {model}" if model else what
        if array.ndim != DIMENSIONS[what] or len(array) != n or 0 in array.shape:
            axes = {2: "[n, D]", 4: "[n, C, H, W]"}[DIMENSIONS[what]]
            raise SettingsError(f"{name}: shape {array.shape}, not {axes} of {n} images")
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise SettingsError(f"{name}: not all of it are finite floats")
        found[what] = array
    return found


def _groups(groups: Any, n: int) -> np.ndarray:
    found = np.unique(np.asarray(groups), return_inverse=True)[1]
    if found.shape != (n,):
        raise SettingsError(f"groups: {found.shape} of {n} images; one for each")
    return found


def _table(measured: Mapping[str, list[dict[str, Any]]], columns: list[str]) -> pd.DataFrame:
    rows = []
    for name, each in measured.items():
        notes = [one.get("note") or "" for one in each]
        told = (
            notes[0]
            if len(set(notes)) == 1
            else "; ".join(
                f"{model}: {note}" for model, note in zip(columns, notes, strict=True) if note
            )
        )
        values = {m: one["value"] for m, one in zip(columns, each, strict=True)}
        rows.append(
            {"metric": name, **values}
            | {
                "larger_is_better": larger_is_better(name),
                "compares_architectures": name != PAIR and metrics.compares_architectures(name),
                "note": told,
            }
        )
    table = pd.DataFrame(rows).set_index("metric")
    return table.astype(dict.fromkeys(columns, float))
