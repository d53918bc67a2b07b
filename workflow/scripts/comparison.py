"""All metrics compared: ρ with intervals, differences between metrics, and what a choice costs.

input:  fine_tuning: csv architecture, target, subset, accuracy (0 to 1)
        base_models: csv architecture, subset, policy, …
        metrics: csv subset, value, …, value_even, value_odd; one for each of the cells
settings: cells: list of [metric, architecture, target]; architectures; targets; metrics;
        bootstrap: the number of draws; seed
output: scores: csv, one row per fine-tuning with its accuracy and raw metrics (scores.gather)
        rho: csv, one row per (architecture or "all", target, metric) (comparison.rho_table)
        mean_rho: csv, one row per (scope, metric) (comparison.mean_table)
        differences: csv, one row per scope and two metrics (comparison.difference_table)
        regret: csv, one row per (architecture or "all", target, metric) (regret.regret_table)
        mean_regret: csv, one row per (scope, metric) (regret.mean_regret_table)
"""

import pandas as pd

from basemodel.run.provenance import verify
from basemodel.statistics import comparison
from basemodel.statistics.pools import across_architectures, cells
from basemodel.statistics.regret import mean_regret_table, regret_table
from basemodel.statistics.scores import of_job
from basemodel.tables import write_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
scores, values = of_job(snakemake)

tables = {"rho": [], "mean_rho": [], "differences": [], "regret": []}
one = cells(scores, values, settings["metrics"])
for pools in (one, across_architectures(one, values)):
    if pools is None:  # one architecture only
        continue
    rho, within = comparison.rho_draws(pools, settings["bootstrap"], settings["seed"])
    tables["rho"].append(comparison.rho_table(pools, rho, within))
    tables["mean_rho"].append(comparison.mean_table(pools, rho, within))
    tables["differences"].append(comparison.difference_table(pools, rho))
    tables["regret"].append(regret_table(pools))
found = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
found["mean_regret"] = mean_regret_table(found["regret"])

write_csv(snakemake.output.scores, scores)
for name, table in found.items():
    write_csv(snakemake.output[name], table)
