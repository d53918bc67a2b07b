"""Cut a normally trained network after one layer, and train a new last layer on one target task."""

import sys

from basemodel.features.device import seed_everything
from basemodel.files import read_json
from basemodel.networks import models
from basemodel.networks.truncation import truncated
from basemodel.run.provenance import verify
from basemodel.seeds import seed_of
from basemodel.training.finetuning import finetune_job
from basemodel.training.loop import Interrupted

verify(snakemake.params.code)
settings = snakemake.params.settings
job = snakemake.wildcards
layer = int(job.layer)
generator = seed_everything(seed_of("cut", job.architecture, layer, job.target, settings["seed"]))
model = models.load(snakemake.input.weights, snakemake.input.card)
frozen, last = truncated(model, layer, len(read_json(snakemake.input.meta)["classes"]))
models.initialise(last, settings["finetune"]["initialisation"])
names = {"architecture": job.architecture, "layer": layer, "target": job.target}
try:
    finetune_job(snakemake, frozen, last, generator, names)
except Interrupted as reason:
    print(reason)
    sys.exit(Interrupted.EXIT_CODE)
