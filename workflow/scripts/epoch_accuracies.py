"""Gather the accuracy of every epoch of normal training into one table.

input:  cards: json of the networks trained on the whole source set
output: csv architecture, epoch (from 1), loss, train_accuracy, test_accuracy (0 to 1)
"""

import pandas as pd

from basemodel.files import read_json
from basemodel.run.provenance import verify
from basemodel.tables import require_fractions, write_csv

verify(snakemake.params.code)

rows = [
    (card["architecture"], epoch, row["loss"], row["accuracy"], row["test_accuracy"])
    for card in map(read_json, snakemake.input.cards)
    for epoch, row in enumerate(card["history"], start=1)
]
columns = ["architecture", "epoch", "loss", "train_accuracy", "test_accuracy"]
epochs = pd.DataFrame(rows, columns=columns)
for column in ("train_accuracy", "test_accuracy"):
    require_fractions(epochs, column, ["architecture", "epoch"], f"normal training, {column}")
write_csv(snakemake.output[0], epochs)
print(f"{len(rows)} epochs")
