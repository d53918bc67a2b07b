"""Figure 3: Spearman's ρ of each pair of metrics against α.

input:  curves: npy [pairs, alphas, cells], pairs: csv; both of scripts/correlation.py
settings: architectures; targets: list of [name, title]; alpha_step; dpi
output: svg, pdf, png
"""

import numpy as np

from basemodel.report.figures import figure3, style
from basemodel.run.provenance import verify
from basemodel.statistics.pairs import alpha_grid
from basemodel.tables import read_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
figure = figure3.draw(
    np.load(snakemake.input.curves),
    read_csv(snakemake.input.pairs),
    alpha_grid(settings["alpha_step"]),
    settings["architectures"],
    settings["targets"],
)
style.save(figure, dict(snakemake.output.items()), settings["dpi"])
