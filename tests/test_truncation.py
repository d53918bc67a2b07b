"""Cut networks against the whole ones; what they cost against other counts and by hand."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import jobs
from basemodel.files import write_json
from basemodel.models import catalog
from basemodel.models.architectures import build
from basemodel.models.catalog import layers
from basemodel.models.cost import count
from basemodel.models.preprocessing import Preprocessing
from basemodel.models.trained import truncated, whole
from basemodel.models.truncation import cut
from basemodel.tables import read_csv

# (architecture, width, stem, side of the images)
SIZES = [
    *((name, 0.125, "small", 32) for name in catalog.available()),
    *((name, 0.0625, "imagenet", 64) for name in catalog.available()),
    ("resnet18", 0.25, "small", 20),
]


def network(architecture: str, width: float, stem: str, classes: int = 3) -> nn.Module:
    """A network whose batch normalisations have something to do."""
    torch.manual_seed(0)
    model = build(architecture, classes, width=width, stem=stem)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return model.eval()


def activations(model: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """What every ReLU of the whole network gives, in the order of the forward pass.

    Each convolution has one, except that the ReLU of a block is used twice, once per convolution;
    those of the fully connected layers come last.
    """
    found = []
    hooks = [
        module.register_forward_hook(lambda _, __, output: found.append(output.clone()))
        for module in model.modules()
        if isinstance(module, nn.ReLU)
    ]
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    return found


def images(side: int, count: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


# Cuts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "-".join(map(str, size)))
def test_cuts_are_the_activations_of_the_whole_network(size):
    architecture, width, stem, side = size
    model = network(architecture, width, stem)
    hidden = sum(isinstance(m, nn.Linear) for m in model.head) - 1
    expected = activations(model, images(side))
    assert len(expected) == layers(architecture) + hidden
    for layer in range(layers(architecture)):
        with torch.no_grad():
            found = cut(model, layer)(images(side))
        assert found.ndim == 4 and found.amin() >= 0 and found.std() > 0
        torch.testing.assert_close(found, expected[layer], rtol=0, atol=0)
    with torch.no_grad():
        torch.testing.assert_close(found, model.trunk(images(side)), rtol=0, atol=0)


def test_layers_are_all_convolutions_without_shortcuts():
    for architecture in catalog.available():
        with torch.device("meta"):
            model = build(architecture, 1)
        convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
        assert sum(m.kernel_size != (1, 1) for m in convolutions) == layers(architecture)


@pytest.mark.parametrize("stem", ["small", "imagenet"])
def test_cuts_in_a_block_are_without_and_with_the_shortcut(stem):
    model = network("resnet18", 0.125, stem)
    with torch.no_grad():
        for number, block in enumerate([*model.layer1, *model.layer2]):
            x = cut(model, 2 * number)(images(32))
            x = model.maxpool(x) if number == 0 else x
            half = block.relu(block.bn1(block.conv1(x)))
            torch.testing.assert_close(cut(model, 2 * number + 1)(images(32)), half)
            shortcut = x if block.downsample is None else block.downsample(x)
            whole = torch.relu(block.bn2(block.conv2(half)) + shortcut)
            torch.testing.assert_close(cut(model, 2 * number + 2)(images(32)), whole)
    assert model.layer2[0].downsample is not None  # both kinds of shortcut were met


def test_cuts_come_before_pooling():
    # The small stem halves AlexNet's side in the first layer, and the pooling comes after the cut.
    assert cut(network("alexnet", 0.125, "small"), 0)(images(32)).shape == (2, 8, 16, 16)
    assert cut(network("alexnet", 0.125, "small"), 1)(images(32)).shape == (2, 24, 8, 8)
    assert cut(network("vgg16", 0.125, "imagenet"), 1)(images(64)).shape == (2, 8, 64, 64)
    assert cut(network("vgg16", 0.125, "imagenet"), 12)(images(64)).shape == (2, 64, 4, 4)
    assert cut(network("resnet18", 0.125, "imagenet"), 0)(images(64)).shape == (2, 8, 32, 32)


@pytest.mark.parametrize("architecture", catalog.available())
def test_a_layer_that_is_not_there(architecture):
    model = network(architecture, 0.0625, "small")
    last = layers(architecture) - 1
    for layer in (-1, last + 1):
        with pytest.raises(ValueError, match=rf"layers 0 to {last}, but .* after layer {layer}"):
            cut(model, layer)


def test_an_architecture_that_is_not_there():
    with pytest.raises(ValueError, match="no architecture is called 'resnet34'; there are alexnet"):
        layers("resnet34")


# Truncated networks -------------------------------------------------------------------------


def frozen_and_trained(network, layer, classes):
    card = {"network": {"classes": 1}, "preprocessing": Preprocessing(32, 32).as_card()}
    model = truncated(whole(network, card), layer)
    return model.divided(model.new_last(classes, "torchvision"), "last")


@pytest.mark.parametrize("architecture", catalog.available())
def test_features_are_the_means_over_positions(architecture):
    model = network(architecture, 0.125, "small").train()
    for layer in range(layers(architecture)):
        frozen, trained = frozen_and_trained(model, layer, classes=7)
        assert not any(module.training for module in frozen.modules())
        with torch.no_grad():
            features = frozen(images(32))
            expected = cut(model, layer)(images(32)).mean((2, 3))
        torch.testing.assert_close(features, expected)
        assert trained(features).shape == (2, 7)
        assert all(p.requires_grad for p in trained.parameters())


def test_resnet_cut_after_its_last_layer_is_the_whole_network():
    model = network("resnet18", 0.25, "small", classes=5)
    frozen, trained = frozen_and_trained(model, 16, classes=5)
    trained.load_state_dict(model.fc.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(trained(frozen(images(32))), model(images(32)))


# Costs --------------------------------------------------------------------------------------


def cost(network, side):
    found = count(network, side)
    return found.parameters, found.multiply_adds


def test_cost_of_one_layer_of_each_kind_by_hand():
    convolution = nn.Conv2d(3, 4, kernel_size=5, stride=2, padding=2)
    # 4 maps of 4 x 4 outputs, each a sum over 3 x 5 x 5 products; a bias for each map
    assert cost(convolution, 8) == (4 * 3 * 25 + 4, 4 * 16 * 75)
    shortcut = nn.Sequential(nn.Conv2d(3, 6, 1, stride=2, bias=False), nn.BatchNorm2d(6))
    # 6 maps of 4 x 4 outputs, 3 products each; batch normalisation has parameters, no multiply-adds
    assert cost(shortcut, 8) == (18 + 12, 6 * 16 * 3)
    connected = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 5))
    assert cost(connected, 4) == (48 * 5 + 5, 48 * 5)
    others = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Dropout())
    assert cost(others, 8) == (0, 0)


@pytest.mark.parametrize("size", SIZES[:6], ids=lambda size: "-".join(map(str, size)))
def test_cost_is_half_the_operations_that_torch_counts(size):
    architecture, width, stem, side = size
    model = network(architecture, width, stem)
    spent = []
    for layer in range(layers(architecture)):
        complete = nn.Sequential(*frozen_and_trained(model, layer, classes=11))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            complete(images(side, count=1))
        parameters, multiply_adds = cost(complete, side)
        assert 2 * multiply_adds == counter.get_total_flops()
        assert parameters == sum(p.numel() for p in complete.parameters())
        trunk = cost(cut(model, layer), side)
        channels = complete[1].in_features
        assert parameters - trunk[0] == 11 * channels + 11
        assert multiply_adds - trunk[1] == 11 * channels
        spent.append((parameters, multiply_adds))
    assert spent == sorted(spent)  # each layer adds to both


# As torchvision publishes them: parameters, and billions of multiply-adds for a 224-pixel image
PUBLISHED = {
    "alexnet": (61_100_840, 0.714),
    "vgg16": (138_357_544, 15.47),
    "resnet18": (11_689_512, 1.814),
}


@pytest.mark.parametrize("architecture", catalog.available())
def test_whole_networks_cost_what_is_published(architecture):
    with torch.device("meta"):
        model = build(architecture, 1000)
    parameters, multiply_adds = cost(model, 224)
    assert (parameters, round(multiply_adds / 1e9, 3)) == PUBLISHED[architecture]


def test_cost_leaves_the_model_as_it_was():
    model = network("resnet18", 0.125, "small").train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    cost(model, 32)
    assert model.training and all(p.device.type == "cpu" for p in model.parameters())
    assert not any(m._forward_hooks for m in model.modules())
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_costs_script(tmp_path):
    for name, classes in (("greek", 34), ("digits", 10)):
        write_json(tmp_path / f"{name}.json", {"dataset": name, "classes": ["?"] * classes})
    networks = {
        "alexnet": {"width": 0.25, "stem": "small"},
        "resnet18": {"width": 0.25, "stem": "small"},
    }
    jobs.run(
        "costs.py",
        input={"targets": [tmp_path / "greek.json", tmp_path / "digits.json"]},
        output=[tmp_path / "costs.csv"],
        params={"architectures": list(networks), "networks": networks, "side": 32},
    )
    table = read_csv(tmp_path / "costs.csv").set_index(["architecture", "target", "layer"])
    assert len(table) == 2 * (5 + 17) and list(table) == ["parameters", "multiply_adds"]
    assert table.dtypes.eq(np.int64).all()
    for target, classes in (("greek", 34), ("digits", 10)):
        model = network("resnet18", 0.25, "small", classes=classes)  # its head is pooling and FC
        assert tuple(table.loc["resnet18", target, 16]) == cost(model, 32)
        # AlexNet's first layer: 16 maps of 16 x 16 from 3 x 5 x 5 products, then the new layer
        expected = (16 * 75 + 16 + 17 * classes, 16 * 256 * 75 + 16 * classes)
        assert tuple(table.loc["alexnet", target, 0]) == expected


def test_a_network_without_a_relu_after_each_convolution_is_not_cut():
    model = network("alexnet", 0.25, "small")
    model.features[1] = torch.nn.BatchNorm2d(model.features[0].out_channels)
    with pytest.raises(ValueError, match=r"^alexnet cannot be cut: .* leave it out of truncation"):
        cut(model, 0)
