"""Repeats of a fine-tuning: each as if trained alone, and which test images are right is kept."""

import numpy as np
import pytest
import torch
from torch import nn

from basemodel.compute.device import seed_everything
from basemodel.files import write_json
from basemodel.models import architectures, trained
from basemodel.models.preprocessing import Preprocessing
from basemodel.training import finetuning
from basemodel.training.finetuning import finetune_packed
from basemodel.training.last_layers import new_layer, train_last_layers
from basemodel.training.loop import fit

ADAMW = {
    "epochs": 3, "batch": 16, "optimizer": "adamw", "learning_rate": 0.01, "momentum": 0.9,
    "weight_decay": 0.01, "warmup_epochs": 1, "step_epochs": 2, "gamma": 0.1,
    "initialisation": "torchvision", "precision": "float32", "compile": False,
    "augmentation": False,
}  # fmt: skip
SGD = {**ADAMW, "optimizer": "sgd", "initialisation": "kaiming", "batch": 7}
IMAGES, CLASSES = 50, 4


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def task():
    """Features whose classes can be told apart, though not all."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, IMAGES)
    features = rng.normal(size=(IMAGES, 12)) + 1.5 * np.eye(CLASSES, 12)[labels]
    return torch.from_numpy(features.astype(np.float32)), torch.from_numpy(labels)


LIKE = nn.Linear(12, CLASSES)


def together(features, labels, settings, seeds):
    """Layers trained at once, and their histories."""
    made = [new_layer(LIKE, settings["initialisation"], seed) for seed in seeds]
    layers, orders = zip(*made, strict=True)
    return layers, train_last_layers(layers, features, labels, settings, orders)


def alone(features, labels, settings, seed):
    """What `fit`, by autograd, makes of a layer with this seed."""
    layer, order = new_layer(LIKE, settings["initialisation"], seed)
    return layer, fit(layer, features, labels, settings, order)


@pytest.mark.parametrize("settings", [ADAMW, SGD], ids=["adamw", "sgd"])
def test_each_layer_is_what_it_would_be_alone(task, settings):
    seeds = [3, 1, 4]
    layers, histories = together(*task, settings, seeds)
    for layer, history, seed in zip(layers, histories, seeds, strict=True):
        single, expected = alone(*task, settings, seed)
        torch.testing.assert_close(layer.weight, single.weight, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(layer.bias, single.bias, rtol=1e-4, atol=1e-6)
        for row, one in zip(history, expected, strict=True):
            assert row == pytest.approx(one, rel=1e-5)
    assert not torch.allclose(layers[0].weight, layers[1].weight, atol=1e-3)


def test_bfloat16_trains_alike(task):
    settings = ADAMW | {"precision": "bfloat16"}
    layers, _ = together(*task, settings, [3])
    single, _ = alone(*task, settings, 3)
    torch.testing.assert_close(layers[0].weight, single.weight, rtol=0.05, atol=5e-3)


def test_the_seed_alone_decides(task):
    first, _ = together(*task, ADAMW, [8, 9])
    torch.manual_seed(123)
    again, _ = together(*task, ADAMW, [8, 9])
    assert all(torch.equal(a.weight, b.weight) for a, b in zip(first, again, strict=True))


def test_divergence_is_refused(task):
    hot = {**SGD, "learning_rate": 1e38}
    with pytest.raises(FloatingPointError, match="epoch 1 of 3.*lower learning_rate"):
        together(*task, hot, [1, 2])


@pytest.fixture
def target(tmp_path):
    """A packed target task of noise: what is right varies with the seed."""
    rng = np.random.default_rng(1)
    for split, count in (("train", 24), ("test", 40)):
        folder = tmp_path / "target" / split
        folder.mkdir(parents=True)
        np.save(folder / "images.npy", rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8))
        np.save(folder / "labels.npy", np.arange(count) % CLASSES)
    write_json(tmp_path / "target" / "meta.json", {"classes": list("abcd")})
    return tmp_path / "target"


def tuned(target, trainable="last", repeats=(), architecture="resnet18", **changes):
    generator = seed_everything(5)
    network = architectures.build(architecture, CLASSES, width=0.125, stem="small", dropout=0)
    crop = Preprocessing(size=32, crop=32)
    card = {"network": {"classes": CLASSES}, "preprocessing": crop.as_card()}
    settings = {**ADAMW, "trainable": trainable, **changes}
    model = trained.whole(network, card)
    last = model.new_last(CLASSES, "torchvision")
    cpu = torch.device("cpu")
    return finetune_packed(model, last, target, settings, generator, cpu, repeats=repeats)


def test_what_is_right_is_kept_for_every_seed(target):
    result = tuned(target, repeats=[11, 12, 13])
    trainings = [result, *result["repeats"]]
    assert len(trainings) == 4
    for training in trainings:
        assert set(training["correct"]) <= {"0", "1"} and len(training["correct"]) == 40
        assert training["correct"].count("1") / 40 == training["accuracy"]
    assert len({training["correct"] for training in trainings}) > 1


def test_repeats_change_nothing_else(target):
    result, plain = tuned(target, repeats=[11]), tuned(target)
    assert plain["repeats"] == []
    assert {**result, "repeats": []} == plain


@pytest.mark.parametrize(
    ("trainable", "augmentation"), [("all", False), ("head", True), ("last", True)]
)
def test_what_cannot_be_repeated_cheaply_is_refused_before_training(
    target, trainable, augmentation
):
    with pytest.raises(ValueError, match="only a last layer on frozen features"):
        tuned(target, trainable, [11], augmentation=augmentation)
    unrepeated = tuned(target, trainable, augmentation=augmentation, epochs=1)
    assert len(unrepeated["correct"]) == 40


def test_a_head_keeps_images_and_featuremaps_within_its_memory(target, monkeypatch):
    """VGG16 at full width: 401 KB of featuremaps for an image of 224 pixels."""
    images = (24 + 40) * 32 * 32 * 3
    held, taken, results = [], [], []

    def recorded(place):
        def keep(*arguments):
            found = place(*arguments)
            held.append(found.nbytes)
            return found

        return keep

    for name in ("load", "kept"):
        monkeypatch.setattr(finetuning, name, recorded(getattr(finetuning, name)))
    for free in (2**40, 2 * images + 2000, 0):  # device_memory is a half of it
        monkeypatch.setattr(finetuning, "free_memory", lambda where, free=free: free)
        held.clear()
        results.append(tuned(target, "head", architecture="vgg16"))
        assert len(held) == 4 and sum(held) <= free / 2
        taken.append(sum(held))
    assert taken[0] > images == taken[1] and taken[2] == 0, taken
    assert results[0] == results[1] == results[2]
