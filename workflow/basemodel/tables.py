"""CSV in and out: full float precision, '\\n' line ends, equal tables are equal bytes."""

from pathlib import Path

import pandas as pd

from basemodel.files import write_text


def write_csv(path: str | Path, table: pd.DataFrame) -> None:
    """Write the columns of `table`, without its index; NaN becomes an empty field."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read what write_csv wrote, floats to the last bit (with pandas 3; 2 may lose one bit)."""
    return pd.read_csv(path)
