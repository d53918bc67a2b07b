"""The training loop: same bytes as a plain loop, however it is fed; precision; divergence."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from basemodel.compute import feeding
from basemodel.compute.device import autocast, seed_everything
from basemodel.compute.evaluation import accuracy
from basemodel.compute.feeding import Streamed, feed, load
from basemodel.compute.passing import apply
from basemodel.models import architectures
from basemodel.models.architectures import initialise
from basemodel.models.preprocessing import Preprocessing
from basemodel.training.loop import fit
from basemodel.training.loss_watch import EVERY, Watch

CPU = torch.device("cpu")
centre_crop = Preprocessing(size=32, crop=32).centre_crop
# What the default experiment trains with, on fewer images.
RECIPE = {
    "epochs": 3, "batch": 32, "optimizer": "adamw", "learning_rate": 0.0005, "momentum": 0.9,
    "weight_decay": 0, "warmup_epochs": 2, "step_epochs": 7, "gamma": 0.1, "dropout": 0,
    "precision": "float32", "compile": False,
}  # fmt: skip
SGD = {**RECIPE, "optimizer": "sgd", "learning_rate": 0.01, "warmup_epochs": 0, "step_epochs": 2}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (150, 32, 32, 3), dtype=np.uint8), rng.integers(0, 4, 150)


def untrained(architecture):
    generator = seed_everything(7)
    model = architectures.build(architecture, 4, width=0.125, stem="small", dropout=0.2)
    initialise(model, "kaiming")
    return model.to(memory_format=torch.channels_last), generator


def plain_loop(model, images, labels, settings, generator):
    """What `fit` does in float32 on a CPU, with nothing else around it."""
    make = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[settings["optimizer"]]
    options = {"momentum": 0.9} if settings["optimizer"] == "sgd" else {}
    rate = settings["learning_rate"]
    optimizer = make(model.parameters(), lr=rate, weight_decay=0, fused=True, **options)
    history = []
    for epoch in range(settings["epochs"]):
        model.train()
        loss_sum, correct = torch.zeros(()), 0
        batches = torch.randperm(150, generator=generator).tensor_split(5)
        for step, batch in enumerate(batches):
            grown = min(1.0, (epoch * 5 + step + 1) / 10) if settings["warmup_epochs"] else 1
            optimizer.param_groups[0]["lr"] = (
                rate * 0.1 ** (epoch // settings["step_epochs"]) * grown
            )
            logits = model(centre_crop(images[batch]))
            loss = nn.functional.cross_entropy(logits, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach() * len(batch)
            correct += int((logits.argmax(1) == labels[batch]).sum())
        history.append({"loss": loss_sum.item() / 150, "accuracy": correct / 150})
    return history


@pytest.mark.parametrize("architecture", ["alexnet", "vgg16", "resnet18"])
@pytest.mark.parametrize("settings", [RECIPE, SGD], ids=["adamw", "sgd"])
def test_on_the_cpu_it_has_the_bytes_of_a_plain_loop(images, architecture, settings):
    pixels, labels = torch.from_numpy(images[0]), torch.from_numpy(images[1])
    theirs, generator = untrained(architecture)
    expected = plain_loop(theirs, pixels, labels, settings, generator)
    ours, generator = untrained(architecture)
    assert fit(ours, pixels, labels, settings, generator, centre_crop) == expected
    for name, weight in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], weight), name


def test_streamed_images_train_the_same_weights(images, tmp_path):
    np.save(tmp_path / "images.npy", np.concatenate([images[0], images[0][::-1]]))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    labels = torch.from_numpy(images[1])
    results = []
    for inputs in (torch.from_numpy(images[0][::-1].copy()), load(mapped, range(150, 300), CPU, 0)):
        model, generator = untrained("alexnet")
        history = fit(model, inputs, labels, RECIPE, generator, centre_crop)
        results.append((history, accuracy(model, inputs, labels, centre_crop), model.state_dict()))
    assert isinstance(inputs, Streamed)
    assert results[0][:2] == results[1][:2]
    for name, weight in results[0][2].items():
        assert torch.equal(results[1][2][name], weight), name


def test_what_fits_is_loaded_and_what_does_not_is_streamed(monkeypatch):
    images = np.arange(40 * 2 * 2 * 3, dtype=np.uint8).reshape(40, 2, 2, 3)
    rows = np.random.default_rng(0).permutation(40)[:30]
    monkeypatch.setattr(feeding, "CHUNK_BYTES", 100)  # eight images: the last chunk is smaller
    resident = load(images, rows, CPU, 400)
    assert isinstance(resident, torch.Tensor)
    assert np.array_equal(resident.numpy(), images[rows])
    streamed = load(images, rows, CPU, 300)
    assert isinstance(streamed, Streamed) and len(streamed) == 30
    parts = torch.randperm(30).split(7)
    for ours, theirs in zip(feed(streamed, parts, CPU), feed(resident, parts, CPU), strict=True):
        assert torch.equal(ours, theirs)
    assert len(load(images, None, CPU, 480)) == 40


def test_loading_takes_the_memory_of_the_images_once(tmp_path, monkeypatch):
    """As measured for 96 MiB; a subset of ImageNet is 25 GB."""
    monkeypatch.setattr(feeding, "CHUNK_BYTES", 4 * 2**20)
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (512, 256, 256, 3))
    peak, before = 0, anonymous_bytes()

    def gather(*arguments, **options):
        nonlocal peak
        part = plain_gather(*arguments, **options)
        peak = max(peak, anonymous_bytes() - before)
        return part

    plain_gather = feeding._gather
    monkeypatch.setattr(feeding, "_gather", gather)
    resident = load(mapped, np.arange(511, -1, -1), CPU, mapped.nbytes)
    assert resident.numel() == mapped.nbytes == 96 * 2**20
    assert peak < 1.2 * mapped.nbytes


def anonymous_bytes():
    """Of this process's memory, what is not a file's."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


