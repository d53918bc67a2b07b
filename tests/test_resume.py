"""Jobs that are stopped, gently or not, and restarted: the same bytes as without interruption."""

import random
import shutil
import signal
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import jobs
from basemodel.compute.device import seed_everything
from basemodel.data import packed
from basemodel.files import read_json, write_json
from basemodel.training import checkpoints, pretraining
from basemodel.training.checkpoints import Checkpoint, job_hash
from basemodel.training.loop import Interrupted, fit

STOPPED = 75  # a temporary failure, by sysexits.h
RECIPE = {
    "epochs": 6, "batch": 16, "optimizer": "adamw", "learning_rate": 0.002, "momentum": 0.9,
    "weight_decay": 0.01, "warmup_epochs": 1, "step_epochs": 4, "gamma": 0.1, "dropout": 0.3,
    "initialisation": "kaiming", "augmentation": True, "precision": "float32", "compile": False,
}  # fmt: skip
EAGER = {"runtime": {"device_memory": 0.5, "checkpoint_seconds": 0}}
NEVER = {"runtime": {"device_memory": 0, "checkpoint_seconds": 1e9}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A packed data set of noise: 5 classes, 40 and 20 images of each."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for split, count in (("train", 40), ("test", 20)):
        images = rng.integers(0, 256, (5 * count, 32, 32, 3), dtype=np.uint8)
        packed.save(folder / split, images, np.repeat(np.arange(5), count))
    write_json(folder / "meta.json", {"classes": list("abcde")})
    return folder


def files(folder, *splits):
    return {
        f"{split}{kind}": str(folder / split / f"{name}.npy")
        for split in splits
        for kind, name in (("", "images"), ("_labels", "labels"))
    }


def pretrain_job(folder, data, architecture, config, **changes):
    subset = folder.parent / "subset.json"
    if not subset.exists():
        rows = [row for row in range(200) if row % 40 < 30]
        write_json(
            subset, {"subset": "s", "policy": "p", "classes": [0, 1, 2, 3, 4], "images": rows}
        )
    folder.mkdir(exist_ok=True)
    settings = {**RECIPE, **changes}
    return {
        "input": {"subset": str(subset), **files(data, "train", "test")},
        "output": {
            "weights": str(folder / "model.safetensors"),
            "card": str(folder / "model.json"),
            "epochs": str(folder / "weights"),
        },
        "params": {
            "code": jobs.code_of("pretrain.py"), "pretrain": settings, "seed": 0,
            "preprocessing": {"size": 32, "crop": 32},
            "network": {"architecture": architecture, "width": 0.125, "stem": "small"},
        },
        "config": config,
    }  # fmt: skip


def finetune_job(folder, data, base, trainable, config, **changes):
    folder.mkdir(exist_ok=True)
    return {
        "input": {
            "weights": str(base / "model.safetensors"),
            "card": str(base / "model.json"),
            "meta": str(data / "meta.json"),
            **files(data, "train", "test"),
        },
        "output": {"0": str(folder / "tuned.json")},
        "params": {
            "code": jobs.code_of("finetune.py"),
            "finetune": {**RECIPE, "trainable": trainable, "repeats": 0, **changes},
            "seed": 0,
        },
        "wildcards": {"architecture": "a", "subset": "s", "target": "t"},
        "config": config,
    }


def outputs(job):
    for path in map(Path, job["output"].values()):
        yield from sorted(path.iterdir()) if path.is_dir() else [path]


def whole_run(script, folder, job):
    """Run a job without stopping it; its seconds."""
    began = time.monotonic()
    process = jobs.start(script, folder / "log", **job)
    process.join()
    assert process.exitcode == 0, (folder / "log").read_text()
    return time.monotonic() - began


def stopped_run(script, folder, job, seconds, seed):
    """Stop a job and start it again, until it gets through; the exit codes.

    First when it has saved something, by SIGTERM, which it obeys; then at random moments.
    """
    rng = random.Random(seed)
    codes = []
    for attempt in range(10):
        process = jobs.start(script, folder / "log", **job)
        if not codes:
            while process.is_alive() and not list(folder.glob(".*.checkpoint")):
                time.sleep(0.002)
        else:
            process.join(rng.uniform(0, seconds))
        # The last time it may run to its end.
        if attempt < 9:
            (process.terminate if len(codes) % 2 == 0 else process.kill)()
        process.join()
        # One that was through before it was told to stop, as on a busy machine, does not count.
        if codes or process.exitcode:
            codes.append(process.exitcode)
            if process.exitcode == 0:
                break
        for path in map(Path, job["output"].values()):  # as Snakemake does
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return codes


def same_bytes(stopped, whole):
    for ours, theirs in zip(outputs(stopped), outputs(whole), strict=True):
        assert ours.read_bytes() == theirs.read_bytes(), ours
    folder = next(outputs(stopped)).parent
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [("alexnet", {}), ("resnet18", {"optimizer": "sgd", "epochs": 4})],
)
def test_a_pretraining_that_is_stopped_gives_the_same_bytes(tmp_path, data, architecture, changes):
    whole = pretrain_job(tmp_path / "whole", data, architecture, NEVER, **changes)
    seconds = whole_run("pretrain.py", tmp_path / "whole", whole)
    stopped = pretrain_job(tmp_path / "stopped", data, architecture, EAGER, **changes)
    codes = stopped_run("pretrain.py", tmp_path / "stopped", stopped, seconds, seed=1)
    log = (tmp_path / "stopped" / "log").read_text()
    assert codes[0] == STOPPED and codes[-1] == 0, log
    assert set(codes) <= {0, STOPPED, -signal.SIGTERM, -signal.SIGKILL}, log
    assert "resumes after" in log
    same_bytes(stopped, whole)


