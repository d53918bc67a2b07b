"""Dumps for the metrics: the GPU's arrays are the CPU's, but for rounding."""

import numpy as np
import pytest
import torch

from basemodel.compute.extract import extract_packed
from basemodel.models import architectures, catalog, trained
from basemodel.models.preprocessing import Preprocessing

pytestmark = pytest.mark.gpu

ARRAYS = ["featuremaps", "embeddings", "probabilities"]
# Relative to the largest value. Another order of summation moves the sixth digit, TF32 the fourth;
# float16 has 11 binary digits, the last of which may differ.
TOLERANCE = {"float32": 2e-5, "float16": 2**-10}


@pytest.mark.parametrize(
    ("stem", "width", "side"), [("small", 0.25, 32), ("imagenet", 0.5, 224)], ids=["32", "224"]
)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("architecture", catalog.available())
def test_a_dump_is_the_cpus(where, data, tmp_path, architecture, dtype, stem, width, side):
    torch.manual_seed(0)
    network = architectures.build(architecture, 5, width=width, stem=stem, dropout=0.5)
    architectures.initialise(network, "kaiming")
    np.save(tmp_path / "rows.npy", np.arange(0, 200, 7 if side == 32 else 40))
    split, preprocessing = data / "train", Preprocessing(size=32, crop=32)
    if side != 32:
        images = np.load(split / "images.npy").repeat(side // 32, 1).repeat(side // 32, 2)
        split, preprocessing = tmp_path, Preprocessing(size=side, crop=side)
        np.save(tmp_path / "images.npy", images)
        np.save(tmp_path / "labels.npy", np.load(data / "train" / "labels.npy"))
    card = {"network": {"classes": 5}, "preprocessing": preprocessing.as_card()}
    model, found = trained.whole(network, card), []
    for device in (where, torch.device("cpu")):
        outputs = {name: tmp_path / f"{device.type}-{name}.npy" for name in ARRAYS}
        extract_packed(model, split, tmp_path / "rows.npy", outputs, dtype, device)
        found.append({name: np.load(path) for name, path in outputs.items()})
    ours, theirs = found
    for name in ARRAYS:
        kind = dtype if name == "featuremaps" else "float32"
        assert ours[name].dtype == theirs[name].dtype == np.dtype(kind)
        largest = np.abs(theirs[name]).max().astype("f8")
        difference = np.abs(ours[name].astype("f8") - theirs[name].astype("f8")).max()
        assert difference <= TOLERANCE[kind] * largest, name
