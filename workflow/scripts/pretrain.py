"""Train one architecture on one source task, and test it on held-out images of its classes.

input:  subset: the source task; train, test: images of the packed source data set
output: weights: safetensors; card: JSON (training.pretraining.Pretraining.run); if it is there,
        epochs: a folder of the weights after each epoch, whose SHA-256 and test accuracies are then
        on the card
settings: network, pretrain, preprocessing, seed

A job that was stopped is resumed (basemodel.training.checkpoints).
"""

from pathlib import Path

from basemodel.compute.device import allocated_device
from basemodel.files import copy, read_json, sha256, write_json
from basemodel.models.trained import save_weights
from basemodel.run.provenance import verify
from basemodel.training.checkpoints import of_job
from basemodel.training.pretraining import Pretraining

verify(snakemake.params.code)
settings, runtime = snakemake.params.settings, snakemake.config["runtime"]
source, output = snakemake.input, snakemake.output
where = allocated_device(runtime["device"], snakemake.resources)
subset, train, test = read_json(source.subset), Path(source.train).parent, Path(source.test).parent
training = Pretraining(subset, train, test, settings, runtime["device_memory"], where)
epochs = output.get("epochs")
checkpoint = of_job(output.card, source, snakemake.params, runtime, where)


def keep(epoch, row):
    save_weights(training.model, checkpoint.folder / f"{epoch}.safetensors")
    return {"test_accuracy": training.test_accuracy()}


card = training.run(checkpoint, keep if epochs else None)
if epochs:
    card["epochs"] = []  # SHA-256, by which jobs that read the folder know it
    for epoch in range(1, len(card["history"]) + 1):
        # A copy: if this job is stopped now, Snakemake deletes the folder.
        path = Path(epochs, f"{epoch}.safetensors")
        copy(checkpoint.folder / path.name, path)
        card["epochs"].append(sha256(path))
save_weights(training.model, output.weights)
write_json(output.card, card)
checkpoint.remove()
