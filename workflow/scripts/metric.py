"""One metric of a series of networks: of base models, of epochs or of cuts.

input:    the metric's inputs, by their names in basemodel.metrics.INPUTS: for each network a .npy,
          or for card a .json; and labels: .npy int64 [n]
settings:   column: what the networks differ in (subset, epoch or layer); rows: its values, in the
          order of the files; halves (optional): whether to add value_even and value_odd
wildcards: metric
output:   csv with one row per network: the column, value, what else the metric returns, and with
          halves: value_even and value_odd, the values on every second probe image, from the first
          and from the second on. Probe images are in the order of their classes, so each half has
          half of every class. NaN where a half is too small, or there are too many images.
"""

import numpy as np
import pandas as pd

from basemodel import metrics
from basemodel.files import read_json
from basemodel.run.provenance import verify
from basemodel.tables import write_csv

HALVES = {"value_even": slice(0, None, 2), "value_odd": slice(1, None, 2)}


def load(what, path):
    return read_json(path) if what == "card" else np.load(path, mmap_mode="r")


def compute(name, given):
    try:
        return metrics.compute(name, given)
    except metrics.NotApplicable as error:
        print(error)
        return {"value": np.nan}


def half(given, part):
    """Every second image: views, which copy nothing. What is not per image stays."""
    return {
        what: value[part] if isinstance(value, np.ndarray) else value
        for what, value in given.items()
    }


verify(snakemake.params.code)
name = snakemake.wildcards.metric
labels = np.load(snakemake.input.labels)
wanted = [what for what in metrics.inputs(name) if what != "labels"]
files = [snakemake.input.get(what) for what in wanted]
settings = snakemake.params.settings
rows = settings["rows"]
parts = HALVES if settings.get("halves") else {}

whole = []
of_parts = {column: [] for column in parts}
for _, *paths in zip(rows, *files, strict=True):
    given = {what: load(what, path) for what, path in zip(wanted, paths, strict=True)}
    given["labels"] = labels
    try:
        whole.append(compute(name, given))
        for column, part in parts.items() if len(labels) > 1 else ():
            of_parts[column].append(compute(name, half(given, part)))
    except ValueError as error:
        raise ValueError(f"{', '.join(map(str, paths))}: {error}") from error

table = pd.DataFrame(metrics.values_in_pool(name, whole))
table.insert(0, settings["column"], rows)
for column in parts:
    values = [model["value"] for model in metrics.values_in_pool(name, of_parts[column])]
    table[column] = values or np.nan  # one image has no halves
write_csv(snakemake.output[0], table)
