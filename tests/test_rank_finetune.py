"""Fine-tuning a candidate on a user's images."""

import os
import signal
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

import jobs
from basemodel.compute import image_files
from basemodel.compute.feeding import Streamed
from basemodel.data.listing import DataError
from basemodel.files import read_json, write_json
from basemodel.models.failures import Unusable
from basemodel.models.load import load
from basemodel.models.model import Model
from basemodel.models.preprocessing import Preprocessing
from basemodel.selection import tuning
from basemodel.selection.held_out import for_fine_tuning
from basemodel.selection.images import choose
from basemodel.selection.kept import load as kept_network
from basemodel.selection.kept import write
from basemodel.selection.names import parse
from basemodel.selection.tuning import optimizer_for, tune

SETTINGS = {
    "trainable": "all", "epochs": 4, "batch": 8,
    "momentum": 0.9, "weight_decay": 0, "warmup_epochs": 0, "step_epochs": 20, "gamma": 0.1,
    "precision": "float32", "compile": False, "initialisation": "torchvision",
}  # fmt: skip
PARTS = ("train", "validation", "test", "problems")
LAST = {**SETTINGS, "trainable": "last", "epochs": 30}
PER_CLASS = 15  # of which 12 are to train on: 10, and 2 for validation


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
    return found | for_fine_tuning(found)


@pytest.fixture
def candidate(tmp_path):
    """timm's smallest ResNet, with weights in a file."""
    timm = pytest.importorskip("timm")
    torch.manual_seed(1)
    path = tmp_path / "w.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), path)
    return parse({"file": str(path), "architecture": "timm:test_resnet"})


@pytest.fixture
def kept(tmp_path):
    """Where a network is written."""
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept" / "0.safetensors"


def comparable(result):
    return {name: value for name, value in result.items() if name != "seconds"}


# Few epochs at a high rate may, by rounding alone, end with images of one class only.
@pytest.mark.parametrize(
    ("settings", "rate"), [(SETTINGS | {"epochs": 24}, 0.02), (LAST, 0.05)], ids=["all", "last"]
)
def test_it_learns_and_does_so_again(chosen, candidate, tmp_path, kept, settings, rate):
    result = tune(candidate, chosen, tmp_path, settings, 0, kept, rates=[rate])
    assert result["value"] > 0.9
    assert len(result["answers"]) == result["validation"] == len(chosen["validation"]) == 4
    assert result["images"] == len(chosen["train"]) == 20
    assert (result["slug"], result["candidate"]) == (candidate.slug, candidate.label)
    assert (result["seed"], result["failed"], result["remedy"]) == (0, None, None)
    assert (result["trainable"], result["epochs"]) == (settings["trainable"], settings["epochs"])
    assert "timm" in result["versions"]
    content = kept.read_bytes()
    torch.rand(3)  # the state of the global generator must not matter
    again = tune(candidate, chosen, tmp_path, settings, 0, kept, rates=[rate])
    assert comparable(again) == comparable(result)
    assert kept.read_bytes() == content


@pytest.mark.parametrize("settings", [SETTINGS, LAST], ids=["all", "last"])
def test_what_is_kept_is_what_was_chosen(chosen, candidate, tmp_path, kept, settings):
    """The validation images, asked for as if to test on, have the answers of the better rate."""
    result = tune(candidate, chosen, tmp_path, {**settings, "epochs": 2}, 0, kept)
    rates = [each["rate"] for each in result["tried"]]
    assert rates == list(tuning.RATES[settings["trainable"]]["sgd"])
    best = max(result["tried"], key=lambda each: (each["value"], -each["loss"]))
    assert (result["rate"], result["value"]) == (best["rate"], best["value"])
    asked = {**chosen, "test": chosen["validation"]}
    [found] = tuning.test(candidate, asked, tmp_path, settings, [kept], None, tmp_path)
    assert found == result["answers"]


