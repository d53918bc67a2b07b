"""The search for the best pair of metrics over all models of each target, and what it is worth on
targets that it was not chosen on.

input:  table: csv of zoo_table.py
settings: metrics; alpha_step; bootstrap: the number of resamples; seed
output: pairs: csv (pairs.search; n, the number of models); curves: npy float64 [pairs, alphas,
        targets]; held_out, optimism: csv (held_out.evaluate)
"""

import numpy as np

from basemodel.files import write_npy
from basemodel.metrics import sign
from basemodel.run.provenance import verify
from basemodel.statistics import held_out
from basemodel.statistics.bootstrap import MIN_MODELS, resample
from basemodel.statistics.outside_table import read
from basemodel.statistics.pairs import alpha_grid, scale, search
from basemodel.statistics.scopes import ALL
from basemodel.tables import write_csv

verify(snakemake.params.code)
settings = snakemake.params.settings
metrics, alphas = settings["metrics"], alpha_grid(settings["alpha_step"])
found = read(snakemake.input.table)
values = np.stack([sign(metric) * found.metrics[metric] for metric in metrics])
# A pair is compared on one set of models: those that have everything everywhere.
whole = np.isfinite(found.accuracy).all(axis=0) & ~np.isnan(values).any(axis=(0, 1))
if whole.sum() < MIN_MODELS:
    whole[:] = True  # and every rho that lacks something is undefined
accuracy, scaled = found.accuracy[:, whole], scale(values[..., whole])
families, family = np.unique(found.families[whole], return_inverse=True)
counts = resample(np.zeros(len(families)), settings["bootstrap"], settings["seed"])[:, family]
cells = [(ALL, target) for target in found.targets]
pairs, curves = search(scaled, accuracy, alphas, metrics, cells)
folds, optimism = held_out.evaluate(scaled, accuracy, alphas, curves, metrics, cells, counts)

write_csv(snakemake.output.pairs, pairs.assign(n=whole.sum()))
write_npy(snakemake.output.curves, curves)
write_csv(snakemake.output.held_out, folds)
write_csv(snakemake.output.optimism, optimism)
print(f"pairs of {len(metrics)} metrics, on {whole.sum()} of {len(whole)} models")
