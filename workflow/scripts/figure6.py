"""Figure 6: how well each metric ranks base models, with intervals and the noise ceiling.

input:  mean_rho: csv of scripts/comparison.py; ceiling: csv of scripts/ceiling.py
params: metrics: the paper's; dpi
output: svg, pdf, png
"""

from basemodel.fingerprint import verify
from basemodel.report.figures import figure6, style
from basemodel.tables import read_csv

verify(snakemake.params.code)

params = snakemake.params
figure = figure6.draw(
    read_csv(snakemake.input.mean_rho), read_csv(snakemake.input.ceiling), params.metrics
)
style.save(figure, {kind: snakemake.output.get(kind) for kind in ("svg", "pdf", "png")}, params.dpi)
