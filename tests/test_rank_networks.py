"""What candidates give for images: shapes by the kind of network, preprocessing, costs.

Most networks here are untrained, and those that are passed images are small.
"""

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from basemodel.models import from_torchvision
from basemodel.models.load import load
from basemodel.selection.names import parse

pytest.importorskip("timm")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def photo():
    return Image.fromarray(load_sample_image("china.jpg"))  # 640 x 427


def noise(width=97, height=64):
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def seen(network, *images):
    with torch.inference_mode():
        return network.forward(torch.stack([network.preprocessing(image) for image in images]))


# What networks of different kinds give. Shapes need no values.
SHAPES = {
    "timm:resnet18": ((512, 7, 7), 512, 1000),
    "timm:vgg11": ((512, 14, 14), 4096, 1000),
    "timm:vit_tiny_patch16_224": ((192, 14, 14), 192, 1000),
    "timm:swin_tiny_patch4_window7_224": ((768, 7, 7), 768, 1000),
    "timm:convnext_atto": ((320, 7, 7), 320, 1000),
    "timm:tf_efficientnet_lite0": ((1280, 7, 7), 1280, 1000),
    "timm:mobilenetv3_small_100": ((576, 7, 7), 1024, 1000),
    "timm:crossvit_tiny_240": (None, 288, 1000),
    "timm:deit_tiny_distilled_patch16_224": ((192, 14, 14), 192, 1000),
    "torchvision:resnet18": ((512, 7, 7), 512, 1000),
    "torchvision:vgg11_bn": ((512, 14, 14), 4096, 1000),
    "torchvision:alexnet": ((256, 13, 13), 4096, 1000),
    "torchvision:densenet121": ((1024, 7, 7), 1024, 1000),
    "torchvision:swin_t": ((768, 7, 7), 768, 1000),
    "torchvision:vit_b_16": ((768, 14, 14), 768, 1000),
    "torchvision:squeezenet1_1": ((512, 13, 13), 512, 1000),
    "torchvision:inception_v3": ((2048, 8, 8), 2048, 1000),
    "torchvision:maxvit_t": ((512, 7, 7), 512, 1000),
}


@pytest.mark.parametrize(("name", "shapes"), SHAPES.items())
def test_what_kinds_of_networks_give(name, shapes, tmp_path):
    maps, width, classes = shapes
    with torch.device("meta"):
        network = load(**parse(name).baseline.arguments, models=tmp_path)
        found = network.forward(torch.empty(2, 3, *network.preprocessing.side))
    assert ("featuremaps" in found) == (maps is not None)
    if maps is not None:
        assert found["featuremaps"].shape == (2, *maps)
    assert found["embeddings"].shape == (2, width)
    assert found["probabilities"].shape == (2, classes)
    assert len(network.notes) == (maps is None or "squeezenet" in name)


@pytest.mark.parametrize("name", ["timm:test_resnet", "timm:test_vit", "timm:test_convnext"])
def test_what_a_network_gives_belongs_together(name, tmp_path):
    """Its own forward pass, its embeddings and its last layer lead to the same probabilities."""
    network = load(**parse(name).baseline.arguments, models=tmp_path)
    images = [noise(), noise(160, 200)]
    found = seen(network, *images)
    batch = torch.stack([network.preprocessing(image) for image in images])
    with torch.inference_mode():
        answers = network.module(batch).softmax(1)
        last = network.module.get_classifier()(found["embeddings"]).softmax(1)
    torch.testing.assert_close(found["probabilities"], answers)
    torch.testing.assert_close(last, answers)
    if name == "timm:test_resnet":
        torch.testing.assert_close(found["featuremaps"].mean((2, 3)), found["embeddings"])


def by_hand(image, shorter, crop, mean, std, resample):
    """Scale the shorter side, crop the centre, standardise."""
    width, height = image.size
    scale = shorter / min(image.size)
    image = image.resize((int(width * scale), int(height * scale)), resample)
    left, top = round((image.width - crop) / 2), round((image.height - crop) / 2)
    values = np.asarray(image.crop((left, top, left + crop, top + crop))) / 255
    return ((values - mean) / std).transpose(2, 0, 1).astype(np.float32)


def test_each_network_has_its_own_preprocessing(tmp_path):
    imagenet = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    cubic, linear = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR
    for name, expected in {
        "timm:tf_efficientnet_lite0": (256, 224, 0.5, 0.5, cubic),
        "torchvision:squeezenet1_1": (256, 224, *imagenet, linear),
    }.items():
        network = load(**parse(name).baseline.arguments, models=tmp_path)
        given = network.preprocessing(photo()).numpy()
        np.testing.assert_allclose(given, by_hand(photo(), *expected), atol=1e-5)


def test_images_are_prepared_as_the_libraries_do_to_the_last_bit(tmp_path):
    timm = pytest.importorskip("timm")
    for name in ("tf_efficientnet_lite0", "vit_tiny_patch16_224", "test_byobnet"):
        network = load(**parse(f"timm:{name}").baseline.arguments, models=tmp_path)
        config = timm.data.resolve_model_data_config(network.module)
        theirs = timm.data.create_transform(**config, is_training=False)
        assert torch.equal(network.preprocessing(photo()), theirs(photo()))
    for name in ("squeezenet1_1", "efficientnet_b0", "swin_t"):
        network = load(**parse(f"torchvision:{name}").baseline.arguments, models=tmp_path)
        theirs = from_torchvision.get_model_weights(name).DEFAULT.transforms()
        assert torch.equal(network.preprocessing(photo()), theirs(photo()))


def test_costs_are_those_that_the_libraries_publish(tmp_path):
    with torch.device("meta"):
        for name in ("squeezenet1_1", "mobilenet_v3_small", "resnet18"):
            meta = from_torchvision.get_model_weights(name).DEFAULT.meta
            counted = load(
                **parse(f"torchvision:{name}").baseline.arguments, models=tmp_path
            ).cost()
            assert counted.parameters == meta["num_params"]
            assert counted.multiply_adds / 1e9 == pytest.approx(meta["_ops"], abs=2e-3)
        pit = load(**parse("timm:pit_ti_224").baseline.arguments, models=tmp_path).cost()
        assert pit.multiply_adds / 1e9 == pytest.approx(0.7, abs=0.05)  # as in its paper
        lite = load(
            **parse("timm:tf_efficientnet_lite0").baseline.arguments, models=tmp_path
        ).cost()
    assert lite.parameters - lite.parameters_without_classifier == 1280 * 1000 + 1000
    assert lite.multiply_adds / 1e9 == pytest.approx(0.385, abs=1e-3)
    assert lite.largest == 96 * 112 * 112
