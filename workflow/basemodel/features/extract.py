"""What metrics are computed from: the outputs of one pass of probe images through a network."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from basemodel import files
from basemodel.data import packed
from basemodel.features.arrays import checked, write_arrays
from basemodel.features.device import deterministic, device_name, job_device, named_memory
from basemodel.features.feeding import Streamed
from basemodel.features.inference import apply
from basemodel.networks.preprocessing import Preprocessing
from basemodel.networks.weights import DIVERGED
from basemodel.run import versions

REMEDY = f"{DIVERGED} of the base model"
CPU = torch.device("cpu")
# Maps a batch of prepared images [n, 3, side, side] to arrays, named as in metrics.INPUTS.
Look = Callable[[Tensor], dict[str, Tensor]]


def whole_network(model: nn.Module) -> Look:
    """The last featuremaps [n, C, H, W], the inputs of the last layer [n, D], and the
    probabilities of the source classes [n, classes]; `model` is one of architectures.NETWORKS."""
    trunk, hidden, last = model.trunk, model.head[:-1], model.last

    def look(images: Tensor) -> dict[str, Tensor]:
        maps = trunk(images)
        embeddings = hidden(maps)
        probabilities = last(embeddings).softmax(1)
        return {"featuremaps": maps, "embeddings": embeddings, "probabilities": probabilities}

    return look


def cut_network(trunk: nn.Module) -> Look:
    """The featuremaps [n, C, H, W] of a truncated network and their means [n, C], which its new
    last layer takes. That layer is not trained on source classes, so there are no probabilities."""

    def look(images: Tensor) -> dict[str, Tensor]:
        maps = trunk(images)
        return {"featuremaps": maps, "embeddings": maps.mean((2, 3))}

    return look


def write(
    outputs: Mapping[str, str | Path],
    network: nn.Module,
    looks: Callable[[nn.Module], Look],
    split: str | Path,
    rows: str | Path,
    preprocessing: Preprocessing,
    dtype: str = "float32",
    where: torch.device = CPU,
) -> dict[str, tuple[int, ...]]:
    """Write what `looks(network)` returns for the images of a packed split that `rows` lists.

    `outputs`: one .npy per array; `rows`: an .npy, int64 [n]. `dtype` is that of the featuremaps;
    the other arrays are float32. `where`: the device to compute on. Returns the shapes.

    It works batch by batch: at paper scale the featuremaps are larger than a laptop's memory. The
    network computes in float32; float16 halves the file and rounds to 11 binary digits. Raises
    OverflowError for a value beyond float16's 65,504, FloatingPointError for one that is not
    finite, ValueError if there are no images, and files.DiskFull after the first batch, before
    the others are computed.
    """
    deterministic()
    network = network.eval().to(where, memory_format=torch.channels_last)
    look = looks(network)
    images, _ = packed.load(split)
    probe = Streamed(images, np.load(rows))
    if not len(probe):
        raise ValueError(f"{rows}: no images")

    def arrays(batch: Tensor) -> dict[str, np.ndarray]:
        given = look(preprocessing.centre_crop(batch))
        return {
            name: checked(name, given[name], dtype if name == "featuremaps" else "float32", REMEDY)
            for name in outputs
        }

    return write_arrays(outputs, apply(arrays, probe, where), len(probe))


@named_memory()
def extract_job(job: Any, network: nn.Module, looks: Callable[[nn.Module], Look]) -> None:
    """Write what a rule's job (its `snakemake` object) asks for, and a card.

    Inputs: the network's card; images of the packed split; probe. Outputs: the arrays by name,
    and card. Params: dtype. Raises DeviceError.
    """
    where = job_device(job)
    arrays = dict(job.output.items())
    card = arrays.pop("card")
    shapes = write(
        arrays,
        network,
        looks,
        Path(job.input.images).parent,
        job.input.probe,
        Preprocessing.from_card(files.read_json(job.input.card)),
        job.params.settings["dtype"],
        where,
    )
    made = {"device": device_name(where), "precision": "float32"}
    facts = {"shapes": shapes, **made, "versions": versions.of(versions.NETWORKS)}
    files.write_json(card, facts)
