"""One metric of all base models of one architecture on one target task.

input:    featuremaps: one .npy [n, C, H, W] a base model; labels: .npy int64 [n]
params:   subsets: the base models' subsets, in the order of the featuremaps
wildcards: metric, architecture, target
output:   csv with a row a subset: subset, value, and what else the metric gives
"""

import numpy as np
import pandas as pd

from basemodel.metrics import load
from basemodel.tables import write_csv

compute = load(snakemake.wildcards.metric).compute
labels = np.load(snakemake.input.labels)

rows = []
for subset, path in zip(snakemake.params.subsets, snakemake.input.featuremaps, strict=True):
    featuremaps = np.load(path, mmap_mode="r")
    try:
        rows.append({"subset": subset, **compute(featuremaps, labels)})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error

write_csv(snakemake.output[0], pd.DataFrame(rows))
