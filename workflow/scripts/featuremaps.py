"""Pass the probe images of one target task through one base model; keep its last featuremaps."""

from pathlib import Path

import numpy as np
import torch

from basemodel import models
from basemodel.augmentation import centre_crop
from basemodel.data import packed
from basemodel.files import whole
from basemodel.training import EVALUATION_BATCH, apply, device, seed_everything

seed_everything(0)  # nothing is drawn: this asks for deterministic kernels
where = device()
model = models.load(snakemake.input.weights, snakemake.input.card)
model = model.to(where, memory_format=torch.channels_last)
images, _ = packed.load(Path(snakemake.input.images).parent)
probe = torch.from_numpy(images[np.load(snakemake.input.probe)])


def featuremaps(batch):
    return model.trunk(centre_crop(batch, snakemake.params.crop)).float().cpu()


# Written batch by batch: at paper scale a dump is larger than a laptop's memory.
with whole(snakemake.output[0]) as part:
    dump = None
    for number, maps in enumerate(apply(featuremaps, probe, where)):
        if dump is None:
            shape = (len(probe), *maps.shape[1:])
            dump = np.lib.format.open_memmap(part, mode="w+", dtype=np.float32, shape=shape)
        start = number * EVALUATION_BATCH
        dump[start : start + len(maps)] = maps.numpy()
    dump.flush()
    print(f"featuremaps {dump.shape}")
