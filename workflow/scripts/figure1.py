"""Figure 1: accuracy and metrics of every epoch of normal training.

input:  accuracies: csv architecture, epoch (from 1), test_accuracy (0 to 1), …
        metrics: list of csv epoch, value, … of scripts/metric.py; one for each of params.cells,
        in that order
params: cells: list of [metric, architecture]; architectures; metrics; dpi
output: svg, pdf, png
"""

from basemodel.fingerprint import verify
from basemodel.report.figures import figure1, style
from basemodel.statistics.series import collect
from basemodel.tables import read_csv

verify(snakemake.params.code)

params = snakemake.params
accuracies = read_csv(snakemake.input.accuracies)
tables = [read_csv(path) for path in snakemake.input.metrics]
metrics = collect(params.cells, tables, ["architecture"], "epoch")
figure = figure1.draw(accuracies, metrics, params.architectures, params.metrics)
style.save(figure, {kind: snakemake.output.get(kind) for kind in ("svg", "pdf", "png")}, params.dpi)
