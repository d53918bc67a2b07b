"""Figure 1: accuracy and metrics of every epoch of normal training.

input:  accuracies: csv architecture, epoch (from 1), test_accuracy (0 to 1), …
        metrics: list of csv epoch, value, … of scripts/metric.py; one for each of the cells,
        in that order
settings: cells: list of [metric, architecture]; architectures; metrics; dpi
output: svg, pdf, png
"""

from basemodel.report.figures import figure1, style
from basemodel.run.provenance import verify
from basemodel.statistics.series import collect
from basemodel.tables import read_csv, read_tables

verify(snakemake.params.code)

settings = snakemake.params.settings
accuracies = read_csv(snakemake.input.accuracies)
tables = read_tables(settings["cells"], snakemake.input.metrics)
metrics = collect(tables, ["architecture"], "epoch")
figure = figure1.draw(accuracies, metrics, settings["architectures"], settings["metrics"])
style.save(figure, dict(snakemake.output.items()), settings["dpi"])
