"""The page of `snakemake compare`: one HTML file that loads nothing else."""

import base64
from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from basemodel.files import shown
from basemodel.report import compare_words as words
from basemodel.report.conclusions import interval
from basemodel.report.environment import TEMPLATES, environment
from basemodel.statistics.scopes import SEVERAL


def page(
    name: str,
    tables: Mapping[str, pd.DataFrame],
    notes: list[str],
    figures: Mapping[str, bytes],
) -> str:
    """The page as HTML, the same for equal tables.

    name: of the table; tables, notes: of outside.compare; figures: SVG of figure6 and figure7.
    """
    everything = words.of(tables, SEVERAL)
    order = everything["mean_rho"].sort_values("mean_rho", ascending=False, kind="stable")["metric"]
    rho = everything["rho"].set_index(["metric", "target"])
    targets = list(dict.fromkeys(everything["rho"]["target"]))
    cells = [(metric, [_cell(rho.loc[metric, target]) for target in targets]) for metric in order]
    differences = everything["differences"]
    html = environment().get_template("compare.html.j2").render(
        name=name,
        size=words.size(tables),
        sentences=list(words.answer(tables)),
        notes=notes,
        intervals=words.INTERVALS,
        css=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        figures={key: base64.b64encode(svg).decode() for key, svg in figures.items()},
        means=[(words.OVER[scope], words.means(tables, scope)) for scope in words.scopes(tables)],
        targets=targets,
        cells=cells,
        ceilings=everything["ceiling"].set_index("target")["ceiling"].to_dict(),
        differences=[
            (row.first, row.second, interval(row.difference, row.low, row.high),
             f"{row.low_all:.2f} to {row.high_all:.2f}" if row.low_all == row.low_all else "-",
             row.low_all > 0)
            for row in differences.sort_values("low_all", ascending=False).itertuples()
        ],
    )  # fmt: skip
    return shown(html)


def _cell(row: pd.Series) -> tuple[str, str]:
    """ρ with its interval, and of how many models."""
    return interval(row["rho"], row["low"], row["high"]), f"{row['n']:.0f} models"
