"""Figure 7: the accuracy that a user loses who follows a metric.

input:  mean_regret: csv of scripts/comparison.py
settings: metrics: the paper's; dpi
output: svg, pdf, png
"""

from basemodel.report.figures import figure7, style
from basemodel.run.provenance import verify
from basemodel.tables import read_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
figure = figure7.draw(read_csv(snakemake.input.mean_regret), settings["metrics"])
style.save(figure, dict(snakemake.output.items()), settings["dpi"])
