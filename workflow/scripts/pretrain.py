"""Train one architecture on one source task, and test it on held-out images of its classes."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from basemodel import models
from basemodel.augmentation import centre_crop, random_crop_flip
from basemodel.data import packed
from basemodel.files import read_json
from basemodel.seeds import seed_of
from basemodel.training import accuracy, device, fit, initialise, seed_everything

architecture = snakemake.wildcards.architecture
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
    "architecture": architecture,
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
history = fit(
    model, images, labels, settings, generator, augmented if settings["augmentation"] else plain
)
for epoch, row in enumerate(history, start=1):
    print(f"epoch {epoch}: loss {row['loss']:.4f}, training accuracy {row['accuracy']:.4f}")

tests = split(Path(snakemake.input.test).parent)
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
models.save(model, snakemake.output.weights, snakemake.output.card, facts)
print(f"accuracy: training {facts['train_accuracy']:.4f}, test {facts['test_accuracy']:.4f}")
