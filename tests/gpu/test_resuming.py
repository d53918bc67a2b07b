"""A training on the GPU that is stopped by SIGTERM resumes to the bytes of one that is not."""

import os
import signal
import time

import pytest
import torch

import jobs
from basemodel.compute.device import seed_everything
from basemodel.data import packed
from basemodel.models import architectures
from basemodel.models.preprocessing import Preprocessing
from basemodel.training.augmentation import random_crop_flip
from basemodel.training.checkpoints import Checkpoint
from basemodel.training.loop import Interrupted, fit

pytestmark = pytest.mark.gpu

RECIPE = {
    "epochs": 3, "batch": 16, "optimizer": "adamw", "learning_rate": 0.002, "momentum": 0.9,
    "weight_decay": 0.01, "warmup_epochs": 1, "step_epochs": 2, "gamma": 0.1, "dropout": 0.3,
    "initialisation": "kaiming", "augmentation": True, "precision": "float32", "compile": False,
}  # fmt: skip


def train(where, data, architecture, path=None, until=None, **changes):
    """Train; SIGTERM comes after `until` steps. The weights, on the CPU, and the history."""
    torch._dynamo.reset()  # as in a process of its own
    generator = seed_everything(0)
    model = architectures.build(architecture, 5, width=0.25, stem="small", dropout=0.3)
    architectures.initialise(model, "kaiming")
    model = model.to(where, memory_format=torch.channels_last)
    images, labels = packed.load(data / "train")
    images = torch.from_numpy(images.copy()).to(where)
    steps = 0

    def prepare(batch):
        nonlocal steps
        steps += 1
        if steps == until:
            signal.raise_signal(signal.SIGTERM)
        return random_crop_flip(batch, Preprocessing(size=32, crop=28), generator)

    history = fit(
        model, images, torch.from_numpy(labels), {**RECIPE, **changes}, generator, prepare,
        Checkpoint(path, "same") if path else None,
    )  # fmt: skip
    return {name: tensor.cpu() for name, tensor in model.state_dict().items()}, history


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        ("alexnet", {}),
        ("vgg16", {"optimizer": "sgd"}),
        ("resnet18", {}),
        ("resnet18", {"precision": "bfloat16"}),
        ("resnet18", {"compile": True}),
        ("alexnet", {"compile": True, "precision": "bfloat16", "optimizer": "sgd"}),
    ],
    ids=["alexnet", "vgg16", "resnet18", "bfloat16", "compiled", "compiled bfloat16"],
)
def test_it_resumes_in_the_middle_of_an_epoch(where, data, tmp_path, architecture, changes, capsys):
    expected, whole = train(where, data, architecture, **changes)
    # 13 steps an epoch: in the middle of the second.
    with pytest.raises(Interrupted, match="stopped in epoch 2: saved"):
        train(where, data, architecture, tmp_path / "x", until=20, **changes)
    weights, history = train(where, data, architecture, tmp_path / "x", **changes)
    assert "resumes after 1 epochs and 7 steps" in capsys.readouterr().out
    assert history == whole
    for name, weight in expected.items():
        assert torch.equal(weights[name], weight), name


def test_a_job_that_is_stopped_gives_the_same_bytes(pretraining, tmp_path):
    settings = {**RECIPE, "epochs": 30}
    whole = pretraining(tmp_path / "whole", settings, checkpoint_seconds=1e9)
    process = jobs.start("pretrain.py", tmp_path / "log", **whole)
    process.join()
    assert process.exitcode == 0, (tmp_path / "log").read_text()
    stopped = pretraining(tmp_path / "stopped", settings)
    process = jobs.start("pretrain.py", tmp_path / "log", **stopped)
    while process.is_alive() and not list((tmp_path / "stopped").glob(".*.checkpoint")):
        time.sleep(0.002)
    process.terminate()
    process.join()
    assert process.exitcode == os.EX_TEMPFAIL, (tmp_path / "log").read_text()
    process = jobs.start("pretrain.py", tmp_path / "log", **stopped)
    process.join()
    assert process.exitcode == 0, (tmp_path / "log").read_text()
    assert "resumes after" in (tmp_path / "log").read_text()
    for name in ("weights", "card"):
        ours, theirs = (tmp_path / folder / name for folder in ("stopped", "whole"))
        assert ours.read_bytes() == theirs.read_bytes(), name
