"""Gather the accuracy of every epoch of normal training into one table."""

import pandas as pd

from basemodel.files import read_json
from basemodel.run.provenance import verify
from basemodel.tables import require_fractions, write_csv

verify(snakemake.params.code)

rows = []
for card in map(read_json, snakemake.input.cards):
    for epoch, row in enumerate(card["history"], start=1):
        rows.append(
            (card["architecture"], epoch, row["loss"], row["accuracy"], row["test_accuracy"])
        )
columns = ["architecture", "epoch", "loss", "train_accuracy", "test_accuracy"]
table = pd.DataFrame(rows, columns=columns)
for column in ("train_accuracy", "test_accuracy"):
    require_fractions(table, column, ["architecture", "epoch"], f"normal training, {column}")
write_csv(snakemake.output[0], table)
print(f"{len(rows)} epochs")
