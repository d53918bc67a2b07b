"""Figure 2: Spearman's ρ of each metric, by architecture and target.

input:  correlation: csv of scripts/correlation.py; ceiling: csv of scripts/ceiling.py
params: architectures; targets: list of [name, title]; metrics; dpi
output: svg, pdf, png
"""

from basemodel.fingerprint import verify
from basemodel.report.figures import figure2, style
from basemodel.tables import read_csv

verify(snakemake.params.code)

params = snakemake.params
figure = figure2.draw(
    read_csv(snakemake.input.correlation),
    params.architectures,
    params.targets,
    params.metrics,
    read_csv(snakemake.input.ceiling),
)
style.save(figure, {kind: snakemake.output.get(kind) for kind in ("svg", "pdf", "png")}, params.dpi)