def test_a_stream_that_is_left_early_ends_its_thread():
    import threading

    before = threading.active_count()
    stream = feed(
        Streamed(np.zeros((9, 2, 2, 3), np.uint8), np.arange(9)), [torch.arange(3)] * 9, CPU
    )
    next(stream)
    stream.close()
    assert threading.active_count() == before


def test_no_batches_are_no_error():
    assert list(feed(torch.zeros(3), (), CPU)) == []
    assert list(feed(Streamed(np.zeros((3, 2, 2, 3), np.uint8), np.arange(3)), (), CPU)) == []


def test_bfloat16_is_computed_in_where_it_is_asked_for():
    layer = nn.Linear(4, 4)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with autocast(precision, CPU):
            assert layer(torch.zeros(2, 4)).dtype == dtype


def test_training_in_bfloat16_keeps_float32_weights_and_learns(images):
    inputs, labels = torch.randn(150, 8), torch.from_numpy(images[1])
    inputs[torch.arange(150), labels] += 4
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    settings = {**SGD, "precision": "bfloat16", "learning_rate": 0.05, "epochs": 5}
    history = fit(model, inputs, labels, settings, seed_everything(0))
    assert history[-1]["loss"] < history[0]["loss"]
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert accuracy(model, inputs, labels, precision="bfloat16") > 0.9


def test_compile_is_a_setting(monkeypatch):
    compiled = []
    monkeypatch.setattr(nn.Module, "compile", lambda module, **how: compiled.append(module))
    model = nn.Linear(3, 2)
    for wanted in (False, True):
        settings = {**SGD, "compile": wanted, "epochs": 1}
        fit(model, torch.zeros(4, 3), torch.arange(4) % 2, settings, seed_everything(0))
    assert compiled == [model]


