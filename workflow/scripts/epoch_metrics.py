"""Gather the metrics of every epoch of normal training into one table.

input:  csv epoch, value, … of scripts/metric.py; one for each of the cells, in that order
settings: cells: list of [metric, architecture]
output: csv architecture, epoch, metric, value
"""

from basemodel.run.provenance import verify
from basemodel.statistics.series import collect
from basemodel.tables import read_tables, write_csv

verify(snakemake.params.code)
settings = snakemake.params.settings

tables = read_tables(settings["cells"], snakemake.input)
write_csv(snakemake.output[0], collect(tables, ["architecture"], "epoch"))
