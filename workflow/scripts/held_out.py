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
from basemodel.statistics.scores import by_cell, cell_names, of_job, oriented
from basemodel.tables import write_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
scores, _ = of_job(snakemake)
folds, optimism = evaluate(
    scale(np.stack([oriented(scores, metric) for metric in settings["metrics"]])),
    by_cell(scores, "accuracy"),
    alpha_grid(settings["alpha_step"]),
    np.load(snakemake.input.curves),
    settings["metrics"],
    cell_names(settings["architectures"], settings["targets"]),
    settings["bootstrap"],
    settings["seed"],
)

write_csv(snakemake.output.held_out, folds)
write_csv(snakemake.output.optimism, optimism)