def test_a_rate_with_which_training_diverges_is_not_chosen(chosen, candidate, tmp_path, kept):
    result = tune(candidate, chosen, tmp_path, SETTINGS, 0, kept, rates=[1e30, 0.05])
    assert result["rate"] == 0.05 and result["tried"][0]["value"] is None


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [("test_resnet", "sgd"), ("test_vit", "adamw"), ("test_convnext", "adamw"),
     ("tf_efficientnet_lite0", "sgd"), ("vgg11", "sgd")],
)  # fmt: skip
def test_the_optimizer_is_that_of_the_kind_of_network(name, optimizer):
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        assert optimizer_for(timm.create_model(name)) == optimizer


def watched(monkeypatch, candidate, tmp_path):
    """The network that `tune` is going to train, and its weights before."""
    network = load(**candidate.arguments, models=tmp_path)
    before = {name: value.clone() for name, value in network.module.state_dict().items()}
    monkeypatch.setattr(tuning, "load", lambda **_: network)
    return network.module, before


def changed(module, before):
    return {name for name, value in module.state_dict().items() if not value.equal(before[name])}


def test_only_the_last_layer_is_trained(chosen, candidate, tmp_path, kept, monkeypatch):
    module, before = watched(monkeypatch, candidate, tmp_path)
    tune(candidate, chosen, tmp_path, {**LAST, "epochs": 2}, 0, kept)
    assert changed(module, before) == set()
    assert set(load_file(kept)) == {"last.weight", "last.bias"}


def test_all_but_the_old_classifier_is_trained(chosen, candidate, tmp_path, kept, monkeypatch):
    module, before = watched(monkeypatch, candidate, tmp_path)
    tune(candidate, chosen, tmp_path, {**SETTINGS, "epochs": 1}, 0, kept, rates=[0.05])
    assert changed(module, before) == set(before) - {"fc.weight", "fc.bias"}
    assert "bn1.running_mean" in changed(module, before)  # its batch norm was in training mode
    assert not module.training  # but not while it was looked at
    names = {f"network.{name}" for name in set(before) - {"fc.weight", "fc.bias"}}
    assert set(load_file(kept)) == names | {"last.weight", "last.bias"}


def test_seeds_differ(chosen, candidate, tmp_path, kept, monkeypatch):
    layers = []
    real = tuning.fit

    def fit(model, *arguments, **more):
        layers.append(model.weight.detach().clone())
        return real(model, *arguments, **more)

    monkeypatch.setattr(tuning, "fit", fit)
    for seed in (0, 1):
        tune(candidate, chosen, tmp_path, {**LAST, "epochs": 1}, seed, kept, rates=[0.01])
    assert not layers[0].equal(layers[1])


@pytest.mark.parametrize("label", ["timm:test_vit", "torchvision:squeezenet1_1"])
def test_families(label, tmp_path, kept, monkeypatch, chosen):
    """One step through networks that give their embeddings in other ways."""
    if label.startswith("timm"):
        pytest.importorskip("timm")
    baseline = parse(label).baseline
    network = load(**baseline.arguments, models=tmp_path)
    few = {**chosen, "train": chosen["train"][::10], "validation": chosen["validation"][::2]}
    before = next(network.module.parameters()).detach().clone()
    monkeypatch.setattr(tuning, "load", lambda **_: network)
    quick = {**SETTINGS, "epochs": 1}
    assert tune(baseline, few, tmp_path, quick, 0, kept, rates=[1e-3])["validation"] == 2
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


def test_training_that_diverges(chosen, tmp_path, kept, monkeypatch):
    monkeypatch.setattr(tuning, "load", lambda **_: small())
    with pytest.raises(Unusable, match="not finite|became") as told:
        tune(BASE, chosen, tmp_path, SETTINGS, 0, kept, rates=[1e30])
    assert told.value.remedy.startswith("lower learning_rate")
    assert "lower learning_rate" not in told.value.reason


