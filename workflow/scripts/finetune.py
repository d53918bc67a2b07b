"""Fine-tune one base model on one target task and measure its accuracy on the target's test set."""

import sys

from basemodel.features.device import seed_everything
from basemodel.files import read_json
from basemodel.networks import models
from basemodel.run.provenance import verify
from basemodel.seeds import seed_of
from basemodel.training.finetuning import divide, finetune_job
from basemodel.training.loop import Interrupted

verify(snakemake.params.code)
job = snakemake.wildcards
settings = snakemake.params.settings
finetune = settings["finetune"]
name = ("finetune", job.architecture, job.subset, job.target, settings["seed"])
generator = seed_everything(seed_of(*name))
repeats = [seed_of(*name, "repeat", number) for number in range(1, finetune["repeats"] + 1)]
model = models.load(snakemake.input.weights, snakemake.input.card)
model.renew_last(len(read_json(snakemake.input.meta)["classes"]))
models.initialise(model.last, finetune["initialisation"])
names = {"architecture": job.architecture, "subset": job.subset, "target": job.target}
try:
    finetune_job(snakemake, *divide(model, finetune["trainable"]), generator, names, repeats)
except Interrupted as reason:
    print(reason)
    sys.exit(Interrupted.EXIT_CODE)
