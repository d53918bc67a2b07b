"""Train one architecture on one source task, and test it on held-out images of its classes.

A job that was stopped is resumed (basemodel.training.checkpoints).
"""

import sys

from basemodel.files import write_json
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
try:
    card = training.run(checkpoint)
except Interrupted as reason:
    print(reason)
    sys.exit(Interrupted.EXIT_CODE)
save_weights(training.model, snakemake.output.weights)
write_json(snakemake.output.card, card)
checkpoint.remove()
