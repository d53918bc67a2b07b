"""Gather the facts on base models, targets and fine-tunings, with accuracies, into three tables.

input:  cards: json of base models; targets: meta.json of data sets; fine_tunings: json with
        architecture, target, subset, accuracy, …
settings: titles: list of [target, title]
output: base_models: csv architecture, subset, policy, classes, images, train_accuracy,
        test_accuracy; targets: csv target, title, classes, train, test (numbers of images);
        fine_tuning: csv architecture, target, subset, accuracy. Accuracies are from 0 to 1.
"""

import pandas as pd

from basemodel.files import read_json
from basemodel.run.provenance import verify
from basemodel.tables import require_fractions, write_csv

verify(snakemake.params.code)

cards, metas, fine_tunings = (
    [read_json(path) for path in snakemake.input[name]]
    for name in ("cards", "targets", "fine_tunings")
)
keys = ["architecture", "target", "subset"]
base_models = pd.DataFrame(
    cards,
    columns=[
        *("architecture", "subset", "policy", "classes", "images"),
        *("train_accuracy", "test_accuracy"),
    ],
)
targets = pd.DataFrame(
    {
        "target": meta["dataset"],
        "title": dict(snakemake.params.settings["titles"])[meta["dataset"]],
        "classes": len(meta["classes"]),
        "train": meta["images"]["train"],
        "test": meta["images"]["test"],
    }
    for meta in metas
)
fine_tuning = pd.DataFrame(fine_tunings, columns=[*keys, "accuracy"])

# Everything is checked before the first table is written.
for column in ("train_accuracy", "test_accuracy"):
    require_fractions(base_models, column, ["architecture", "subset"], f"base models, {column}")
require_fractions(fine_tuning, "accuracy", keys, "fine-tuning accuracies")

write_csv(snakemake.output.base_models, base_models)
write_csv(snakemake.output.targets, targets)
write_csv(snakemake.output.fine_tuning, fine_tuning)
print(f"{len(cards)} base models, {len(metas)} targets, {len(fine_tunings)} fine-tunings")