@pytest.mark.parametrize(
    ("trainable", "changes"),
    [("head", {"epochs": 60, "augmentation": False}), ("all", {"optimizer": "sgd"})],
)
def test_a_finetuning_that_is_stopped_gives_the_same_bytes(tmp_path, data, trainable, changes):
    base = pretrain_job(tmp_path / "base", data, "alexnet", NEVER, epochs=1)
    whole_run("pretrain.py", tmp_path / "base", base)
    whole = finetune_job(tmp_path / "whole", data, tmp_path / "base", trainable, NEVER, **changes)
    seconds = whole_run("finetune.py", tmp_path / "whole", whole)
    stopped = finetune_job(
        tmp_path / "stopped", data, tmp_path / "base", trainable, EAGER, **changes
    )
    codes = stopped_run("finetune.py", tmp_path / "stopped", stopped, seconds, seed=2)
    assert codes[0] == STOPPED and codes[-1] == 0, (tmp_path / "stopped" / "log").read_text()
    same_bytes(stopped, whole)


def network():
    return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 3))


def train(path, binding="same", until=None, **changes):
    """Train a small network; SIGTERM comes after `until` steps. Its weights, history and file."""
    rng = np.random.default_rng(0)
    inputs = torch.from_numpy(rng.normal(size=(50, 6)).astype("f4"))
    generator = seed_everything(0)
    model, checkpoint = network(), Checkpoint(path, binding) if path else None
    steps = 0

    def prepare(batch):
        nonlocal steps
        steps += 1
        if steps == until:
            signal.raise_signal(signal.SIGTERM)
        return batch + torch.rand(batch.shape, generator=generator)

    history = fit(
        model, inputs, torch.arange(50) % 3, {**RECIPE, **changes}, generator, prepare, checkpoint,
        after_epoch=lambda epoch, row: {"noted": epoch},
    )  # fmt: skip
    return model.state_dict(), history, checkpoint


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("step", [1, 3, 4, 5, 11, 24])  # four steps an epoch
def test_it_resumes_from_any_step(tmp_path, step, optimizer):
    expected, whole, _ = train(None, optimizer=optimizer)
    with pytest.raises(Interrupted, match="saved"):
        train(tmp_path / "x", until=step, optimizer=optimizer)
    weights, history, checkpoint = train(tmp_path / "x", optimizer=optimizer)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert history == whole
    assert [row["noted"] for row in history] == list(range(1, 7))
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_other_settings_is_not_used(tmp_path, capsys):
    with pytest.raises(Interrupted):
        train(tmp_path / "x", binding="one", until=9)
    expected, *_ = train(None)
    weights, *_ = train(tmp_path / "x", binding="two")
    assert "starts anew: the checkpoint here is of other" in capsys.readouterr().out
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def pickled(value):
    torch.save(value, file := BytesIO())
    return file.getvalue()


class Evil:
    """What would run code where it is read."""

    def __reduce__(self):
        return print, ("code is run",)


WHOLE = pickled({"of": "same", "model": {"x": torch.zeros(1000)}})


