"""Fine-tune one base model on one target task and measure its accuracy on the target's test set.

input:  weights, card: of the base model; meta: of the packed target, its arrays beside it
output: a JSON: architecture, subset, target, the outcome (training.finetuning.finetune), device,
        devices, precision, versions
settings: finetune, seed

A job that was stopped is resumed (basemodel.training.checkpoints).
"""

import sys
from pathlib import Path

from basemodel.compute.device import allocated_device, seed_everything
from basemodel.files import read_json, write_json
from basemodel.models import trained
from basemodel.run import versions
from basemodel.run.provenance import verify
from basemodel.seeds import seed_of
from basemodel.training.checkpoints import of_job
from basemodel.training.finetuning import finetune_packed
from basemodel.training.loop import Interrupted

verify(snakemake.params.code)
job, output, runtime = snakemake.wildcards, snakemake.output[0], snakemake.config["runtime"]
settings, resources = snakemake.params.settings["finetune"], snakemake.resources
precision, seed = settings["precision"], snakemake.params.settings["seed"]
data, classes = Path(snakemake.input.meta).parent, read_json(snakemake.input.meta)["classes"]
where = allocated_device(runtime["device"], resources.get("gpu", 0), resources.get("gpu_share"))
checkpoint = of_job(output, snakemake.input, snakemake.params, runtime, where, precision)

names = {"architecture": job.architecture, "subset": job.subset, "target": job.target}
seeds = ("finetune", *names.values(), seed)
repeats = [seed_of(*seeds, "repeat", number) for number in range(1, settings["repeats"] + 1)]
generator = seed_everything(seed_of(*seeds))
model = trained.load(snakemake.input.weights, snakemake.input.card)
last = model.new_last(len(classes), settings["initialisation"])
room = runtime["device_memory"]
try:
    result = finetune_packed(
        model, last, data, settings, generator, where, checkpoint, room, repeats
    )
except Interrupted as reason:
    print(reason)
    sys.exit(Interrupted.EXIT_CODE)
facts = {"precision": precision, "versions": versions.of(versions.NETWORKS)}
write_json(output, {**names, **result, **checkpoint.made_on(), **facts})
checkpoint.remove()
print(f"test accuracy {result['accuracy']:.4f}, training {result['train_accuracy']:.4f}")
