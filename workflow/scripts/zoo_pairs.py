"""The search for the best pair of metrics over all models of each target, and what it is worth on
targets that it was not chosen on.

input:  table: csv of zoo_table.py
settings: targets: names; metrics; alpha_step; bootstrap: the number of resamples; seed
output: pairs: csv (pairs.search; n, the number of models); curves: npy float64 [pairs, alphas,
        targets]; held_out, optimism: csv (held_out.evaluate)
"""

from basemodel.files import write_npy
from basemodel.run.provenance import verify
from basemodel.statistics import held_out
from basemodel.statistics.bootstrap import resample_families
from basemodel.statistics.outside_table import TableError, read
from basemodel.statistics.pairs import alpha_grid, scale, search
from basemodel.statistics.scopes import ALL
from basemodel.tables import write_csv
from basemodel.zoo.pairs import compared

verify(snakemake.params.code)
settings = snakemake.params.settings
metrics, alphas = settings["metrics"], alpha_grid(settings["alpha_step"])
try:
    found = read(snakemake.input.table)
except TableError as error:
    raise SystemExit(f"{snakemake.input.table}: {error}; failures.csv beside it says why") from None
values, accuracy, whole = compared(found, settings["targets"], metrics)
accuracy, scaled = accuracy[:, whole], scale(values[..., whole])
counts = resample_families(found.families[whole], settings["bootstrap"], settings["seed"])
cells = [(ALL, target) for target in settings["targets"]]
pairs, curves = search(scaled, accuracy, alphas, metrics, cells)
folds, optimism = held_out.evaluate(scaled, accuracy, alphas, curves, metrics, cells, counts)

write_csv(snakemake.output.pairs, pairs.assign(n=whole.sum()))
write_npy(snakemake.output.curves, curves)
write_csv(snakemake.output.held_out, folds)
write_csv(snakemake.output.optimism, optimism)
print(f"pairs of {len(metrics)} metrics, on {whole.sum()} of {len(whole)} models")
