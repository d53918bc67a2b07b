"""Keep the best network: the candidate that is best on the validation images, and of its networks
the one that is best on them.

input:  images, tests; network, result: of rank_finetune.py; tested: of rank_test.py
output: weights: safetensors; card: json, what kept.write adds to candidate, seed, task,
        classes, scale, settings of the training, images that it was trained, chosen and tested on,
        and accuracy (or what NAMES calls it) on the validation and test images, with the 95 %
        interval of this one network for new images
settings: candidate: the fields of names.Candidate; tuning; seed
"""

from dataclasses import replace
from pathlib import Path

from basemodel.files import read_json
from basemodel.run.provenance import verify
from basemodel.selection import kept
from basemodel.selection.names import Candidate
from basemodel.selection.quality import NAMES, sample, value
from basemodel.statistics.possible_best import intervals

verify(snakemake.params.code)
settings = snakemake.params.settings
chosen = read_json(snakemake.input.images) | read_json(snakemake.input.tests)
result, task = read_json(snakemake.input.result), chosen.get("task", "classes")
answers = read_json(snakemake.input.tested)["answers"][settings["seed"]]
labels = [row["label"] for row in chosen["test"]]
groups = [row.get("group") or row["file"] for row in chosen["test"]]
measured = replace(sample(task, [[answers]], labels, groups), own=None)
[low], [high] = intervals(measured) if len(set(groups)) > 1 else ([None], [None])
tuning = settings["tuning"] | {name: result[name] for name in ("optimizer", "rate")}
kept.write(
    Candidate(**settings["candidate"]),
    Path(snakemake.config["results"], "models"),
    snakemake.input.network,
    snakemake.output.weights,
    snakemake.output.card,
    {
        "name": result["candidate"],
        "seed": settings["seed"],
        "task": task,
        "classes": chosen["classes"],
        "scale": result["scale"],
        "settings": tuning,
        "images": {part: len(chosen[part]) for part in ("train", "validation", "test")},
        "measure": NAMES[task],
        "validation": result["value"],
        "test": {"value": value(task, answers, labels), "low": low, "high": high},
        "versions": result["versions"],
    },
)
