"""Where to cut the networks: the outcome of each choice of a layer, and ρ over the layers.

input:  fine_tunings: list of json with architecture, target, layer (from 0), accuracy (0 to 1), …
        metrics: list of csv layer, value, … of scripts/metric.py; one for each of the cells,
        in that order
        costs: csv of scripts/costs.py
settings: cells: list of [metric, architecture, target]
output: accuracies (if asked for): csv, all inputs' in one: architecture, target, layer, accuracy
        metrics: csv architecture, target, layer, metric, value
        choices: csv, one row per (architecture, target, chooser) (cuts.choices)
        correlation: csv, one row per (architecture, target, metric) (cuts.rho_over_layers)
"""

import pandas as pd

from basemodel.files import read_json
from basemodel.run.provenance import verify
from basemodel.statistics.cuts import choices, rho_over_layers
from basemodel.statistics.series import collect
from basemodel.tables import read_csv, read_tables, write_csv

verify(snakemake.params.code)
settings = snakemake.params.settings

tables = read_tables(settings["cells"], snakemake.input.metrics)
metrics = collect(tables, ["architecture", "target"], "layer")
accuracies = pd.DataFrame(
    [read_json(path) for path in snakemake.input.fine_tunings],
    columns=["architecture", "target", "layer", "accuracy"],
)
chosen = choices(accuracies, metrics, read_csv(snakemake.input.costs))

if file := snakemake.output.get("accuracies"):
    write_csv(file, accuracies)
write_csv(snakemake.output.metrics, metrics)
write_csv(snakemake.output.choices, chosen)
write_csv(snakemake.output.correlation, rho_over_layers(accuracies, metrics))