@pytest.mark.parametrize(
    "content", [b"", b"not tensors", WHOLE[:-9], WHOLE[:2000], pickled(7), pickled(Evil())]
)
def test_a_checkpoint_that_cannot_be_read_is_not_used(tmp_path, capsys, content):
    (tmp_path / ".x.checkpoint").write_bytes(content)
    train(tmp_path / "x")
    printed = capsys.readouterr().out
    assert "starts anew: the checkpoint here cannot be read" in printed
    assert "code is run" not in printed


def test_it_is_bound_to_code_settings_inputs_and_device(tmp_path):
    file = tmp_path / "input"
    file.write_text("a")
    cpu = torch.device("cpu")
    hashes = [job_hash([file], {"code": "1", "epochs": 3}, cpu)]
    assert hashes == [job_hash([file], {"epochs": 3, "code": "1"}, cpu)]
    hashes.append(job_hash([file], {"code": "2", "epochs": 3}, cpu))
    hashes.append(job_hash([file], {"code": "1", "epochs": 4}, cpu))
    hashes.append(job_hash([file], {"code": "1", "epochs": 3}, torch.device("cuda")))
    file.write_text("ab")
    hashes.append(job_hash([file], {"code": "1", "epochs": 3}, cpu))
    assert len(set(hashes)) == len(hashes)


def test_a_card_names_all_devices_that_have_trained(tmp_path, data, monkeypatch):
    job = pretrain_job(tmp_path / "x", data, "alexnet", EAGER, epochs=2)
    crop, steps = pretraining.random_crop_flip, 0

    def stopped_in_the_third(*arguments, **named):
        nonlocal steps
        steps += 1
        if steps == 3:
            signal.raise_signal(signal.SIGTERM)
        return crop(*arguments, **named)

    monkeypatch.setattr(pretraining, "random_crop_flip", stopped_in_the_third)
    monkeypatch.setattr(checkpoints, "device_name", lambda where: "NVIDIA A")
    with pytest.raises(SystemExit):
        jobs.run("pretrain.py", **job)
    monkeypatch.setattr(checkpoints, "device_name", lambda where: "NVIDIA B")
    jobs.run("pretrain.py", **job)
    card = read_json(tmp_path / "x/model.json")
    assert (card["device"], card["devices"]) == ("NVIDIA B", ["NVIDIA A", "NVIDIA B"])
    assert card["precision"] == "float32"


def test_a_training_does_not_go_on_in_another_precision(tmp_path, data, monkeypatch, capsys):
    job = pretrain_job(tmp_path / "x", data, "alexnet", EAGER, epochs=2)
    crop = pretraining.random_crop_flip

    def stopped(*arguments, **named):
        signal.raise_signal(signal.SIGTERM)
        return crop(*arguments, **named)

    monkeypatch.setattr(pretraining, "random_crop_flip", stopped)
    with pytest.raises(SystemExit):
        jobs.run("pretrain.py", **job)
    monkeypatch.setattr(pretraining, "random_crop_flip", crop)
    other = pretrain_job(tmp_path / "x", data, "alexnet", EAGER, epochs=2, precision="bfloat16")
    jobs.run("pretrain.py", **other)
    assert "starts anew: the checkpoint here is of other" in capsys.readouterr().out
    assert read_json(tmp_path / "x/model.json")["precision"] == "bfloat16"


def test_short_jobs_write_no_checkpoint_and_sigterm_is_theirs_again(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    checkpoint = Checkpoint(tmp_path / "x", "", seconds=60)
    handlers = []

    def after_epoch(epoch, row):
        handlers.append(signal.getsignal(signal.SIGTERM))
        return {}

    fit(network(), torch.randn(20, 6), torch.arange(20) % 3, RECIPE, seed_everything(0),
        lambda x: x, checkpoint, after_epoch)  # fmt: skip
    assert len(handlers) == 6 and before not in handlers
    assert signal.getsignal(signal.SIGTERM) is before
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    with pytest.raises(FloatingPointError, match="state is not saved: 0.weight .*: lower learning"):
        train(tmp_path / "x", until=1, optimizer="sgd", learning_rate=float("inf"))
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_whose_weights_are_not_finite_is_not_used(tmp_path, capsys):
    with pytest.raises(Interrupted):
        train(tmp_path / "x", until=9)
    path = tmp_path / ".x.checkpoint"
    state = torch.load(path, weights_only=True)
    state["model"]["3.bias"][1] = float("nan")
    torch.save(state, path)
    expected, *_ = train(None)
    weights, *_ = train(tmp_path / "x")
    assert "starts anew: the checkpoint here cannot be read (its weights: 3.bias" in (
        capsys.readouterr().out
    )
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
