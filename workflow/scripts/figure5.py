"""Figure 5: Spearman's ρ between each metric and the accuracy over the cuts of a network.

input:  correlation: csv of scripts/cuts.py
params: architectures: the panels; targets: list of [name, title]; metrics; dpi
output: svg, pdf, png
"""

from basemodel.fingerprint import verify
from basemodel.report.figures import figure5, style
from basemodel.tables import read_csv

verify(snakemake.params.code)

params = snakemake.params
figure = figure5.draw(
    read_csv(snakemake.input.correlation), params.architectures, params.targets, params.metrics
)
style.save(figure, {kind: snakemake.output.get(kind) for kind in ("svg", "pdf", "png")}, params.dpi)
