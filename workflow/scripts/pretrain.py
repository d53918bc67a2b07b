"""Train one architecture on one source task, and test it on held-out images of its classes.

input:  subset: the source task; train, test: images of the packed source data set
output: weights: safetensors; card: JSON (training.pretraining.Pretraining.run)
settings: network, pretrain, preprocessing, seed

A job that was stopped is resumed (basemodel.training.checkpoints).
"""

import sys
from pathlib import Path

from basemodel.compute.device import allocated_device
from basemodel.files import read_json, write_json
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
try:
    card = training.run(checkpoint)
except Interrupted as reason:
    print(reason)
    sys.exit(Interrupted.EXIT_CODE)
save_weights(training.model, output.weights)
write_json(output.card, card)
checkpoint.remove()
