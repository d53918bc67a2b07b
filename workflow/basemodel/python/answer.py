"""What basemodel.rank returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basemodel.files import read_json
from basemodel.report.rank_answer import next_steps, terminal
from basemodel.report.rank_table import candidate_table
from basemodel.selection.ranking_json import Ranking
from basemodel.tables import read_csv

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Answer:
    """A ranking. `print` gives the text, and a notebook shows it with a table.

    Attributes
    ----------
    best : list
        The candidates that may be the best, first the first of the ranking: what `basemodel.load`
        takes, a name or, of a file of weights, a dict; of embeddings what they are called. Empty
        without labels. Read `text` as well: it may say that the order is not to be relied on.
    table : pandas.DataFrame
        A row for each candidate, untrained baseline and failure, with every score; the same as
        ranking.csv.
    page : pathlib.Path
        The page with all of it, one HTML file.
    text : str
        The answer in words, in lines of at most 100 columns.
    ranking : dict
        Everything that page and table say (basemodel.selection.ranking_json describes it).
    """

    best: list[str | dict[str, str]]
    table: "pd.DataFrame"
    page: Path
    text: str
    ranking: Ranking

    def __repr__(self) -> str:
        return f"{self.text}The page: {self.page}"

    def _repr_html_(self) -> str:
        shown = candidate_table(self.ranking, [self.ranking["by"]])
        columns = [i for i, column in enumerate(shown["columns"]) if not column["more"]]
        heads = ["", "candidate", *(shown["columns"][i]["title"] for i in columns)]
        rows = [
            [each["rank"], each["name"], *(_cell(each["cells"][i]) for i in columns)]
            for each in shown["rows"]
            if not each["baseline"]
        ]
        text = f"<pre>{escape(terminal(self.ranking, table=False))}</pre>"
        return f"{text}<table><thead>{_row(heads, 'th')}</thead><tbody>" + (
            "".join(_row(row, "td") for row in rows) + "</tbody></table>"
        )

    @property
    def next_steps(self) -> str:
        """What to do now: lines to be copied."""
        return next_steps(self.ranking)


def answer(folder: Path, settings: Mapping[str, Any]) -> Answer:
    """That of the files in a folder; `settings`: what the user has called candidates, by slug."""
    ranking = read_json(folder / "ranking.json")
    return Answer(
        [settings[one["slug"]] for one in ranking["candidates"] if one["possible_best"]],
        read_csv(folder / "ranking.csv"),
        folder / "report.html",
        (folder / "answer.txt").read_text(encoding="utf-8"),
        ranking,
    )


def _cell(cell: dict[str, Any]) -> str:
    return f"{cell['text']} ({cell['note']})" if cell["note"] else cell["text"]


def _row(cells: list[Any], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(str(cell))}</{tag}>' for cell in cells)}</tr>"
