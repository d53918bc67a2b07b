"""Figure 2: Spearman's ρ of each metric, by architecture and target.

input:  correlation: csv of scripts/correlation.py; ceiling: csv of scripts/ceiling.py
settings: architectures; targets: list of [name, title]; metrics; dpi
output: svg, pdf, png
"""

from basemodel.report.figures import figure2, style
from basemodel.run.provenance import verify
from basemodel.tables import read_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
figure = figure2.draw(
    read_csv(snakemake.input.correlation),
    settings["architectures"],
    settings["targets"],
    settings["metrics"],
    read_csv(snakemake.input.ceiling),
)
style.save(figure, dict(snakemake.output.items()), settings["dpi"])
