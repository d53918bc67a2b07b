"""Networks, the inputs they get, and how they are trained."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torchvision.transforms import v2

from basemodel.compute.device import seed_everything
from basemodel.compute.evaluation import accuracy
from basemodel.compute.passing import apply
from basemodel.files import read_json, write_json
from basemodel.models import architectures, catalog, trained
from basemodel.models.architectures import build
from basemodel.models.preprocessing import Preprocessing
from basemodel.models.trained import whole
from basemodel.training.augmentation import crop_boxes, random_crop_flip, resized_crop
from basemodel.training.loop import fit, learning_rate

RECIPE = {
    "epochs": 3, "batch": 8, "optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.9,
    "weight_decay": 0, "warmup_epochs": 0, "step_epochs": 7, "gamma": 0.1,
    "precision": "float32", "compile": False,
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


CROP = Preprocessing(size=32, crop=32)


def as_model(network, classes=4):
    return whole(network, {"network": {"classes": classes}, "preprocessing": CROP.as_card()})


def small(architecture, classes=4):
    return architectures.build(architecture, classes, width=0.125, stem="small", dropout=0)


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [("alexnet", (256, 13, 13)), ("vgg16", (512, 14, 14)), ("resnet18", (512, 7, 7))],
)
def test_full_size_networks_are_torchvisions(architecture, shape):
    ours = build(architecture, 10).eval()
    theirs = getattr(torchvision.models, architecture)(num_classes=10).eval()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    image = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        expected = theirs(image)
        maps = ours.trunk(image)
        assert torch.equal(ours(image), expected)
        assert torch.equal(ours.head(maps), expected)
    assert maps.shape == (1, *shape)
    assert maps.min() == 0  # after the ReLU


@pytest.mark.parametrize("classes", [2, 1000])
@pytest.mark.parametrize(
    ("architecture", "count"),
    # torchvision's published numbers of parameters, less those of the last layer
    [("alexnet", 61_100_840 - 4_097_000), ("resnet18", 11_689_512 - 513_000)],
)
def test_a_backbones_parameters_leave_out_the_last_layer(architecture, count, classes):
    with torch.device("meta"):
        model = build(architecture, classes)
    assert trained.backbone_parameters(model) == count


def test_a_narrow_shortcuts_gradients_are_right():
    """In a process of its own: torch's 1x1 convolution with a stride may crash there, or may not.

    Every CPU adds in an order of its own. A sum of n products is then off by at most n roundings of
    the sum of their magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, 3.1), which
    is what the same code gives for the magnitudes of images and weights. Both gradients are sums of
    products with outputs, which are sums themselves.
    """
    code = """
import torch
from basemodel.models.architectures.resnet18 import Shortcut

def gradients(convolution, images):
    images = images.detach().requires_grad_()
    output = convolution(images)
    if isinstance(convolution, Shortcut) and convolution.in_channels < 16:
        assert output.grad_fn._saved_stride == (1, 1)  # so oneDNN has no stride to take
    loss = (output ** 2).sum()
    return torch.autograd.grad(loss, (images, convolution.weight))

torch.set_num_threads(2)
rounding = torch.finfo(torch.float32).eps / 2
for count in (3, 5, 16, 33):
    for channels in (3, 8, 12, 16):
        torch.manual_seed(0)
        ours = Shortcut(channels, 2 * channels, 1, stride=2, bias=False)
        exact = torch.nn.Conv2d(channels, 2 * channels, 1, stride=2, bias=False).double()
        images = torch.randn(count, channels, 15, 15)
        exact.load_state_dict(ours.state_dict())
        expected = gradients(exact, images.double())
        exact.weight.data.abs_()
        magnitudes = gradients(exact, images.double().abs())
        products = channels + 2 * channels, channels + count * 8 * 8
        for layout in (torch.contiguous_format, torch.channels_last):
            ours.to(memory_format=layout)
            found = gradients(ours, images.contiguous(memory_format=layout))
            for ours_, right, size, n in zip(found, expected, magnitudes, products, strict=True):
                assert ((ours_ - right).abs() <= n * rounding * size).all(), (count, channels)
print("all right")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "all right\n"), ran.stderr


@pytest.mark.parametrize("architecture", catalog.available())
def test_small_networks_keep_sixteen_positions_of_a_small_image(architecture):
    network = small(architecture).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        maps = network.trunk(images)
        assert maps.shape[2:] == (4, 4)
        assert torch.equal(network.head(maps), network(images))


@pytest.mark.parametrize("architecture", catalog.available())
def test_a_saved_base_model_comes_back_with_the_same_output(architecture, tmp_path):
    network = {"architecture": architecture, "classes": 4, "width": 0.125, "stem": "small"}
    network["dropout"] = 0.5
    model = architectures.build(**network).eval()
    paths = tmp_path / "a.safetensors", tmp_path / "a.json"
    trained.save_weights(model, paths[0])
    write_json(paths[1], {"network": network, "preprocessing": CROP.as_card()})
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(trained.load(*paths).module(images), model(images))


