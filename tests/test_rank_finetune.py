"""Fine-tuning a candidate on a user's images."""

import os
import signal
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import jobs
from basemodel.compute import image_files
from basemodel.data.listing import DataError
from basemodel.files import read_json, write_json
from basemodel.models.failures import Unusable
from basemodel.models.load import load
from basemodel.models.model import Model
from basemodel.models.preprocessing import Preprocessing
from basemodel.rank import tuning
from basemodel.rank.held_out import choose_tests
from basemodel.rank.images import choose
from basemodel.rank.names import parse
from basemodel.rank.tuning import tune
from basemodel.training import finetuning

SETTINGS = {
    "trainable": "all", "epochs": 4, "batch": 8, "optimizer": "sgd", "learning_rate": 0.05,
    "momentum": 0.9, "weight_decay": 0, "warmup_epochs": 0, "step_epochs": 20, "gamma": 0.1,
    "precision": "float32", "compile": False, "initialisation": "torchvision",
}  # fmt: skip
LAST = {**SETTINGS, "trainable": "last", "optimizer": "adamw", "learning_rate": 0.01, "epochs": 30}
PER_CLASS = 15  # of which 12 are trained on


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    """Noisy images, reddish and bluish, as rank_images.py chooses them."""
    root, rng = tmp_path_factory.mktemp("in"), np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        for number in range(PER_CLASS):
            folder = root / ("train" if number < 12 else "test") / name
            folder.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 128, (48, 40 + number, 3), dtype=np.uint8)
            pixels[:, :, channel] += 90
            Image.fromarray(pixels).save(folder / f"{number}.png")
    found = choose(root, images_per_class=PER_CLASS)
    return found | choose_tests(found)


@pytest.fixture
def candidate(tmp_path):
    """timm's smallest ResNet, with weights in a file."""
    timm = pytest.importorskip("timm")
    torch.manual_seed(1)
    path = tmp_path / "w.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), path)
    return parse({"file": str(path), "architecture": "timm:test_resnet"})


def comparable(result):
    return {name: value for name, value in result.items() if name != "seconds"}


@pytest.mark.parametrize("settings", [SETTINGS, LAST], ids=["all", "last"])
def test_it_learns_and_does_so_again(chosen, candidate, tmp_path, settings):
    result = tune(candidate, chosen, tmp_path, settings, seed=0)
    assert result["accuracy"] > 0.9
    assert result["train_accuracy"] > 0.9
    assert len(result["correct"]) == result["tests"] == len(chosen["test"]) == 6
    assert result["correct"].count("1") / result["tests"] == result["accuracy"]
    assert result["images"] == len(chosen["probe"]) == 24
    assert (result["slug"], result["candidate"]) == (candidate.slug, candidate.label)
    assert (result["seed"], result["failed"], result["remedy"]) == (0, None, None)
    assert (result["trainable"], result["epochs"]) == (settings["trainable"], settings["epochs"])
    assert "timm" in result["versions"]
    torch.rand(3)  # the state of the global generator must not matter
    assert comparable(tune(candidate, chosen, tmp_path, settings, 0)) == comparable(result)


def watched(monkeypatch, candidate, tmp_path):
    """The network that `tune` is going to train, and its weights before."""
    network = load(**candidate.arguments, models=tmp_path)
    before = {name: value.clone() for name, value in network.module.state_dict().items()}
    monkeypatch.setattr(tuning, "load", lambda **_: network)
    return network.module, before


def changed(module, before):
    return {name for name, value in module.state_dict().items() if not value.equal(before[name])}


def test_only_the_last_layer_is_trained(chosen, candidate, tmp_path, monkeypatch):
    module, before = watched(monkeypatch, candidate, tmp_path)
    tune(candidate, chosen, tmp_path, {**LAST, "epochs": 2}, 0)
    assert changed(module, before) == set()


def test_all_but_the_old_classifier_is_trained(chosen, candidate, tmp_path, monkeypatch):
    module, before = watched(monkeypatch, candidate, tmp_path)
    tune(candidate, chosen, tmp_path, {**SETTINGS, "epochs": 1}, 0)
    assert changed(module, before) == set(before) - {"fc.weight", "fc.bias"}
    assert "bn1.running_mean" in changed(module, before)  # its batch norm was in training mode
    assert not module.training  # but not while it was tested


def test_seeds_differ(chosen, candidate, tmp_path, monkeypatch):
    layers = []
    real = finetuning.train_last_layers

    def train(given, *arguments):
        layers.append(given[0].weight.detach().clone())
        return real(given, *arguments)

    monkeypatch.setattr(finetuning, "train_last_layers", train)
    for seed in (0, 1):
        tune(candidate, chosen, tmp_path, {**LAST, "epochs": 1}, seed)
    assert not layers[0].equal(layers[1])


