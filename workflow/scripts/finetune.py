"""Fine-tune one base model on one target task and measure its accuracy on the target's test set."""

from pathlib import Path

import torch

from basemodel import versions
from basemodel.files import read_json, write_json
from basemodel.fingerprint import verify
from basemodel.networks import models
from basemodel.seeds import seed_of
from basemodel.training.checkpoints import Checkpoint, bound_to
from basemodel.training.finetuning import divide, finetune
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
seed = seed_of("finetune", job.architecture, job.subset, job.target, snakemake.params.seed)
generator = seed_everything(seed)
model = models.load(snakemake.input.weights, snakemake.input.card)
model.renew_last(len(read_json(snakemake.input.meta)["classes"]))
initialise(model.last, settings["initialisation"])
model = model.to(device(), memory_format=torch.channels_last)

result = finetune(
    *divide(model, settings["trainable"]),
    Path(snakemake.input.meta).parent,
    settings,
    snakemake.params.crop,
    generator,
    checkpoint,
    runtime["device_memory"],
)
names = {"architecture": job.architecture, "subset": job.subset, "target": job.target}
made_with = {"versions": versions.of(versions.NETWORKS)}
write_json(snakemake.output[0], {**names, **result, **made_with})
checkpoint.remove()
print(f"test accuracy {result['accuracy']:.4f}, training {result['train_accuracy']:.4f}")