@pytest.mark.parametrize("settings", [SETTINGS, LAST], ids=["all", "last"])
def test_what_does_not_fit_into_memory_is_on_disk(
    chosen, candidate, tmp_path, kept, monkeypatch, settings
):
    """The images, or their embeddings: the result is the same, and nothing is left on disk."""
    settings = {**settings, "epochs": 2}
    result = tune(candidate, chosen, tmp_path, settings, 0, kept, rates=[0.05])
    content = kept.read_bytes()
    kinds = []
    real = tuning.fit

    def fit(model, inputs, *arguments, **more):
        kinds.append(type(inputs))
        return real(model, inputs, *arguments, **more)

    monkeypatch.setattr(tuning, "fit", fit)
    monkeypatch.setattr(tuning, "free_memory", lambda _: 0)
    monkeypatch.setattr(image_files, "free_memory", lambda _: 0)
    again = tune(candidate, chosen, tmp_path, settings, 0, kept, rates=[0.05])
    assert kinds == [Streamed]
    assert comparable(again) == comparable(result) and kept.read_bytes() == content
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_too_little_memory_while_training(chosen, tmp_path, kept, monkeypatch):
    def fit(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(tuning, "load", lambda **_: small())
    monkeypatch.setattr(tuning, "fit", fit)
    with pytest.raises(Unusable, match="training on 8 images at a time .*; lower runtime.gpu_jobs"):
        tune(BASE, chosen, tmp_path, SETTINGS, 0, kept)


def test_a_network_without_embeddings(chosen, tmp_path, kept, monkeypatch):
    monkeypatch.setattr(tuning, "load", lambda **_: small(embeds=False))
    with pytest.raises(Unusable, match="no embeddings"):
        tune(BASE, chosen, tmp_path, SETTINGS, 0, kept)


def test_images_that_cannot_be_used_are_no_fault_of_the_candidate(
    chosen, candidate, tmp_path, kept
):
    with pytest.raises(DataError, match="labels"):
        tune(candidate, {**chosen, "validation": []}, tmp_path, SETTINGS, 0, kept)
    with pytest.raises(DataError, match="rank again"):
        tune(candidate, {**chosen, "folder": "/nowhere"}, tmp_path, SETTINGS, 0, kept)


@pytest.mark.parametrize("task", ["tags", "number"])
def test_tags_and_numbers(chosen, candidate, tmp_path, kept, task):
    """Red and blue as tags of images that may have both or none, or as a number."""

    def relabelled(row):
        red = row["label"]
        return {**row, "label": [red, 2] if task == "tags" else 100.0 + 50 * red}

    other = {part: [relabelled(row) for row in chosen[part]] for part in ("train", "validation")}
    other |= {"test": other["validation"], "task": task}
    other |= {"folder": chosen["folder"], "classes": [*"rbc"] if task == "tags" else []}
    result = tune(candidate, other, tmp_path, LAST, 0, kept)
    assert result["value"] > 0.9
    if task == "number":
        assert result["scale"] == [125, 25]
        assert 80 < min(result["answers"]) < 120 < max(result["answers"]) < 170
    else:
        assert all(len(scores) == 3 and scores[2] > 0.5 for scores in result["answers"])
    [found] = tuning.test(candidate, other, tmp_path, LAST, [kept], result["scale"], tmp_path)
    assert found == result["answers"]


def job(tmp_path, chosen, candidate, settings, **more):
    """The script's job; its files are in a folder of their own."""
    write_json(tmp_path / "images.json", chosen)
    write_json(tmp_path / "tests.json", {name: chosen[name] for name in PARTS})
    write_json(tmp_path / "card.json", {})
    folder = tmp_path / "finetune"
    folder.mkdir(exist_ok=True)
    return {
        "input": {name: str(tmp_path / f"{name}.json") for name in ("images", "tests", "card")},
        "output": {
            "result": str(folder / "0.json"),
            "network": str(folder / "0.safetensors"),
            "failures": str(folder / "0-failures.json"),
        },
        "params": {"candidate": asdict(candidate), "tuning": settings, "seed": 0, "failures": 0},
        "config": {"results": str(tmp_path), "runtime": {"checkpoint_seconds": 0}, **more},
    }


def finetuned(tmp_path, *arguments):
    """Run the script; return what it wrote."""
    jobs.run("rank_finetune.py", **job(tmp_path, *arguments))
    return read_json(tmp_path / "finetune/0.json")


def test_the_job_writes_the_result(chosen, candidate, tmp_path, kept):
    settings = {**LAST, "epochs": 2}
    result = finetuned(tmp_path, chosen, candidate, settings)
    assert comparable(result) == comparable(tune(candidate, chosen, tmp_path, settings, 0, kept))
    folder = tmp_path / "finetune"
    assert (folder / "0.safetensors").read_bytes() == kept.read_bytes()
    assert read_json(folder / "0-failures.json") == []
    assert sorted(path.name for path in folder.iterdir()) == [
        "0-failures.json", "0.json", "0.safetensors"
    ]  # fmt: skip


def test_a_job_that_is_stopped_is_resumed(chosen, candidate, tmp_path, kept):
    settings = {**SETTINGS, "epochs": 40}
    stopped = job(tmp_path, chosen, candidate, settings)
    log, folder = tmp_path / "log", tmp_path / "finetune"
    process = jobs.start("rank_finetune.py", log, **stopped)
    until = time.monotonic() + 300
    while not list(folder.glob(".0-*.checkpoint")) and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGTERM)
    process.join()
    assert process.exitcode == os.EX_TEMPFAIL, log.read_text()
    assert not (folder / "0.json").exists()
    process = jobs.start("rank_finetune.py", log, **stopped)
    process.join()
    assert process.exitcode == 0 and "resumes after" in log.read_text()
    whole = tune(candidate, chosen, tmp_path, settings, 0, kept)
    assert comparable(read_json(folder / "0.json")) == comparable(whole)
    assert (folder / "0.safetensors").read_bytes() == kept.read_bytes()


