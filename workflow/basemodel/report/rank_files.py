"""A ranking in four files: as JSON, as a table, as a page and as text."""

from pathlib import Path

import pandas as pd

from basemodel.files import write_json, write_text
from basemodel.report.rank_answer import terminal
from basemodel.report.rank_csv import csv_rows
from basemodel.report.rank_page import page
from basemodel.selection.ranking_json import Ranking
from basemodel.tables import write_csv


def write_answer(
    found: Ranking, json: str | Path, csv: str | Path, html: str | Path, text: str | Path
) -> None:
    """Write all four, none before all are made."""
    table, shown, answer = pd.DataFrame(csv_rows(found)), page(found), terminal(found)
    write_json(json, found)
    write_csv(csv, table)
    write_text(html, shown)
    write_text(text, answer)
