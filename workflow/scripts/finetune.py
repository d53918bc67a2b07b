"""Fine-tune one base model on one target task and measure its accuracy on the target's test set.

input:  weights, card: of the base model; meta: of the packed target, its arrays beside it
output: a JSON: architecture, subset or layer, target, the outcome (training.finetuning.finetune),
        device, devices, precision, versions
settings: finetune, seed
wildcards: layer, if it is there: the model is cut after it

A job that was stopped is resumed (basemodel.training.checkpoints).
"""

from pathlib import Path

from basemodel.compute.device import allocated_device, seed_everything
from basemodel.files import read_json, write_json
from basemodel.models import trained
from basemodel.run import versions
from basemodel.run.provenance import verify
from basemodel.seeds import seed_of
from basemodel.training.checkpoints import of_job
from basemodel.training.finetuning import finetune_packed

verify(snakemake.params.code)
job, output, runtime = snakemake.wildcards, snakemake.output[0], snakemake.config["runtime"]
settings, seed = snakemake.params.settings["finetune"], snakemake.params.settings["seed"]
data, classes = Path(snakemake.input.meta).parent, read_json(snakemake.input.meta)["classes"]
where = allocated_device(runtime["device"], snakemake.resources)
checkpoint = of_job(output, snakemake.input, snakemake.params, runtime, where)

cut = job.get("layer") is not None
which = {"layer": int(job.layer)} if cut else {"subset": job.subset}
names = {"architecture": job.architecture, **which, "target": job.target}
seeds = ("cut" if cut else "finetune", *names.values(), seed)
repeats = [seed_of(*seeds, "repeat", number) for number in range(1, settings["repeats"] + 1)]
generator = seed_everything(seed_of(*seeds))
model = trained.load(snakemake.input.weights, snakemake.input.card)
if cut:
    model = trained.truncated(model, names["layer"])
last, room = model.new_last(len(classes), settings["initialisation"]), runtime["device_memory"]
result = finetune_packed(model, last, data, settings, generator, where, checkpoint, room, repeats)
facts = {"precision": settings["precision"], "versions": versions.of(versions.NETWORKS)}
write_json(output, {**names, **result, **checkpoint.made_on(), **facts})
checkpoint.remove()
print(f"test accuracy {result['accuracy']:.4f}, training {result['train_accuracy']:.4f}")
