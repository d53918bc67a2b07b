"""Gather the facts on base models, targets and fine-tunings, with accuracies, into three tables."""

import pandas as pd

from basemodel.files import read_json
from basemodel.run.provenance import verify
from basemodel.tables import require_fractions, write_csv

verify(snakemake.params.code)
settings = snakemake.params.settings

# Everything is checked before the first table is written.
models = [read_json(path) for path in snakemake.input.cards]
base_models = pd.DataFrame(
    models,
    columns=[
        *("architecture", "subset", "policy", "classes", "images"),
        *("train_accuracy", "test_accuracy"),
    ],
)
for column in ("train_accuracy", "test_accuracy"):
    require_fractions(base_models, column, ["architecture", "subset"], f"base models, {column}")

titles = dict(settings["titles"])
targets = [read_json(path) for path in snakemake.input.targets]
sizes = pd.DataFrame(
    [
        (
            t["dataset"],
            titles[t["dataset"]],
            len(t["classes"]),
            t["images"]["train"],
            t["images"]["test"],
        )
        for t in targets
    ],
    columns=["target", "title", "classes", "train", "test"],
)

fine_tunings = [read_json(path) for path in snakemake.input.fine_tunings]
keys = ["architecture", "target", "subset"]
fine_tuning = pd.DataFrame(fine_tunings, columns=[*keys, "accuracy"])
require_fractions(fine_tuning, "accuracy", keys, "fine-tuning accuracies")

write_csv(snakemake.output.base_models, base_models)
write_csv(snakemake.output.targets, sizes)
write_csv(snakemake.output.fine_tuning, fine_tuning)
print(f"{len(models)} base models, {len(targets)} targets, {len(fine_tunings)} fine-tunings")
