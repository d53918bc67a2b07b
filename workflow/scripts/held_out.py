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
from basemodel.statistics.pools import cells
from basemodel.tables import read_csv, read_tables, write_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
scores = cells(
    read_csv(snakemake.input.fine_tuning),
    read_csv(snakemake.input.base_models),
    read_tables(settings["cells"], snakemake.input.metrics),
    settings["architectures"],
    settings["targets"],
    settings["metrics"],
)
folds, optimism = evaluate(
    scale(np.stack(list(scores.metrics.values()))),
    scores.accuracy,
    alpha_grid(settings["alpha_step"]),
    np.load(snakemake.input.curves),
    settings["metrics"],
    scores.names,
    scores.policies,
    settings["bootstrap"],
    settings["seed"],
)

write_csv(snakemake.output.held_out, folds)
write_csv(snakemake.output.optimism, optimism)
