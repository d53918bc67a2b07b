"""Cut a normally trained network after one layer, and train a new last layer on one target task."""

from pathlib import Path

import torch

from basemodel import models
from basemodel.files import read_json, write_json
from basemodel.finetuning import finetune
from basemodel.seeds import seed_of
from basemodel.training import device, initialise, seed_everything
from basemodel.truncation import truncated

job = snakemake.wildcards
settings = snakemake.params.finetune
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
)
names = {"architecture": job.architecture, "layer": layer, "target": job.target}
write_json(snakemake.output[0], {**names, **result})
print(f"test accuracy {result['accuracy']:.4f}, training {result['train_accuracy']:.4f}")
