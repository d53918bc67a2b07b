"""Train one architecture on the whole source set; test and keep the network after every epoch.

input:  subset: all classes; train, test: images of the packed source data set
output: weights: safetensors; card: JSON (training.pretraining.Pretraining.run), with the SHA-256 of
        the weights after each epoch; epochs: the folder of these
settings: network, pretrain, preprocessing, seed

A job that was stopped is resumed (basemodel.training.checkpoints).
"""

import hashlib
import sys
from pathlib import Path

from basemodel.compute.device import allocated_device
from basemodel.files import copy, read_json, write_json
from basemodel.models.trained import save_weights
from basemodel.run.provenance import verify
from basemodel.training.checkpoints import of_job
from basemodel.training.loop import Interrupted
from basemodel.training.pretraining import Pretraining

verify(snakemake.params.code)
settings, runtime = snakemake.params.settings, snakemake.config["runtime"]
source, resources = snakemake.input, snakemake.resources
where = allocated_device(runtime["device"], resources.get("gpu", 0), resources.get("gpu_share"))
subset, train, test = read_json(source.subset), Path(source.train).parent, Path(source.test).parent
training = Pretraining(subset, train, test, settings, runtime["device_memory"], where)
precision, output = settings["pretrain"]["precision"], snakemake.output
checkpoint = of_job(output.card, source, snakemake.params, runtime, where, precision)


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
    path = Path(output.epochs, f"{epoch}.safetensors")
    copy(checkpoint.folder / path.name, path)
    with path.open("rb") as file:
        card["epochs"].append(hashlib.file_digest(file, "sha256").hexdigest())
save_weights(training.model, output.weights)
write_json(output.card, card)
checkpoint.remove()
