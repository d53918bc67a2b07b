"""Fine-tune one base model on one target task and measure its accuracy on the target's test set."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from basemodel import models
from basemodel.augmentation import centre_crop, random_crop_flip
from basemodel.data import packed
from basemodel.files import read_json, write_json
from basemodel.finetuning import divide
from basemodel.seeds import seed_of
from basemodel.training import accuracy, apply, device, fit, initialise, seed_everything

name = snakemake.wildcards
settings = snakemake.params.finetune
crop = snakemake.params.crop
where = device()
generator = seed_everything(
    seed_of("finetune", name.architecture, name.subset, name.target, snakemake.params.seed)
)
model = models.load(snakemake.input.weights, snakemake.input.card)
model.renew_last(len(read_json(snakemake.input.meta)["classes"]))
initialise(model.last, settings["initialisation"])
model = model.to(where, memory_format=torch.channels_last)
frozen, trained = divide(model, settings["trainable"])


def split(folder):
    images, labels = packed.load(Path(folder).parent)
    return torch.from_numpy(np.array(images)), torch.from_numpy(labels)


def prepare(augment, batch):
    with torch.no_grad():
        return frozen(augment(batch))


plain = partial(prepare, partial(centre_crop, side=crop))
images, labels = split(snakemake.input.train)
test_images, test_labels = split(snakemake.input.test)
if settings["augmentation"]:
    augmented = partial(prepare, partial(random_crop_flip, side=crop, generator=generator))
    history = fit(trained, images, labels, settings, generator, augmented)
elif settings["trainable"] == "all":
    history = fit(trained, images, labels, settings, generator, plain)
else:
    # What is frozen sees every image in the same way in every epoch: once is enough.
    cached = torch.cat(list(apply(plain, images, where))).clone()
    history = fit(trained, cached, labels, settings, generator)

result = {
    "architecture": name.architecture,
    "subset": name.subset,
    "target": name.target,
    "accuracy": accuracy(trained, test_images, test_labels, plain),
    "train_accuracy": history[-1]["accuracy"],
    "history": history,
}
write_json(snakemake.output[0], result)
print(f"test accuracy {result['accuracy']:.4f}, training {result['train_accuracy']:.4f}")
