"""One metric of a series of featuremaps: of base models, of epochs or of cuts.

input:    featuremaps: .npy [n, C, H, W] each; labels: .npy int64 [n]
params:   column: what the featuremaps differ in (subset, epoch or layer); rows: its values, in
          the order of the featuremaps
wildcards: metric
output:   csv with a row for each featuremaps: the column, value, and what else the metric gives
"""

import numpy as np
import pandas as pd

from basemodel.fingerprint import verify
from basemodel.metrics import load
from basemodel.tables import write_csv

verify(snakemake.params.code)

compute = load(snakemake.wildcards.metric).compute
labels = np.load(snakemake.input.labels)

rows = []
for name, path in zip(snakemake.params.rows, snakemake.input.featuremaps, strict=True):
    featuremaps = np.load(path, mmap_mode="r")
    try:
        rows.append({snakemake.params.column: name, **compute(featuremaps, labels)})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error

write_csv(snakemake.output[0], pd.DataFrame(rows))
