"""Figure 7: the accuracy that a user loses who follows a metric.

input:  mean_regret: csv of scripts/comparison.py
params: metrics: the paper's; dpi
output: svg, pdf, png
"""

from basemodel.fingerprint import verify
from basemodel.report.figures import figure7, style
from basemodel.tables import read_csv

verify(snakemake.params.code)

params = snakemake.params
figure = figure7.draw(read_csv(snakemake.input.mean_regret), params.metrics)
style.save(figure, {kind: snakemake.output.get(kind) for kind in ("svg", "pdf", "png")}, params.dpi)