@pytest.mark.parametrize("architecture", catalog.available())
@pytest.mark.parametrize("trainable", ["last", "head", "all"])
def test_fine_tuning_changes_the_layers_that_it_names_and_no_other(architecture, trainable):
    network = small(architecture)
    model = as_model(network)
    last = model.new_last(3, "torchvision")
    before = copy.deepcopy(network.state_dict()) | {"last": last.weight.detach().clone()}
    frozen, tuned = model.divided(last, trainable)
    images, labels = torch.randn(12, 3, 32, 32), torch.arange(12) % 3
    with torch.no_grad():
        seen = frozen(images)
    fit(tuned, seen, labels, RECIPE, seed_everything(1))
    after = network.state_dict() | {"last": last.weight}
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    old = {name for name in before if name.startswith(("classifier.6", "fc."))}
    hidden = {name for name in before if name.startswith("classifier")} - old
    every = set(before) - old
    assert changed == {"last": {"last"}, "head": {"last"} | hidden, "all": every}[trainable]
    assert tuned(frozen(images)).shape == (12, 3)


def test_caching_what_is_frozen_changes_nothing():
    images, labels = torch.randn(20, 3, 32, 32), torch.arange(20) % 4
    results = []
    for cached in (True, False):
        torch.manual_seed(0)
        network = small("alexnet")
        frozen, tuned = as_model(network).divided(network.last, "last")
        generator = seed_everything(5)
        if cached:
            features = torch.cat(list(apply(frozen, images, torch.device("cpu")))).clone()
            results.append(fit(tuned, features, labels, RECIPE, generator))
        else:
            results.append(
                fit(tuned, images, labels, RECIPE, generator, torch.no_grad()(frozen.forward))
            )
    for with_cache, without in zip(*results, strict=True):
        assert with_cache["loss"] == pytest.approx(without["loss"], rel=1e-5)


def test_the_papers_schedule():
    settings = {**RECIPE, "learning_rate": 0.01, "warmup_epochs": 0}
    rates = [learning_rate(epoch, 0, 10, settings) for epoch in range(30)]
    assert rates[:7] == [0.01] * 7
    assert rates[7] == pytest.approx(0.001) and rates[28] == pytest.approx(1e-6)


def test_the_rate_grows_linearly_over_the_warm_up():
    settings = {**RECIPE, "learning_rate": 1.0, "warmup_epochs": 2}
    rates = [learning_rate(epoch, step, 5, settings) for epoch in range(3) for step in range(5)]
    assert rates[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert rates[10:] == [1.0] * 5


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_training_learns_what_can_be_learnt_and_reports_it(optimizer):
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.integers(0, 3, 200))
    inputs = torch.from_numpy(rng.normal(size=(200, 5)).astype("f4"))
    inputs[torch.arange(200), labels] += 4
    model = nn.Linear(5, 3)
    history = fit(
        model, inputs, labels, {**RECIPE, "optimizer": optimizer, "epochs": 10}, seed_everything(0)
    )
    assert history[-1]["loss"] < history[0]["loss"]
    assert len(history) == 10
    expected = (model(inputs).argmax(1) == labels).double().mean().item()
    assert accuracy(model, inputs, labels) == expected > 0.9


def test_one_step_is_torchs_own_sgd():
    inputs, labels = torch.randn(8, 5), torch.arange(8) % 3
    ours, theirs = nn.Linear(5, 3), nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    fit(ours, inputs, labels, {**RECIPE, "epochs": 1}, seed_everything(0))
    optimizer = torch.optim.SGD(theirs.parameters(), 0.05, momentum=0.9)
    nn.functional.cross_entropy(theirs(inputs), labels).backward()
    optimizer.step()
    assert torch.allclose(ours.weight, theirs.weight, atol=1e-6)


def test_every_image_is_seen_once_an_epoch():
    seen = []

    def note(batch):
        seen.extend(batch[:, 0].tolist())
        return batch

    inputs = torch.arange(21.0)[:, None]
    fit(
        nn.Linear(1, 2),
        inputs,
        torch.arange(21) % 2,
        {**RECIPE, "epochs": 2},
        seed_everything(0),
        note,
    )
    assert sorted(seen[:21]) == sorted(seen[21:]) == list(range(21))
    assert seen[:21] != seen[21:]


def test_a_loss_that_is_not_finite_names_epoch_and_rate():
    inputs = torch.full((4, 2), float("nan"))
    with pytest.raises(FloatingPointError, match=r"epoch 1 of 3.*0\.05.*learning_rate"):
        fit(nn.Linear(2, 2), inputs, torch.tensor([0, 1, 0, 1]), RECIPE, seed_everything(0))


