"""The noise ceiling: the ρ that a metric could reach at best, for each architecture and target.

input:  fine_tunings: json files with architecture, target, subset, accuracy, correct (one 0 or 1
        for each test image) and repeats (a list of accuracy and correct, of further seeds)
        base_models: csv architecture, subset, policy, …
settings: architectures; targets; bootstrap: the number of resamples; seed
output: csv, one row per (architecture, target), then one per target with the base models of all
        architectures together ("all"), if there are several (ceiling_rows.ceiling_table)
"""

from basemodel.files import read_json
from basemodel.run.provenance import verify
from basemodel.statistics.ceiling_rows import ceiling_table
from basemodel.tables import read_csv, write_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
found = ceiling_table(
    (read_json(path) for path in snakemake.input.fine_tunings),
    read_csv(snakemake.input.base_models),
    settings["architectures"],
    settings["targets"],
    settings["bootstrap"],
    settings["seed"],
)
write_csv(snakemake.output[0], found)
