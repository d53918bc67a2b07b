"""Cut a normally trained network after one layer, and train a new last layer on one target task."""

from pathlib import Path

import torch

from basemodel import versions
from basemodel.files import read_json, write_json
from basemodel.fingerprint import verify
from basemodel.networks import models
from basemodel.networks.truncation import truncated
from basemodel.seeds import seed_of
from basemodel.training.checkpoints import Checkpoint, bound_to
from basemodel.training.finetuning import finetune
from basemodel.training.loop import device, initialise, seed_everything

verify(snakemake.params.code)

job = snakemake.wildcards
settings = snakemake.params.finetune
runtime = snakemake.config["runtime"]
checkpoint = Checkpoint(
    snakemake.output[0],
    bound_to(snakemake.input, dict(snakemake.params.items()), device()),
    runtime["checkpoint_epochs"],
    runtime["checkpoint_seconds"],
)
layer = int(job.layer)
generator = seed_everything(
    seed_of("cut", job.architecture, layer, job.target, snakemake.params.seed)
)
model = models.load(snakemake.input.weights, snakemake.input.card)
frozen, last = truncated(model, layer, len(read_json(snakemake.input.meta)["classes"]))
initialise(last, settings["initialisation"])

result = finetune(
    frozen.to(device(), memory_format=torch.channels_last),
    last.to(device()),
    Path(snakemake.input.meta).parent,
    settings,
    snakemake.params.crop,
    generator,
    checkpoint,
    runtime["device_memory"],
)
names = {"architecture": job.architecture, "layer": layer, "target": job.target}
made_with = {"versions": versions.of(versions.NETWORKS)}
write_json(snakemake.output[0], {**names, **result, **made_with})
checkpoint.remove()
print(f"test accuracy {result['accuracy']:.4f}, training {result['train_accuracy']:.4f}")
