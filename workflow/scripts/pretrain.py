"""Train one architecture on one source task, and test it on held-out images of its classes."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from basemodel import models
from basemodel.augmentation import centre_crop, random_crop_flip
from basemodel.data import packed
from basemodel.files import read_json, write_json
from basemodel.seeds import seed_of
from basemodel.training import accuracy, device, fit, initialise, seed_everything

architecture = snakemake.params.network["architecture"]
subset = read_json(snakemake.input.subset)
settings = snakemake.params.pretrain
crop = snakemake.params.crop
where = device()


def split(folder, rows=None):
    """Images uint8 and labels, counted from 0 within the subset's classes, on the device."""
    images, labels = packed.load(folder)
    rows = np.flatnonzero(np.isin(labels, subset["classes"])) if rows is None else rows
    labels = np.searchsorted(subset["classes"], labels[rows])
    return torch.from_numpy(images[rows]).to(where), torch.from_numpy(labels)


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
images, labels = split(Path(snakemake.input.train).parent, subset["images"])
tests = split(Path(snakemake.input.test).parent)
kept = snakemake.output.get("epochs", [])  # normal training keeps the weights of every epoch
history = []
prepare = augmented if settings["augmentation"] else plain
for row in fit(model, images, labels, settings, generator, prepare):
    history.append(row)
    if kept:
        row["test_accuracy"] = accuracy(model, *tests, plain)
        models.save_weights(model, kept[len(history) - 1])
    print(f"epoch {len(history)}:", ", ".join(f"{key} {value:.4f}" for key, value in row.items()))

facts = {
    "architecture": architecture,
    "subset": subset["subset"],
    "policy": subset["policy"],
    "classes": len(subset["classes"]),
    "images": len(labels),
    "train_accuracy": accuracy(model, images, labels, plain),
    "test_accuracy": accuracy(model, *tests, plain),
    "network": network,
    "settings": settings,
    "history": history,
}
models.save_weights(model, snakemake.output.weights)
write_json(snakemake.output.card, facts)
print(f"accuracy: training {facts['train_accuracy']:.4f}, test {facts['test_accuracy']:.4f}")