def test_the_same_seed_trains_the_same_weights():
    images, labels = torch.randn(20, 3, 32, 32), torch.arange(20) % 4
    weights = []
    for _ in range(2):
        generator = seed_everything(3)
        model = small("resnet18")
        architectures.initialise(model, "kaiming")
        fit(model, images, labels, RECIPE, generator)
        weights.append(model.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("architecture", ["alexnet", "vgg16"])
def test_kaiming_keeps_the_scale_of_the_signal_from_layer_to_layer(architecture):
    model = architectures.build(architecture, 4, width=0.5, stem="small", dropout=0).eval()
    architectures.initialise(model, "kaiming")
    signal = torch.randn(32, 3, 32, 32)
    for layer in model.trunk:
        signal = layer(signal)
        if isinstance(layer, nn.ReLU):
            assert 0.1 < signal.pow(2).mean() < 10  # torch's own default falls below 1e-4


@pytest.mark.parametrize("architecture", catalog.available())
def test_untrained_weights_are_spread_as_torchvisions(architecture):
    ours = build(architecture, 10).state_dict()
    theirs = getattr(torchvision.models, architecture)(num_classes=10).state_dict()
    for name, weight in theirs.items():
        if weight.numel() > 1000:
            assert ours[name].std() == pytest.approx(weight.std().item(), rel=0.1), name


def test_centre_crop_is_torchvisions():
    images = torch.randint(0, 256, (2, 10, 14, 3), dtype=torch.uint8)
    theirs = v2.Compose(
        [
            v2.CenterCrop(8),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )(images.permute(0, 3, 1, 2))
    assert torch.allclose(Preprocessing(size=10, crop=8).centre_crop(images), theirs, atol=1e-5)


@pytest.mark.parametrize("size", [(64, 80), (256, 256), (40, 33)])
def test_given_the_boxes_a_random_crop_has_torchvisions_pixels(size):
    images = torch.randint(0, 256, (20, *size, 3), dtype=torch.uint8)
    boxes = crop_boxes(20, *size, torch.Generator().manual_seed(1))
    flip = torch.arange(20) % 2 == 1
    ours = resized_crop(images, boxes, 48, flip)
    halves = resized_crop(images, boxes, 48, flip, torch.float16)
    for number, (top, left, height, width) in enumerate(boxes.tolist()):
        theirs = v2.functional.resized_crop(
            images[number].permute(2, 0, 1).float(), top, left, height, width, [48, 48],
            antialias=True,
        )  # fmt: skip
        theirs = theirs.flip(2) if flip[number] else theirs
        assert (ours[number] - theirs).abs().max() < 0.01  # of 255 grey levels
        assert (halves[number].float() - theirs).abs().max() < 0.25  # as on GPUs


def test_crop_boxes_follow_torchvisions_distribution():
    ours = crop_boxes(4000, 200, 240, torch.Generator().manual_seed(0)).numpy()
    torch.manual_seed(0)
    blank = torch.zeros(1, 200, 240)
    draw = torchvision.transforms.RandomResizedCrop.get_params
    theirs = np.array([draw(blank, (0.08, 1), (3 / 4, 4 / 3)) for _ in range(4000)])
    assert (ours >= 0).all()
    assert (ours[:, 0] + ours[:, 2] <= 200).all() and (ours[:, 1] + ours[:, 3] <= 240).all()
    for column in range(4):
        quantiles = np.linspace(0.05, 0.95, 10)
        a, b = np.quantile(ours[:, column], quantiles), np.quantile(theirs[:, column], quantiles)
        assert np.abs(a - b).max() < 8  # pixels; four times the error of 4,000 draws


def test_augmentation_draws_anew_from_its_generator_alone():
    images = torch.randint(0, 256, (6, 32, 32, 3), dtype=torch.uint8)
    draws = [
        random_crop_flip(images, Preprocessing(32, 24), torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    ]
    assert draws[0].shape == (6, 3, 24, 24)
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


def test_normalise_maps_the_mean_colour_to_zero():
    grey = torch.tensor([0.485, 0.456, 0.406]).mul(255).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert Preprocessing(4, 4).normalise(grey).abs().max() < 1e-5
    # Another model's own: what is 0.5 everywhere becomes 0
    half = Preprocessing(4, 4, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    assert half.normalise(torch.full((1, 3, 4, 4), 127.5)).abs().max() < 1e-5


def test_preprocessing_comes_back_from_a_card(tmp_path):
    ours = Preprocessing(256, 224, mean=(0.1, 0.2, 0.3))
    write_json(tmp_path / "card.json", {"preprocessing": ours.as_card()})
    assert Preprocessing.from_card(read_json(tmp_path / "card.json")) == ours
