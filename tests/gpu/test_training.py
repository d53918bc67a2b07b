"""Training on the GPU: the CPU's steps, however images get there, and what happens to a NaN."""

import numpy as np
import pytest
import torch

from basemodel.compute.device import seed_everything
from basemodel.compute.feeding import Streamed, feed, load
from basemodel.data import packed
from basemodel.models import architectures, catalog
from basemodel.models.preprocessing import Preprocessing
from basemodel.training.augmentation import random_crop_flip
from basemodel.training.loop import fit

pytestmark = pytest.mark.gpu

CPU = torch.device("cpu")
RECIPE = {
    "epochs": 3, "batch": 32, "optimizer": "adamw", "learning_rate": 0.0005, "momentum": 0.9,
    "weight_decay": 0, "warmup_epochs": 0, "step_epochs": 7, "gamma": 0.1, "dropout": 0,
    "precision": "float32", "compile": False,
}  # fmt: skip
# The devices add up in different orders. That moves a loss in its seventh digit; TF32, which is
# off, would move it in its fourth. It also puts a few values on the other side of a ReLU, so that
# gradients agree less well: two ways to compute on a CPU differ by up to 0.007 of a layer's
# gradient (in norm), and a layer computed wrongly by about 1.
LOSS, GRADIENT = 1e-5, 0.03


def untrained(where, architecture, width=0.25, stem="small", dropout=0.0):
    """A network, the same on every device, and the generator to train it with."""
    generator = seed_everything(7)
    model = architectures.build(architecture, 5, width=width, stem=stem, dropout=dropout)
    architectures.initialise(model, "kaiming")
    return model.to(where, memory_format=torch.channels_last), generator


def noise(count, side):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return torch.from_numpy(images), torch.arange(count) % 5


@pytest.mark.parametrize(
    ("stem", "width", "side", "count"),
    [("small", 0.25, 32, 64), ("imagenet", 1, 224, 4)],
    ids=["32 pixels", "224 pixels"],
)
@pytest.mark.parametrize("architecture", catalog.available())
def test_a_step_is_the_cpus(where, architecture, stem, width, side, count):
    images, labels = noise(count, side)
    settings = {**RECIPE, "epochs": 1, "batch": count, "optimizer": "sgd"}
    prepare = Preprocessing(size=side, crop=side).centre_crop
    found = []
    for device in (where, CPU):
        model, generator = untrained(device, architecture, width, stem)
        history = fit(model, images, labels, settings, generator, prepare)
        gradients = {name: weight.grad.cpu() for name, weight in model.named_parameters()}
        found.append((history[0]["loss"], gradients))
    (loss, gradients), (expected_loss, expected) = found
    assert loss == pytest.approx(expected_loss, rel=LOSS)
    for name, gradient in expected.items():
        difference = (gradients[name] - gradient).norm() / gradient.norm()
        assert difference < GRADIENT, (name, difference.item())


def test_streamed_images_are_the_bytes_of_resident_ones(where, data):
    images, _ = packed.load(data / "train")
    rows = np.random.default_rng(1).permutation(200)[:150]
    resident, streamed = (load(images, rows, where, room) for room in (float("inf"), 0))
    assert resident.device.type == where.type
    assert isinstance(streamed, Streamed)
    parts = torch.randperm(150).split(7)
    pairs = zip(feed(resident, parts, where), feed(streamed, parts, where), strict=True)
    for part, (ours, theirs) in zip(parts, pairs, strict=True):
        assert ours.device.type == theirs.device.type == where.type
        assert torch.equal(ours, theirs)
        assert np.array_equal(ours.cpu().numpy(), images[rows[part.numpy()]])


@pytest.mark.parametrize("architecture", catalog.available())
def test_streamed_images_train_the_same_weights(where, data, architecture):
    images, labels = packed.load(data / "train")
    labels = torch.from_numpy(labels)
    found = []
    for room in (float("inf"), 0):
        model, generator = untrained(where, architecture, dropout=0.5)
        preprocessing = Preprocessing(size=32, crop=28)

        def prepare(batch, generator=generator, preprocessing=preprocessing):
            return random_crop_flip(batch, preprocessing, generator)

        inputs = load(images, None, where, room)
        history = fit(model, inputs, labels, RECIPE, generator, prepare)
        found.append((history, model.state_dict()))
    assert found[0][0] == found[1][0]
    for name, weight in found[0][1].items():
        assert torch.equal(weight, found[1][1][name]), name


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("architecture", catalog.available())
def test_training_at_full_size_repeats_its_bytes(where, architecture, precision):
    images, labels = noise(16, 240)
    found = []
    for _ in range(2):
        model, generator = untrained(where, architecture, 1, "imagenet", dropout=0.5)
        preprocessing = Preprocessing(size=240, crop=224)

        def prepare(batch, generator=generator, preprocessing=preprocessing):
            return random_crop_flip(batch, preprocessing, generator)

        settings = {**RECIPE, "epochs": 2, "batch": 8, "precision": precision}
        inputs = load(images.numpy(), None, where, float("inf"))
        history = fit(model, inputs, labels, settings, generator, prepare)
        found.append((history, {name: x.cpu() for name, x in model.state_dict().items()}))
    assert found[0][0] == found[1][0]
    for name, weight in found[0][1].items():
        assert torch.equal(weight, found[1][1][name]), name


def test_crops_are_the_cpus_within_a_quarter_of_a_grey_level(where):
    images, _ = noise(64, 40)
    preprocessing = Preprocessing(size=40, crop=32)
    ours, theirs = (
        random_crop_flip(images.to(device), preprocessing, torch.Generator().manual_seed(3)).cpu()
        for device in (where, CPU)
    )
    # Normalised images are grey levels over 255 times a standard deviation of 0.224 or more.
    assert (ours.float() - theirs).abs().max() < 0.25 / 255 / 0.224


@pytest.mark.parametrize("architecture", catalog.available())
def test_bfloat16_trains_nearly_as_float32(where, data, architecture):
    images, labels = packed.load(data / "train")
    losses = []
    for precision in ("float32", "bfloat16"):
        model, generator = untrained(where, architecture)
        settings = {**RECIPE, "epochs": 1, "precision": precision}
        prepare = Preprocessing(size=32, crop=32).centre_crop
        inputs = load(images, None, where, float("inf"))
        history = fit(model, inputs, torch.from_numpy(labels), settings, generator, prepare)
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}
        losses.append(history[0]["loss"])
    # 8 binary digits instead of 24: another number, and not far away.
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


def test_a_loss_that_is_not_finite_is_named_with_its_step(where):
    images, labels = noise(96, 32)
    model, generator = untrained(where, "alexnet")
    centre_crop = Preprocessing(size=32, crop=32).centre_crop
    steps = 0

    def prepare(batch):
        nonlocal steps
        steps += 1
        return centre_crop(batch) * (float("inf") if steps == 5 else 1)

    # Many steps follow, so that a GPU has time to be late with its news.
    settings = {**RECIPE, "batch": 2}
    with pytest.raises(FloatingPointError, match="the loss became nan in epoch 1 of 3, step 5 of"):
        fit(model, images, labels, settings, generator, prepare)
    assert 5 <= steps <= 5 + 17
