"""Gather what the base models, the targets and the fine-tunings are worth into three tables."""

import pandas as pd

from basemodel.files import read_json
from basemodel.fingerprint import verify
from basemodel.tables import write_csv

verify(snakemake.params.code)


def table(path, rows, columns):
    write_csv(path, pd.DataFrame(rows, columns=columns))


models = [read_json(path) for path in snakemake.input.cards]
table(
    snakemake.output.base_models,
    models,
    ["architecture", "subset", "policy", "classes", "images", "train_accuracy", "test_accuracy"],
)
titles = dict(snakemake.params.titles)
targets = [read_json(path) for path in snakemake.input.targets]
table(
    snakemake.output.targets,
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
    ["target", "title", "classes", "train", "test"],
)
fine_tunings = [read_json(path) for path in snakemake.input.fine_tunings]
table(snakemake.output.fine_tuning, fine_tunings, ["architecture", "target", "subset", "accuracy"])
print(f"{len(models)} base models, {len(targets)} targets, {len(fine_tunings)} fine-tunings")
