"""Spearman's ρ of every metric with the fine-tuned accuracy, and the search for the best pair.

input:  fine_tuning: csv architecture, target, subset, accuracy (0 to 1)
        base_models: csv architecture, subset, policy, …
        metrics: csv subset, value, …; one for each of the cells, in that order
settings: cells: list of [metric, architecture, target], all combinations; alpha_step;
        bootstrap: the number of resamples; seed
output: correlation: csv, one row per (architecture, target, metric) (correlation.correlation_table)
        pairs: csv, one row per pair at its best α, then one per single metric (pairs.search)
        curves: npy float64 [pairs, alphas, cells], cells by architecture, then target
"""

import numpy as np

from basemodel.files import write_npy
from basemodel.run.provenance import verify
from basemodel.statistics.correlation import correlation_table, rho_of
from basemodel.statistics.pairs import alpha_grid, scale, search
from basemodel.statistics.pools import read_cells
from basemodel.tables import write_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
files = snakemake.input
scores = read_cells(files.fine_tuning, files.base_models, files.metrics, settings["cells"])
pairs, curves = search(
    scale(np.stack(list(scores.metrics.values()))),
    scores.accuracy,
    alpha_grid(settings["alpha_step"]),
    list(scores.metrics),
    scores.names,
)
rho = rho_of(scores, scores.resample(settings["bootstrap"], settings["seed"]))

write_csv(snakemake.output.correlation, correlation_table(scores, rho))
write_csv(snakemake.output.pairs, pairs)
write_npy(snakemake.output.curves, curves)
