"""Train one architecture on the whole source set; test and keep the network after every epoch.

A job that was stopped is resumed (basemodel.training.checkpoints).
"""

import hashlib
import sys
from pathlib import Path

from basemodel.files import copy, write_json
from basemodel.networks.models import save_weights
from basemodel.run.provenance import verify
from basemodel.training.checkpoints import of_job
from basemodel.training.loop import Interrupted
from basemodel.training.pretraining import Pretraining

verify(snakemake.params.code)
settings = snakemake.params.settings
training = Pretraining.of_job(snakemake)
precision = settings["pretrain"]["precision"]
runtime, where = snakemake.config["runtime"], training.where
checkpoint = of_job(
    snakemake.output.card, snakemake.input, snakemake.params, runtime, where, precision
)


def keep(epoch, row):
    save_weights(training.model, checkpoint.folder / f"{epoch}.safetensors")
    return {"test_accuracy": training.test_accuracy()}


try:
    card = training.run(checkpoint, keep)
except Interrupted as reason:
    print(reason)
    sys.exit(Interrupted.EXIT_CODE)
card["epochs"] = []  # SHA-256, by which jobs that read the folder know it
for epoch in range(1, len(card["history"]) + 1):
    # A copy: if this job is stopped now, Snakemake deletes the folder.
    path = Path(snakemake.output.epochs, f"{epoch}.safetensors")
    copy(checkpoint.folder / path.name, path)
    with path.open("rb") as file:
        card["epochs"].append(hashlib.file_digest(file, "sha256").hexdigest())
save_weights(training.model, snakemake.output.weights)
write_json(snakemake.output.card, card)
checkpoint.remove()
