"""A table of scores and accuracies from elsewhere, as arrays.

Long: target, model, accuracy, metric, score, perhaps larger_is_better; or wide: target, model,
accuracy and a column for each metric. Either may have family (models that are variants of each
other), architecture (models that are ranked among themselves as well) and seed (several
fine-tunings of a model).
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from basemodel.statistics.bootstrap import MIN_MODELS

KEYS = "target", "model", "accuracy"
LONG = "metric", "score"
OPTIONAL = "family", "architecture", "seed", "larger_is_better"
MISSING = {"", "-", "–", "—", "na", "n/a", "nan", "null", "none", "?"}
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
# The row of a random choice, and columns of `scores`.
RESERVED = "random", *KEYS, "family", "architecture"


class TableError(ValueError):
    """A table, or a setting for it, that cannot be used; one line that says what to do."""


@dataclass
class Outside:
    """What was read. Arrays are float64 [targets, models], NaN where a cell is missing."""

    targets: list[str]
    models: list[str]
    families: np.ndarray  # of each model, str [models]; its own name without such a column
    architectures: np.ndarray  # likewise; empty without such a column
    accuracy: np.ndarray  # 0 to 1, the mean over seeds
    runs: np.ndarray  # of each seed, [seeds, targets, models]
    metrics: dict[str, np.ndarray]  # as they are in the table
    larger_is_better: dict[str, bool]  # of the metrics of which it is known
    notes: list[str] = field(default_factory=list)


def read(
    table: str | Path | pd.DataFrame, larger_is_better: bool | Mapping[str, bool] | None = None
) -> Outside:
    """Read a table: a file with commas, semicolons or tabs between columns, or a DataFrame.

    Columns are found in upper or lower case, with blanks or a unit, such as `Accuracy (%)`.
    Accuracies are fractions, or percent: with % in the column's name or the cells, or if none is
    from 0 to 1; the notes say which. Of several seeds the mean is taken. larger_is_better: for all
    metrics, or by metric, where the table does not say it itself.
    Raises TableError where the table cannot be understood, or says two things of one cell.
    """
    rows = _text(table)
    rows, percent = _named(rows)
    notes = []
    if set(LONG) <= set(rows):
        rows = rows[[column for column in (*KEYS, *LONG, *OPTIONAL) if column in rows]]
    elif any(column in rows for column in LONG):
        there, lacking = LONG if LONG[0] in rows else LONG[::-1]
        raise TableError(f"has a column {there}, but none called {lacking}; name both, or neither")
    else:
        rows = _longer(rows, notes)
    for column in ("target", "model", "metric"):
        if (empty := rows[column] == "").any():
            raise TableError(f"row {_line(rows[empty])} has no {column}; fill it in")
    if reserved := sorted(set(rows["metric"]) & set(RESERVED)):
        raise TableError(f"a metric may not be called {reserved[0]}; rename it")
    directions = _directions(rows, larger_is_better)
    accuracy, score = _numbers(rows, "accuracy"), _numbers(rows, "score")
    accuracy = _fractions(rows, accuracy, percent, notes)
    targets, models, metrics = (
        list(dict.fromkeys(rows[column])) for column in ("target", "model", "metric")
    )
    seeds = rows["seed"] if "seed" in rows else pd.Series("", rows.index)
    runs = _runs(rows, accuracy, seeds, targets, models)
    known = ~np.isnan(runs)
    sums, number = np.where(known, runs, 0).sum(axis=0), known.sum(axis=0)
    mean = np.divide(sums, number, out=np.full(sums.shape, np.nan), where=number > 0)
    if len(runs) > 1:
        notes.append(f"Accuracies are means over up to {len(runs)} fine-tunings of a model.")
    found = Outside(
        targets=targets,
        models=models,
        families=_of_models(rows, models, "family", "families"),
        architectures=_of_models(rows, models, "architecture", "architectures"),
        accuracy=mean,
        runs=runs,
        metrics={m: _scores(rows, score, m, targets, models, "seed" in rows) for m in metrics},
        larger_is_better=directions,
        notes=notes,
    )
    return _without_empty(found)


def _text(table: str | Path | pd.DataFrame) -> pd.DataFrame:
    """All cells as text, with the line of each row in the file as index."""
    if isinstance(table, pd.DataFrame):
        rows = table.astype(object).where(table.notna(), "").map(lambda cell: str(cell).strip())
        rows.index = np.arange(2, len(rows) + 2)
    else:
        rows = _separated(Path(table).expanduser())
    rows = rows[(rows != "").any(axis=1)]
    if rows.empty:
        raise TableError("has no rows")
    return rows


def _separated(path: Path) -> pd.DataFrame:
    """The cells of a file without blanks at their ends; the first line with any is the header."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise TableError("there is no such file; write where it is") from None
    except UnicodeDecodeError:
        raise TableError("is not text in UTF-8; save it as CSV in UTF-8") from None
    except OSError as error:
        raise TableError(f"cannot be read: {error.strerror}") from None
    lines = [line for line in text.splitlines() if line.strip()]
    separator = max(",;\t", key=lines[0].count) if lines else ","
    reader = csv.reader(text.splitlines(), delimiter=separator, skipinitialspace=True)
    try:
        found = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise TableError(f"cannot be read as a table: {error}") from None
    found = [(number, cells) for number, cells in found if any(cells)]
    if not found:
        raise TableError("has no rows")
    (_, header), *found = found
    for number, cells in found:
        if any(cells[len(header) :]):
            raise TableError(f"row {number} has {len(cells)} cells, and the header {len(header)}")
    wide = [(cells + [""] * len(header))[: len(header)] for _, cells in found]
    rows = pd.DataFrame(wide, index=[number for number, _ in found], columns=header, dtype=object)
    if separator == ";":  # where a comma is the decimal point
        rows = rows.map(lambda cell: re.sub(r"^([-+]?\d+),(\d+%?)$", r"\1.\2", cell))
    return rows


