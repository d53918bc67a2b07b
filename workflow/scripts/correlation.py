"""Spearman's ρ of every metric with the fine-tuned accuracy, and the search for the best pair.

input:  fine_tuning: csv architecture, target, subset, accuracy (0 to 1)
        base_models: csv architecture, subset, policy, …
        metrics: csv subset, value, …; one for each of the cells, in that order
settings: cells: list of [metric, architecture, target]; alpha_step; architectures; targets;
        metrics; bootstrap: the number of draws; seed
output: correlation: csv, one row per (architecture, target, metric) (scores.rho_table)
        pairs: csv, one row per pair at its best α, then one per single metric (pairs.search)
        curves: npy float64 [pairs, alphas, cells], cells by architecture, then target
"""

import numpy as np

from basemodel.files import write_npy
from basemodel.run.provenance import verify
from basemodel.statistics.pairs import alpha_grid, scale, search
from basemodel.statistics.scores import by_cell, cell_names, of_job, oriented, rho_table
from basemodel.tables import write_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
scores, _ = of_job(snakemake)
pairs, curves = search(
    scale(np.stack([oriented(scores, metric) for metric in settings["metrics"]])),
    by_cell(scores, "accuracy"),
    alpha_grid(settings["alpha_step"]),
    settings["metrics"],
    cell_names(settings["architectures"], settings["targets"]),
)

correlation = rho_table(scores, settings["metrics"], settings["bootstrap"], settings["seed"])
write_csv(snakemake.output.correlation, correlation)
write_csv(snakemake.output.pairs, pairs)
write_npy(snakemake.output.curves, curves)
