"""Train one architecture on one source task, and test it on held-out images of its classes.

A job that was stopped goes on where it was (basemodel.training.checkpoints).
"""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import torch

from basemodel import versions
from basemodel.data import packed
from basemodel.features.feeding import free_memory, load
from basemodel.files import copy, read_json, write_json
from basemodel.fingerprint import verify
from basemodel.networks import models
from basemodel.seeds import seed_of
from basemodel.training.augmentation import centre_crop, random_crop_flip
from basemodel.training.checkpoints import Checkpoint, bound_to
from basemodel.training.loop import accuracy, device, fit, initialise, seed_everything

verify(snakemake.params.code)

architecture = snakemake.params.network["architecture"]
subset = read_json(snakemake.input.subset)
settings = snakemake.params.pretrain
crop = snakemake.params.crop
runtime = snakemake.config["runtime"]
where = device()
checkpoint = Checkpoint(
    snakemake.output.card,
    bound_to(snakemake.input, dict(snakemake.params.items()), where),
    runtime["checkpoint_epochs"],
    runtime["checkpoint_seconds"],
)


def split(folder, rows, room):
    """Images uint8, on the device if they fit, and labels from 0 within the subset's classes."""
    images, labels = packed.load(folder)
    rows = np.flatnonzero(np.isin(labels, subset["classes"])) if rows is None else rows
    if not len(rows):
        raise SystemExit(
            f"{folder}: no images of the {len(subset['classes'])} classes of source task "
            f"{subset['subset']}: it needs some to train on and some to test on"
        )
    labels = np.searchsorted(subset["classes"], labels[rows])
    return load(images, rows, where, room), torch.from_numpy(labels)


generator = seed_everything(
    seed_of("pretrain", architecture, subset["subset"], snakemake.params.seed)
)
network = {
    "classes": len(subset["classes"]),
    "dropout": settings["dropout"],
    **snakemake.params.network,
}
model = models.build(**network)
initialise(model, settings["initialisation"])
model = model.to(where, memory_format=torch.channels_last)

plain = partial(centre_crop, side=crop)
augmented = partial(random_crop_flip, side=crop, generator=generator)
room = runtime["device_memory"] * free_memory(where)  # for both splits
images, labels = split(Path(snakemake.input.train).parent, subset["images"], room)
tests = split(Path(snakemake.input.test).parent, None, room - images.nbytes)
measure = partial(accuracy, model, prepare=plain, precision=settings["precision"])
kept = snakemake.output.get("epochs")  # a folder: normal training keeps every epoch's weights
prepare = augmented if settings["augmentation"] else plain
for row in fit(model, images, labels, settings, generator, prepare, checkpoint):
    epoch = len(checkpoint.history) + 1
    if kept:
        row["test_accuracy"] = measure(*tests)
        models.save_weights(model, checkpoint.weights_of(epoch))
    print(f"epoch {epoch}:", ", ".join(f"{key} {value:.4f}" for key, value in row.items()))

facts = {
    "architecture": architecture,
    "subset": subset["subset"],
    "policy": subset["policy"],
    "classes": len(subset["classes"]),
    "images": len(labels),
    "train_accuracy": measure(images, labels),
    "test_accuracy": measure(*tests),
    "network": network,
    "settings": settings,
    "history": checkpoint.history,
    "versions": versions.of(versions.NETWORKS),
}
if kept:
    facts["epochs"] = []  # SHA-256, for what is made of the folder knows it by this card
    for epoch in range(1, len(checkpoint.history) + 1):
        # A copy: if this job is stopped now, Snakemake deletes the folder.
        path = Path(kept, f"{epoch}.safetensors")
        copy(checkpoint.weights_of(epoch), path)
        with path.open("rb") as file:
            facts["epochs"].append(hashlib.file_digest(file, "sha256").hexdigest())
models.save_weights(model, snakemake.output.weights)
write_json(snakemake.output.card, facts)
checkpoint.remove()
print(f"accuracy: training {facts['train_accuracy']:.4f}, test {facts['test_accuracy']:.4f}")
