"""Figure 3: Spearman's ρ of each pair of metrics against α.

input:  curves: npy [pairs, alphas, cells], pairs: csv; both of scripts/correlation.py
params: architectures; targets: list of [name, title]; alpha_step; dpi
output: svg, pdf, png
"""

import numpy as np

from basemodel.fingerprint import verify
from basemodel.report.figures import figure3, style
from basemodel.statistics.pairs import alpha_grid
from basemodel.tables import read_csv

verify(snakemake.params.code)

params = snakemake.params
figure = figure3.draw(
    np.load(snakemake.input.curves),
    read_csv(snakemake.input.pairs),
    alpha_grid(params.alpha_step),
    params.architectures,
    params.targets,
)
style.save(figure, {kind: snakemake.output.get(kind) for kind in ("svg", "pdf", "png")}, params.dpi)
