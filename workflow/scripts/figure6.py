"""Figure 6: how well each metric ranks base models, with intervals and the noise ceiling.

input:  mean_rho: csv of scripts/comparison.py; ceiling: csv of scripts/ceiling.py
settings: metrics: the paper's; dpi
output: svg, pdf, png
"""

from basemodel.report.figures import figure6, style
from basemodel.run.provenance import verify
from basemodel.tables import read_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
figure = figure6.draw(
    read_csv(snakemake.input.mean_rho), read_csv(snakemake.input.ceiling), settings["metrics"]
)
style.save(figure, dict(snakemake.output.items()), settings["dpi"])