def test_what_cannot_be_used_is_a_result_with_the_reason(chosen, candidate, tmp_path):
    Path(candidate.file).unlink()
    result = finetuned(tmp_path, chosen, candidate, LAST)
    assert result.pop("versions")["timm"] == version("timm")
    assert result == {
        "slug": candidate.slug,
        "candidate": candidate.label,
        "seed": 0,
        "failed": f"there is no file {candidate.file}",
        "remedy": "correct its name in `candidates`",
    }
    # How often it failed is a parameter: it is tried again in the next run.
    assert read_json(tmp_path / "finetune/0-failures.json") == [result["failed"]]
    finetuned(tmp_path, chosen, candidate, LAST)
    assert read_json(tmp_path / "finetune/0-failures.json") == [result["failed"]] * 2


def test_a_crash_is_a_result(chosen, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "load", lambda **_: os.kill(os.getpid(), signal.SIGKILL))
    result = finetuned(tmp_path, chosen, BASE, LAST)
    assert result["failed"].startswith("killed, most likely as the machine ran out of memory")
    assert "memory" in result["remedy"]


@pytest.mark.parametrize("settings", [SETTINGS, LAST], ids=["all", "last"])
def test_the_network_that_is_kept_is_a_candidate_and_can_be_asked(
    chosen, candidate, tmp_path, kept, settings
):
    result = tune(candidate, chosen, tmp_path, settings, 0, kept, rates=[0.05])
    facts = {"task": "classes", "classes": chosen["classes"], "scale": None}
    weights, card = tmp_path / "best.safetensors", tmp_path / "best.json"
    write(candidate, tmp_path, kept, weights, card, facts)
    again = parse({"file": str(weights), "architecture": "timm:test_resnet"})
    network, found = load(**again.arguments, models=tmp_path), kept_network(tmp_path)
    assert network.facts["source_classes"] == 2
    for row, answer in zip(chosen["validation"], result["answers"], strict=True):
        with Image.open(Path(chosen["folder"], row["file"])) as image:
            image = image.convert("RGB")
        share = found(image)
        assert found.classes[share.argmax()] == chosen["classes"][answer]
        with torch.no_grad():
            same = network.forward(network.preprocessing(image)[None])["probabilities"][0]
        torch.testing.assert_close(share, same)
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match="not the file that best.json describes"):
        kept_network(tmp_path)
