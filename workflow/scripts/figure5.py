"""Figure 5: Spearman's ρ between each metric and the accuracy over the cuts of a network.

input:  correlation: csv of scripts/cuts.py
settings: architectures: the panels; targets: list of [name, title]; metrics; dpi
output: svg, pdf, png
"""

from basemodel.report.figures import figure5, style
from basemodel.run.provenance import verify
from basemodel.tables import read_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
figure = figure5.draw(
    read_csv(snakemake.input.correlation),
    settings["architectures"],
    settings["targets"],
    settings["metrics"],
)
style.save(figure, dict(snakemake.output.items()), settings["dpi"])