def test_a_loss_that_is_not_finite_stops_at_its_step():
    inputs = torch.zeros(20, 2)
    seen = []

    def prepare(batch):
        seen.append(len(batch))
        return batch + (float("inf") if len(seen) == 8 else 0)

    settings = {**SGD, "batch": 4, "learning_rate": 0.25}
    with pytest.raises(
        FloatingPointError,
        match=r"became nan in epoch 2 of 3, step 3 of 5, at learning rate 0.25: lower",
    ):
        fit(nn.Linear(2, 2), inputs, torch.arange(20) % 2, settings, seed_everything(0),
                 prepare)  # fmt: skip
    assert len(seen) == 8


def test_weights_that_the_last_step_spoils_are_an_error():
    """No loss is computed from them any more."""
    settings = {**SGD, "batch": 20, "epochs": 1, "learning_rate": float("inf")}
    with pytest.raises(
        FloatingPointError,
        match=r"weights after epoch 1 of 1, at learning rate inf: weight and 1 more .*: lower",
    ):
        fit(nn.Linear(2, 2), torch.randn(20, 2), torch.arange(20) % 2, settings, seed_everything(0))


def test_so_are_statistics_of_a_batch_that_are_not_finite():
    """Batch normalisation divides by them, so infinite values give a finite loss."""
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    inputs = torch.full((20, 2), 1e30) * torch.randn(20, 1)
    with pytest.raises(FloatingPointError, match=r"1.running_var not finite"):
        fit(model, inputs, torch.arange(20) % 2, {**SGD, "epochs": 1}, seed_everything(0))


@pytest.mark.parametrize("trained", [False, True])
def test_answers_that_are_not_finite_have_no_accuracy(trained):
    """Weights may be finite and as large as float32 goes: a rate of 1e37, and one step."""
    model = nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 2))
    inputs, labels = torch.randn(20, 2), torch.arange(20) % 2
    assert 0 <= accuracy(model, inputs, labels) <= 1
    if trained:
        settings = {**RECIPE, "warmup_epochs": 0, "batch": 20, "epochs": 1, "learning_rate": 1e37}
        fit(model, inputs, labels, settings, seed_everything(0))
        assert all(weight.isfinite().all() for weight in model.parameters())
    else:
        nn.init.constant_(model[1].bias, float("nan"))
    with pytest.raises(FloatingPointError, match="answers to 20 of 20 images are not finite: low"):
        accuracy(model, inputs, labels)


def test_no_images_are_an_error_in_training_and_in_tests():
    model, none = nn.Linear(2, 2), torch.zeros(0, dtype=torch.int64)
    with pytest.raises(ValueError, match="no images to test on"):
        accuracy(model, torch.zeros(0, 2), none)
    with pytest.raises(ValueError, match="no images to train on"):
        fit(model, torch.zeros(0, 2), none, SGD, seed_everything(0))


@pytest.mark.parametrize("bad", [3, EVERY - 1, EVERY + 5])
def test_a_late_loss_is_named_by_its_own_step(bad):
    """On a GPU, the host runs steps ahead of the losses, and waits for several at once."""

    class OnGPU(torch.Tensor):
        device = torch.device("cuda")

    watch = Watch(epochs=2, steps=100)
    with pytest.raises(FloatingPointError, match=f"epoch 1 of 2, step {bad + 1} of 100"):
        for step in range(bad + 1):
            loss = torch.tensor(float("nan") if step == bad else 1.0).as_subclass(OnGPU)
            watch.see(loss, 0, step, 0.5)
        assert (bad + 1) % EVERY
        watch.finish()


def test_applying_a_function_keeps_batches_of_one_size():
    sizes = [len(batch) for batch in apply(lambda batch: batch, torch.zeros(600, 1), CPU)]
    assert sizes == [256, 256, 88]


def test_images_of_a_batch_are_not_changed_by_training(images):
    pixels = torch.from_numpy(images[0])
    before = copy.deepcopy(pixels)
    model, generator = untrained("alexnet")
    fit(model, pixels, torch.from_numpy(images[1]), {**RECIPE, "epochs": 1}, generator, centre_crop)
    assert torch.equal(pixels, before)
