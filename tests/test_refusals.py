"""Base models and fine-tunings that cannot be right: scripts refuse them with a one-line error."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import jobs
from basemodel.compute import feeding
from basemodel.compute.feeding import Streamed
from basemodel.data import packed
from basemodel.files import write_json
from basemodel.training import finetuning, pretraining
from test_resume import NEVER, finetune_job, pretrain_job

ONE_STEP = {"epochs": 1, "batch": 200, "warmup_epochs": 0, "dropout": 0, "augmentation": False}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def data_set(folder, test_classes=range(5)):
    rng = np.random.default_rng(0)
    for split, classes in (("train", range(5)), ("test", test_classes)):
        labels = np.repeat(np.array(classes, dtype=np.int64), 40)
        images = rng.integers(0, 256, (len(labels), 32, 32, 3), dtype=np.uint8)
        packed.save(folder / split, images, labels)
    write_json(folder / "meta.json", {"classes": list("abcde")})
    return folder


@pytest.fixture
def data(tmp_path):
    return data_set(tmp_path / "data")


def base_model(tmp_path, data):
    job = pretrain_job(tmp_path / "base", data, "alexnet", NEVER, **ONE_STEP)
    jobs.run("pretrain.py", **job)
    return tmp_path / "base"


def test_no_test_images_are_refused_before_the_base_model_is_trained(tmp_path, capsys):
    job = pretrain_job(tmp_path / "m", data_set(tmp_path / "letters", []), "alexnet", NEVER)
    with pytest.raises(ValueError, match=r"letters/test: no images of the 5 classes of .* task s:"):
        jobs.run("pretrain.py", **job)
    assert "epoch" not in capsys.readouterr().out
    assert list((tmp_path / "m").iterdir()) == []


@pytest.mark.parametrize("trainable", ["last", "all"])
def test_no_test_images_are_refused_before_fine_tuning(tmp_path, data, trainable, monkeypatch):
    base = base_model(tmp_path, data)
    job = finetune_job(tmp_path / "t", data_set(tmp_path / "runes", []), base, trainable, NEVER)
    monkeypatch.setattr(finetuning, "fit", None)
    with pytest.raises(ValueError, match="runes/test: no images: a target needs some to train"):
        jobs.run("finetune.py", **job)
    assert list((tmp_path / "t").iterdir()) == []


def test_a_base_model_whose_last_step_diverged_is_not_written(tmp_path, data):
    changes = {**ONE_STEP, "optimizer": "sgd", "learning_rate": float("inf")}
    job = pretrain_job(tmp_path / "m", data, "alexnet", NEVER, **changes)
    with pytest.raises(FloatingPointError, match="weights after epoch 1 of 1, at learning rate in"):
        jobs.run("pretrain.py", **job)
    assert list((tmp_path / "m").iterdir()) == []


@pytest.mark.parametrize(("rate", "what"), [(float("inf"), "weights after"), (1e37, "answers to")])
def test_a_fine_tuning_whose_last_step_diverged_has_no_accuracy(tmp_path, data, rate, what):
    base = base_model(tmp_path, data)
    changes = {**ONE_STEP, "learning_rate": rate}
    job = finetune_job(tmp_path / "t", data, base, "last", NEVER, **changes)
    with pytest.raises(FloatingPointError, match=f"{what}.*lower learning_rate"):
        jobs.run("finetune.py", **job)
    assert list((tmp_path / "t").iterdir()) == []


def test_a_base_model_that_is_not_finite_is_not_used(tmp_path, data):
    base = base_model(tmp_path, data)
    path = base / "model.safetensors"
    weights = load_file(path)
    name = min(weights)
    weights[name].view(-1)[-1] = float("nan")
    save_file(weights, path)
    job = finetune_job(tmp_path / "t", data, base, "all", NEVER)
    with pytest.raises(FloatingPointError, match=f"{path}: {name} not finite .*: remove this"):
        jobs.run("finetune.py", **job)
    rows, images = data / "rows.npy", data / "train" / "images.npy"
    np.save(rows, np.arange(4))
    job["input"] |= {"probe": str(rows), "images": str(images)}
    job["params"] = {"dtype": "float32"}
    with pytest.raises(FloatingPointError, match=f"{name} not finite"):
        jobs.run("featuremaps.py", **job)


def test_a_base_model_of_other_numbers_is_not_used(tmp_path, data):
    base = base_model(tmp_path, data)
    path = base / "model.safetensors"
    weights = load_file(path)
    name = min(weights)
    save_file(weights | {name: (100 * weights[name]).to(torch.int8)}, path)
    job = finetune_job(tmp_path / "t", data, base, "all", NEVER)
    message = rf"{path}: {name} \(int8 instead of float32\) is no plain weight: remove this file"
    with pytest.raises(ValueError, match=message):
        jobs.run("finetune.py", **job)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.45, 0.9])
def test_both_splits_count_against_one_share(tmp_path, data, share, monkeypatch):
    """Free: twice what the images of both splits take, which are as many, less what is loaded."""
    split = 5 * 40 * 32 * 32 * 3
    config = {"runtime": {**NEVER["runtime"], "device_memory": share}}
    loaded = {}

    def taken():
        return sum(0 if isinstance(x, Streamed) else x.nbytes for x in loaded.values())

    def load(images, rows, where, room):
        loaded[images.filename] = feeding_load(images, rows, where, room)
        return loaded[images.filename]

    feeding_load = feeding.load
    for module in (finetuning, pretraining):
        monkeypatch.setattr(module, "free_memory", lambda where: 4 * split - taken())
        monkeypatch.setattr(module, "load", load)
    base = pretrain_job(tmp_path / "base", data, "alexnet", config, **ONE_STEP)
    tuned = finetune_job(tmp_path / "t", data, tmp_path / "base", "all", config, **ONE_STEP)
    for script, job in (("pretrain.py", base), ("finetune.py", tuned)):
        loaded.clear()
        jobs.run(script, **job)
        assert len(loaded) == 2
        assert taken() <= share * 4 * split
        assert taken() > 0 or share * 4 < 1
