"""All metrics compared: ρ with intervals, differences between metrics, and what a choice costs.

input:  fine_tuning: csv architecture, target, subset, accuracy (0 to 1)
        base_models: csv architecture, subset, policy, …
        metrics: csv subset, value, …, value_even, value_odd; one for each of the cells
settings: cells: list of [metric, architecture, target], all combinations; bootstrap:
        the number of resamples; seed
output: scores: csv, one row per fine-tuning with its accuracy and raw metrics (pools.scores_table)
        rho: csv, one row per (architecture or "all", target, metric) (comparison.rho_table)
        mean_rho: csv, one row per (scope, metric) (comparison.mean_table)
        differences: csv, one row per scope and two metrics (comparison.difference_table)
        regret: csv, one row per (architecture or "all", target, metric) (regret.regret_table)
        mean_regret: csv, one row per (scope, metric) (regret.mean_regret_table)
"""

import pandas as pd

from basemodel.run.provenance import verify
from basemodel.statistics.comparison import (
    difference_table,
    mean_table,
    paired,
    rho_table,
    rho_within_of,
)
from basemodel.statistics.correlation import rho_of
from basemodel.statistics.pools import across_architectures, read_cells, scores_table
from basemodel.statistics.regret import mean_regret_table, regret_table
from basemodel.tables import write_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
files = snakemake.input
scores = read_cells(files.fine_tuning, files.base_models, files.metrics, settings["cells"])

tables = {"rho": [], "mean_rho": [], "differences": [], "regret": [], "mean_regret": []}
for pools in (scores, across_architectures(scores)):
    if pools is None:  # one architecture only
        continue
    counts = pools.resample(settings["bootstrap"], settings["seed"])
    rho, within = rho_of(pools, counts), rho_within_of(pools, counts)
    tables["rho"].append(rho_table(pools, rho, within))
    tables["mean_rho"].append(mean_table(pools, rho, within))
    tables["differences"].append(difference_table(pools.scope, pools.targets, paired(rho)))
    regret = regret_table(pools)
    tables["regret"].append(regret)
    tables["mean_regret"].append(mean_regret_table(regret, pools, counts))
found = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}

write_csv(snakemake.output.scores, scores_table(scores))
for name, table in found.items():
    write_csv(snakemake.output[name], table)
