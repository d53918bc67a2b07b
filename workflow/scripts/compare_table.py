"""Which score to believe, for a table of scores and accuracies from elsewhere, or of zoo_table.py.

input:  table: csv (statistics.outside_table.read); if there: failures, trust, targets: csv of
        zoo_table.py; pairs, optimism: csv of zoo_pairs.py
settings: name: of the table; larger_is_better: of outside_table.read; bootstrap: the number of
        resamples; seed; dpi: of the PNG files
output: tables: csv of statistics.outside.compare, named after its tables; summary: txt; page: html;
        figure6, figure7: svg, pdf, png
"""

from pathlib import Path

from basemodel.files import write_text
from basemodel.report.compare_page import page
from basemodel.report.compare_words import summary
from basemodel.report.figures import figure6, figure7, style
from basemodel.run.provenance import verify
from basemodel.statistics.outside import compare
from basemodel.statistics.outside_table import TableError
from basemodel.tables import read_csv, write_csv
from basemodel.zoo.words import of_pairs, words

verify(snakemake.params.code)
settings = snakemake.params.settings
table = snakemake.input.table
try:
    tables, notes = compare(
        table, settings["larger_is_better"], settings["bootstrap"], settings["seed"]
    )
except TableError as error:  # of a user's table it is told before the first job
    more = "; failures.csv beside it says why" if snakemake.input.get("failures") else ""
    raise SystemExit(f"{table}: {error}{more}") from None
if snakemake.input.get("trust"):
    of_zoo = (read_csv(snakemake.input[name]) for name in ("targets", "failures", "trust"))
    notes += words(*of_zoo)
if snakemake.input.get("pairs"):
    notes.append(of_pairs(read_csv(snakemake.input.pairs), read_csv(snakemake.input.optimism)))
for path in snakemake.output.tables:
    write_csv(path, tables[Path(path).stem])

figures = {
    "figure6": figure6.draw(tables["mean_rho"], tables["ceiling"], paper=None),
    "figure7": figure7.draw(tables["mean_regret"], paper=None),
}
for name, figure in figures.items():
    files = {Path(path).suffix[1:]: path for path in snakemake.output[name]}
    style.save(figure, files, settings["dpi"])
    figures[name] = Path(files["svg"]).read_bytes()

lines = summary(settings["name"], tables, notes)
write_text(snakemake.output.summary, "\n".join(lines) + "\n")
write_text(snakemake.output.page, page(settings["name"], tables, notes, figures))
