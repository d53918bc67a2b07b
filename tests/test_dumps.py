"""Featuremaps on disk, in float32 and in float16, and what the second changes in every metric."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from basemodel import metrics
from basemodel.data import glyphs, packed
from basemodel.features import extract as dumps
from basemodel.networks.models import build
from basemodel.training.augmentation import centre_crop
from basemodel.training.loop import initialise

# Relative differences of a metric of one dump, and the bounds that config.yaml's comment rests on.
BOUNDS = {"S1": 1e-4, "S2": 1e-4, "S3": 1e-4, "S4": 1e-3, "S5": 1e-4, "S6": 2e-2}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    classes = list("ABCDE")
    images = glyphs.dataset("letters", "train", classes, 12, 32, 0)
    packed.save(folder / "train", images, np.repeat(np.arange(5), 12))
    np.save(folder / "rows.npy", np.arange(0, 60, 2))
    return folder


@pytest.fixture(scope="module", params=["alexnet", "vgg16", "resnet18"])
def network(request):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = build(request.param, 5, width=0.25, stem="small", dropout=0)
    initialise(model, "kaiming")
    return model.eval()


def dump(data, network, dtype):
    path = data / f"{type(network).__name__}.{dtype}.npy"
    dumps.write(path, network.trunk, data / "train", data / "rows.npy", 28, dtype)
    return np.load(path, mmap_mode="r")


def test_a_dump_is_what_the_network_gives(data, network):
    maps = dump(data, network, "float32")
    images, _ = packed.load(data / "train")
    with torch.inference_mode():
        expected = network.trunk(centre_crop(torch.from_numpy(np.array(images[:60:2])), 28))
    assert maps.dtype == np.float32
    np.save(data / "numpys.npy", maps)
    assert Path(maps.filename).read_bytes() == (data / "numpys.npy").read_bytes()
    assert np.allclose(maps, expected, atol=1e-5)


def test_float16_is_float32_rounded_and_moves_every_metric_little(data, network):
    exact, rounded = dump(data, network, "float32"), dump(data, network, "float16")
    assert rounded.dtype == np.float16
    assert np.array_equal(rounded, exact.astype(np.float16))
    labels = np.repeat(np.arange(5), 6)
    for name, bound in BOUNDS.items():
        values = [
            metrics.compute(name, {"featuremaps": maps, "labels": labels})["value"]
            for maps in (exact, rounded)
        ]
        assert values[1] == pytest.approx(values[0], rel=bound), name


def test_a_value_that_float16_cannot_hold_is_an_error_with_a_remedy(data):
    trunk = nn.Sequential(nn.Conv2d(3, 2, 3))
    nn.init.constant_(trunk[0].bias, 70000.0)
    with pytest.raises(OverflowError, match="probe.dtype to float32"):
        dumps.write(data / "large.npy", trunk, data / "train", data / "rows.npy", 28, "float16")
    assert not (data / "large.npy").exists()


def test_featuremaps_that_are_not_finite_are_an_error(data):
    trunk = nn.Sequential(nn.Conv2d(3, 2, 3))
    nn.init.constant_(trunk[0].bias, float("inf"))
    with pytest.raises(FloatingPointError, match="featuremaps are not finite: lower"):
        dumps.write(data / "infinite.npy", trunk, data / "train", data / "rows.npy", 28)
    assert not (data / "infinite.npy").exists()


def test_no_images_are_an_error(data):
    np.save(data / "none.npy", np.arange(0))
    with pytest.raises(ValueError, match="none.npy: no images"):
        dumps.write(data / "x.npy", nn.Conv2d(3, 2, 3), data / "train", data / "none.npy", 28)
