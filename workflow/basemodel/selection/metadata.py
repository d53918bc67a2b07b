"""Accuracies on ImageNet that timm publishes, from a file that the user names.

`results-imagenet.csv` of timm's repository has a line per model, with the columns model and top1
(percent). It is not part of the installed package.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from basemodel.data.listing import DataError
from basemodel.selection.names import Candidate

COLUMNS = ("model", "top1")


def read(path: str | Path) -> dict[str, float]:
    """Top-1 accuracies, in percent, by timm's names. Raises DataError if the file has none."""
    path = Path(path).expanduser()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; `rank.metadata` names it") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path}: is not a table (CSV); name timm's results-imagenet.csv"
        ) from error
    if not rows or not set(COLUMNS) <= rows[0].keys():
        raise DataError(f"{path}: needs the columns {' and '.join(COLUMNS)}")
    try:
        return {row["model"]: float(row["top1"]) for row in rows}
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: top1 must be a percentage: {error}") from error


def of_cards(path: str | Path, cards: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    """Top-1 accuracies of candidates, by slug; None of what the file does not have."""
    published = read(path)
    return {
        card["slug"]: accuracy(
            Candidate(card["source"], card["name"], untrained=card["untrained"]), published
        )
        for card in cards
    }


def accuracy(candidate: Candidate, published: dict[str, float]) -> float | None:
    """A timm candidate's; of a name without a tag, only if the file has that very name."""
    if candidate.source != "timm" or candidate.untrained:
        return None
    return published.get(candidate.name)
