"""One metric of a series of networks: of base models, of epochs or of cuts.

input:    the metric's inputs, by their names in basemodel.metrics.INPUTS: a .npy for each
          network; and labels: .npy int64 [n]
params:   column: what the networks differ in (subset, epoch or layer); rows: its values, in the
          order of the files
wildcards: metric
output:   csv with one row per network: the column, value, and what else the metric returns
"""

import numpy as np
import pandas as pd

from basemodel import metrics
from basemodel.fingerprint import verify
from basemodel.tables import write_csv

verify(snakemake.params.code)
name = snakemake.wildcards.metric
labels = np.load(snakemake.input.labels)
wanted = [what for what in metrics.inputs(name) if what != "labels"]
files = [snakemake.input.get(what) for what in wanted]

rows = []
for row, *paths in zip(snakemake.params.rows, *files, strict=True):
    given = {
        what: np.load(path, mmap_mode="r") for what, path in zip(wanted, paths, strict=True)
    } | {"labels": labels}
    try:
        rows.append({snakemake.params.column: row, **metrics.compute(name, given)})
    except ValueError as error:
        raise ValueError(f"{', '.join(paths)}: {error}") from error

write_csv(snakemake.output[0], pd.DataFrame(rows))
