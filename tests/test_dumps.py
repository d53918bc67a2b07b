"""Featuremaps on disk, in float32 and float16, and what float16 changes in every metric."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from basemodel import metrics
from basemodel.compute.extract import extract_packed
from basemodel.data import glyphs, packed
from basemodel.models import trained
from basemodel.models.architectures import build, initialise
from basemodel.models.model import OUTPUTS, Model
from basemodel.models.preprocessing import Preprocessing
from basemodel.models.trained import truncated

# Relative differences of a metric of one dump, and the bounds that config.yaml's comment rests on.
PREPROCESSING = Preprocessing(size=32, crop=28)
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


def as_model(network):
    card = {"network": {"classes": 5}, "preprocessing": PREPROCESSING.as_card()}
    return trained.whole(network, card)


def cut(trunk):
    """A model whose trunk this is."""
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Model(trunk, PREPROCESSING, remedy="lower learning_rate", stages=(trunk, pooled))


def dump(data, model, dtype, names=OUTPUTS):
    module = type(model.module)
    kind = f"{module.__module__}.{module.__name__}"
    outputs = {name: data / f"{kind}.{dtype}.{name}.npy" for name in names}
    extract_packed(model, data / "train", data / "rows.npy", outputs, dtype)
    return {name: np.load(path, mmap_mode="r") for name, path in outputs.items()}


def write_trunk(data, trunk, name, rows="rows.npy", dtype="float32"):
    outputs = {"featuremaps": data / name}
    extract_packed(cut(trunk), data / "train", data / rows, outputs, dtype)


def test_a_dump_is_what_the_network_gives(data, network):
    found = dump(data, as_model(network), "float32")
    images, _ = packed.load(data / "train")
    with torch.inference_mode():
        seen = PREPROCESSING.centre_crop(torch.from_numpy(np.array(images[:60:2])))
        maps, logits = network.trunk(seen), network(seen)
    expected = {"featuremaps": maps, "probabilities": logits.softmax(1)}
    for name, array in found.items():
        assert array.dtype == np.float32
        np.save(data / "numpys.npy", array)
        assert Path(array.filename).read_bytes() == (data / "numpys.npy").read_bytes()
        if name in expected:
            assert np.allclose(array, expected[name], atol=1e-5), name
    # What the last layer takes: with it the network's answers follow.
    last = network.last(torch.from_numpy(np.array(found["embeddings"])))
    assert np.allclose(last.detach(), logits, atol=1e-4)


def test_a_cut_network_gives_its_maps_and_their_means(data, network):
    model = as_model(network)
    found = dump(data, truncated(model, len(network.cuts) - 1), "float32", OUTPUTS[:2])
    whole = dump(data, model, "float32")
    assert set(found) == {"featuremaps", "embeddings"}
    assert np.array_equal(found["featuremaps"], whole["featuremaps"])
    assert np.allclose(found["embeddings"], whole["featuremaps"].mean((2, 3)), atol=1e-5)


def test_float16_is_float32_rounded_and_moves_every_metric_little(data, network):
    model = as_model(network)
    exact, rest = dump(data, model, "float32"), dump(data, model, "float16")
    assert {name: array.dtype for name, array in rest.items()} == {
        "featuremaps": np.float16, "embeddings": np.float32, "probabilities": np.float32,
    }  # fmt: skip
    exact, rounded = exact["featuremaps"], rest["featuremaps"]
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
        write_trunk(data, trunk, "large.npy", dtype="float16")
    assert not (data / "large.npy").exists()


def test_featuremaps_that_are_not_finite_are_an_error(data):
    trunk = nn.Sequential(nn.Conv2d(3, 2, 3))
    nn.init.constant_(trunk[0].bias, float("inf"))
    with pytest.raises(FloatingPointError, match="featuremaps are not finite: lower"):
        write_trunk(data, trunk, "infinite.npy")
    assert not (data / "infinite.npy").exists()


def test_no_images_are_an_error(data):
    np.save(data / "none.npy", np.arange(0))
    with pytest.raises(ValueError, match="none.npy: no images"):
        write_trunk(data, nn.Conv2d(3, 2, 3), "x.npy", rows="none.npy")
