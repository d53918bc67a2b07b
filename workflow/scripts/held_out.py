"""The choice of a pair, judged on targets and architectures that it was not made on.

input:  fine_tuning, base_models, metrics: as in correlation.py
        curves: npy float64 [pairs, alphas, cells], from correlation.py
settings: as in correlation.py
output: held_out: csv, one row per target or architecture left out (held_out.evaluate)
        optimism: csv, in-sample and held-out mean ρ, and their difference (held_out.evaluate)
"""

import numpy as np

from basemodel.run.provenance import verify
from basemodel.statistics.held_out import evaluate
from basemodel.statistics.pairs import alpha_grid, scale
from basemodel.statistics.pools import read_cells
from basemodel.tables import write_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
files = snakemake.input
scores = read_cells(files.fine_tuning, files.base_models, files.metrics, settings["cells"])
folds, optimism = evaluate(
    scale(np.stack(list(scores.metrics.values()))),
    scores.accuracy,
    alpha_grid(settings["alpha_step"]),
    np.load(files.curves),
    list(scores.metrics),
    scores.names,
    scores.resample(settings["bootstrap"], settings["seed"]),
)

write_csv(snakemake.output.held_out, folds)
write_csv(snakemake.output.optimism, optimism)
