"""CSV in and out: full float precision, '\\n' line ends, equal tables give equal bytes."""

from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

import pandas as pd

from basemodel.files import write_text

# Columns of names. They are always text: a data set may be called 2023 or null.
NAMES = {
    "architecture", "target", "subset", "policy", "metric", "chooser", "title", "first", "second",
    "max_architecture", "max_target", "min_architecture", "min_target",
    "scope", "left_out", "name", "half", "what",
}  # fmt: skip


def write_csv(path: str | Path, table: pd.DataFrame) -> None:
    """Write the columns of `table`, without its index; NaN becomes an empty field."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read what write_csv wrote, floats to the last bit.

    The columns in NAMES are str, with "" for empty fields.
    """
    columns = pd.read_csv(path, nrows=0).columns
    return pd.read_csv(
        path,
        dtype={column: str for column in columns if column in NAMES},
        na_values={column: [""] for column in columns if column not in NAMES},
        keep_default_na=False,
    )


def read_tables(
    names: Iterable[Iterable[Hashable]], paths: Sequence[str | Path]
) -> dict[tuple[Hashable, ...], pd.DataFrame]:
    """Read one table for each name, in their order; ValueError unless there are as many paths."""
    keys = [tuple(name) for name in names]
    if len(keys) != len(paths):
        raise ValueError(f"{len(keys)} cells need as many tables, not {len(paths)}")
    return {key: read_csv(path) for key, path in zip(keys, paths, strict=True)}


def require_fractions(table: pd.DataFrame, column: str, keys: Sequence[str], what: str) -> None:
    """Raise ValueError for the first row whose `column` is missing or not a fraction from 0 to 1.

    The message names the table (`what`) and the row (by its `keys`). Means, medians and maxima
    would silently skip a NaN.
    """
    values = pd.to_numeric(table[column], errors="coerce")
    wrong = ~values.between(0, 1)  # NaN is not
    if wrong.any():
        row = table[wrong].iloc[0]
        name = ", ".join(row[key] if key in NAMES else f"{key} {row[key]}" for key in keys)
        raise ValueError(f"{what}: {name} has {row[column]}, not a fraction from 0 to 1")