@pytest.mark.parametrize("label", ["timm:test_vit", "torchvision:squeezenet1_1"])
def test_families(label, tmp_path, monkeypatch, chosen):
    """One step through networks that give their embeddings in other ways."""
    if label.startswith("timm"):
        pytest.importorskip("timm")
    baseline = parse(label).baseline
    network = load(**baseline.arguments, models=tmp_path)
    few = {**chosen, "probe": chosen["probe"][::12], "test": chosen["test"][::3]}
    before = next(network.module.parameters()).detach().clone()
    monkeypatch.setattr(tuning, "load", lambda **_: network)
    quick = {**SETTINGS, "epochs": 1, "learning_rate": 1e-3}
    assert tune(baseline, few, tmp_path, quick, 0)["tests"] == 2
    assert not next(network.module.parameters()).equal(before)


def small(side=4, embeds=True):
    """A network of one layer, whose embeddings are the means of the channels."""
    module = nn.Conv2d(3, 3, 1)

    def look(images):
        maps = module(images)
        return {"embeddings": maps.mean((2, 3))} if embeds else {"featuremaps": maps}

    def crop(image):
        return torch.from_numpy(np.asarray(image.resize((side, side))).copy()).permute(2, 0, 1)

    one = (1 / 255,) * 3  # values stay 0..255
    preprocessing = Preprocessing(None, (side, side), (0, 0, 0), one, transform=crop)
    return Model(module, preprocessing, look)


BASE = parse("base:resnet18/x")


def test_training_that_diverges(chosen, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "load", lambda **_: small())
    with pytest.raises(Unusable, match="not finite|became") as told:
        tune(BASE, chosen, tmp_path, {**SETTINGS, "learning_rate": 1e30}, 0)
    assert told.value.remedy.startswith("lower learning_rate")
    assert "lower learning_rate" not in told.value.reason


def test_images_that_do_not_fit_are_told_before_any_is_decoded(chosen, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "load", lambda **_: small(side=100))
    needed = 24 * 3 * 100 * 100
    monkeypatch.setattr(image_files, "free_memory", lambda _: 2 * needed - 2)
    gone = {**chosen, "folder": "/nowhere"}
    with pytest.raises(Unusable, match=r"pixels need 720\.0 kB, more than half of the 1\.4 MB"):
        tune(BASE, gone, tmp_path, SETTINGS, 0)
    monkeypatch.setattr(image_files, "free_memory", lambda _: 2 * needed)
    with pytest.raises(DataError, match="rank again"):
        tune(BASE, gone, tmp_path, SETTINGS, 0)


def test_too_little_memory_while_training(chosen, tmp_path, monkeypatch):
    def fit(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(tuning, "load", lambda **_: small())
    monkeypatch.setattr(finetuning, "fit", fit)
    with pytest.raises(Unusable, match="training on 8 images at a time .*; lower runtime.gpu_jobs"):
        tune(BASE, chosen, tmp_path, SETTINGS, 0)


def test_a_network_without_embeddings(chosen, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "load", lambda **_: small(embeds=False))
    with pytest.raises(Unusable, match="no embeddings"):
        tune(BASE, chosen, tmp_path, SETTINGS, 0)


@pytest.mark.parametrize(("part", "reason"), [("classes", "labels"), ("test", "to test on")])
def test_what_cannot_be_tested_is_no_fault_of_the_candidate(chosen, tmp_path, part, reason):
    with pytest.raises(DataError, match=reason):
        tune(BASE, {**chosen, part: []}, tmp_path, SETTINGS, 0)


def finetuned(tmp_path, chosen, candidate, settings):
    """Run the script; return what it wrote."""
    write_json(tmp_path / "images.json", chosen)
    write_json(tmp_path / "tests.json", {"test": chosen["test"], "problems": []})
    write_json(tmp_path / "card.json", {})
    out = tmp_path / "out.json"
    jobs.run(
        "rank_finetune.py",
        input={
            "images": tmp_path / "images.json",
            "tests": tmp_path / "tests.json",
            "card": tmp_path / "card.json",
        },
        output=[out],
        params={"candidate": asdict(candidate), "tuning": settings, "seed": 1},
        config={"results": str(tmp_path)},
    )
    return read_json(out)


def test_the_job_writes_the_result(chosen, candidate, tmp_path):
    settings = {**LAST, "epochs": 2}
    result = finetuned(tmp_path, chosen, candidate, settings)
    assert comparable(result) == comparable(tune(candidate, chosen, tmp_path, settings, 1))


def test_what_cannot_be_used_is_a_result_with_the_reason(chosen, candidate, tmp_path):
    Path(candidate.file).unlink()
    result = finetuned(tmp_path, chosen, candidate, LAST)
    assert result == {
        "slug": candidate.slug,
        "candidate": candidate.label,
        "seed": 1,
        "failed": f"there is no file {candidate.file}",
        "remedy": "correct its name in `candidates`",
    }


def test_a_crash_is_a_result(chosen, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "load", lambda **_: os.kill(os.getpid(), signal.SIGKILL))
    result = finetuned(tmp_path, chosen, BASE, LAST)
    assert result["failed"].startswith("killed, most likely as the machine ran out of memory")
    assert "memory" in result["remedy"]