def _named(rows: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """The columns that are known by their names, and whether accuracies are in percent."""
    renamed, percent = {}, False
    for column in map(str, rows.columns):
        plain = re.sub(r"\W+", "_", re.sub(r"\(.*?\)|\[.*?\]|%", "", column)).strip("_").lower()
        if plain in (*KEYS, *LONG, *OPTIONAL):
            renamed[column] = plain
            percent |= plain == "accuracy" and "%" in column
    rows = rows.rename(columns=renamed)
    twice = rows.columns[rows.columns.duplicated()]
    if len(twice):
        raise TableError(f"has two columns called {twice[0] or '(nothing)'}; rename one")
    if lacking := [column for column in KEYS if column not in rows]:
        columns = ", ".join(map(str, rows.columns))
        raise TableError(f"has no column {lacking[0]}; it has {columns}: rename one of them")
    return rows, percent


def _longer(rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """A wide table as a long one; columns without any number, or a name, are left out."""
    metrics, text = [], []
    for column in rows.columns:
        if column in (*KEYS, *OPTIONAL):
            continue
        cells = rows[column][~rows[column].str.lower().isin(MISSING)]
        numbers = pd.to_numeric(cells, errors="coerce").notna()
        (metrics if numbers.any() and column else text).append(column or "one without a name")
    if text:
        named = ", ".join(map(str, text))
        notes.append(f"Left out, columns without numbers or a name: {named}.")
    if not metrics:
        raise TableError("has no column of scores beside target, model and accuracy")
    if "larger_is_better" in rows:
        raise TableError(
            "larger_is_better is a column of long tables, which have metric and score; take it "
            "out, and say it with --config 'larger_is_better={METRIC: true}'"
        )
    keys = [column for column in (*KEYS, *OPTIONAL) if column in rows]
    parts = [rows[keys].assign(metric=metric, score=rows[metric]) for metric in metrics]
    return pd.concat(parts)


def _line(rows: pd.DataFrame) -> int:
    return int(rows.index[0])


def _numbers(rows: pd.DataFrame, column: str) -> np.ndarray:
    """float64 [rows], NaN where a cell is empty; TableError for what is no number."""
    cells = rows[column].str.lower().str.removesuffix("%").str.strip()
    missing = cells.isin(MISSING)
    numbers = pd.to_numeric(cells.where(~missing), errors="coerce")
    wrong = (numbers.isna() & ~missing) | np.isinf(numbers)
    if wrong.any():
        line, row = _line(rows[wrong]), rows[wrong].iloc[0]
        name = f"{row['metric']} of {row['model']}" if column == "score" else "accuracy"
        raise TableError(
            f"row {line}: {name} is {row[column]!r}, not a finite number; leave a missing one empty"
        )
    return numbers.to_numpy(np.float64)


def _fractions(
    rows: pd.DataFrame, accuracy: np.ndarray, percent: bool, notes: list[str]
) -> np.ndarray:
    """Accuracies from 0 to 1. Raises TableError if it is not clear what they are."""
    known = accuracy[~np.isnan(accuracy)]
    if not len(known):
        raise TableError("has no accuracy")
    for wrong, remedy in ((accuracy < 0, "below 0"), (accuracy > 100, "above 100")):
        if wrong.any():
            row = rows[wrong].iloc[0]
            raise TableError(
                f"row {_line(rows[wrong])}: the accuracy of {row['model']} on {row['target']} is "
                f"{row['accuracy']}, {remedy}; write fractions or percent"
            )
    signs = rows["accuracy"].str.endswith("%").to_numpy()
    filled = ~np.isnan(accuracy)
    percent |= bool(signs[filled].all())
    if signs.any() and not percent:
        row = rows[~signs & filled].iloc[0]
        raise TableError(
            f"row {_line(rows[~signs & filled])}: the accuracy {row['accuracy']} has no %, and "
            "others have; write all in one way"
        )
    if percent and known.max() <= 1:
        raise TableError(
            "accuracies are said to be in percent, and none is above 1; take the % out"
        )
    small = (accuracy <= 1) & (accuracy > 0)
    if known.max() > 1 and small.any() and not percent:
        row, other = rows[small].iloc[0], rows[accuracy > 1].iloc[0]
        raise TableError(
            f"accuracies are mixed: {row['accuracy']} in row {_line(rows[small])}, a fraction, and "
            f"{other['accuracy']} in row {_line(rows[accuracy > 1])}, percent; write all in one "
            "way, or call the column `accuracy (%)` if all are percent"
        )
    if percent or known.max() > 1:
        notes.append("Accuracies are taken as percent.")
        return accuracy / 100
    notes.append("Accuracies are taken as fractions.")
    return accuracy


def _runs(
    rows: pd.DataFrame,
    accuracy: np.ndarray,
    seeds: pd.Series,
    targets: list[str],
    models: list[str],
) -> np.ndarray:
    """The accuracy of each seed, [seeds, targets, models]; TableError if there are two of one."""
    names = list(dict.fromkeys(seeds))
    runs = np.full((len(names), len(targets), len(models)), np.nan)
    numbers = [
        {name: number for number, name in enumerate(of)} for of in (names, targets, models)
    ]  # fmt: skip
    keys = zip(seeds, rows["target"], rows["model"], strict=True)
    for line, key, value in zip(rows.index, keys, accuracy, strict=True):
        place = tuple(number[part] for number, part in zip(numbers, key, strict=True))
        if np.isnan(value) or runs[place] == value:
            continue
        if not np.isnan(runs[place]):
            seed = f" (seed {key[0]})" if key[0] else ""
            remedy = "" if key[0] else ", or number fine-tunings in a column `seed`"
            raise TableError(
                f"row {line}: {key[2]} on {key[1]}{seed} has another accuracy than in a row above; "
                f"correct one{remedy}"
            )
        runs[place] = value
    return runs


def _scores(
    rows: pd.DataFrame,
    score: np.ndarray,
    metric: str,
    targets: list[str],
    models: list[str],
    seeded: bool,
) -> np.ndarray:
    """A metric, [targets, models]: the mean over seeds. TableError for two scores without seeds."""
    own = (rows["metric"] == metric).to_numpy() & ~np.isnan(score)
    part = rows.loc[own, ["target", "model"]].assign(score=score[own])
    different = part.drop_duplicates()
    twice = different.duplicated(["target", "model"])
    if twice.any() and not seeded:
        row = different[twice].iloc[0]
        raise TableError(
            f"row {_line(different[twice])}: {metric} of {row['model']} on {row['target']} has "
            "another score than in a row above; correct one, or number fine-tunings in a column "
            "`seed`"
        )
    table = part.groupby(["target", "model"])["score"].mean().unstack()
    return table.reindex(index=targets, columns=models).to_numpy(np.float64)


def _of_models(rows: pd.DataFrame, models: list[str], column: str, several: str) -> np.ndarray:
    """The family, or the architecture, of each model; one of its own where the table has none."""
    if column not in rows:
        return np.array(models if column == "family" else [""] * len(models))
    found = {}
    for line, model, name in zip(rows.index, rows["model"], rows[column], strict=True):
        if name and found.setdefault(model, name) != name:
            raise TableError(f"row {line}: {model} is of two {several}, {found[model]} and {name}")
    return np.array([found.get(model, f"{model} alone") for model in models])


def _directions(rows: pd.DataFrame, given: bool | Mapping[str, bool] | None) -> dict[str, bool]:
    """Whether larger is better, of the metrics of which the table or the setting says it."""
    metrics = list(dict.fromkeys(rows["metric"]))
    found = {}
    if "larger_is_better" in rows:
        for line, metric, cell in zip(
            rows.index, rows["metric"], rows["larger_is_better"], strict=True
        ):
            if cell == "":
                continue
            truth = TRUTH.get(cell.lower().removesuffix(".0"))
            if truth is None:
                raise TableError(f"row {line}: larger_is_better is {cell!r}, not true or false")
            if found.setdefault(metric, truth) != truth:
                raise TableError(f"row {line}: larger_is_better is true and false for {metric}")
    if given is None:
        return found
    named = (
        given
        if isinstance(given, Mapping)
        else dict.fromkeys([m for m in metrics if m not in found], given)
    )
    for metric, truth in named.items():
        if metric not in metrics:
            raise TableError(
                f"has no metric {metric}, which larger_is_better names; it has {', '.join(metrics)}"
            )
        if found.setdefault(metric, truth) != truth:
            raise TableError(
                f"larger_is_better is {not truth} for {metric}, {truth} in the settings"
            )
    return found


def _without_empty(found: Outside) -> Outside:
    """Without the metrics that have no score, and notes of what is missing.

    Raises TableError if nothing is left to compare.
    """
    empty = [m for m, values in found.metrics.items() if np.isnan(values).all()]
    for metric in empty:
        del found.metrics[metric]
    if empty:
        found.notes.append(f"Left out, without any score: {', '.join(empty)}.")
    if not found.metrics:
        raise TableError("has no score")
    known = ~np.isnan(found.accuracy)
    models = [(known & ~np.isnan(values)).sum(axis=1).max() for values in found.metrics.values()]
    if max(models) < MIN_MODELS:
        raise TableError(
            f"on no target do {MIN_MODELS} models have an accuracy and a score of one metric; two "
            "models, in the right order or not, say nothing"
        )
    cells = found.accuracy.size
    if lacking := int(np.isnan(found.accuracy).sum()):
        found.notes.append(f"{lacking} of {cells} accuracies are missing.")
    gaps = {m: int(np.isnan(values).sum()) for m, values in found.metrics.items()}
    if some := [f"{metric} {number}" for metric, number in gaps.items() if number]:
        found.notes.append(
            f"Scores missing, of {cells} each: {', '.join(some)}. A metric is compared on the "
            "models that have it; two metrics, on those that have both."
        )
    return found
