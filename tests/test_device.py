"""The device of a job, its part of a GPU's memory, its precision; with a GPU that is faked."""

from contextlib import suppress
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import jobs
from basemodel.compute import device, passing
from basemodel.compute.device import DeviceError, allocated_device, autocast, named_memory
from basemodel.compute.feeding import Streamed, free_memory
from basemodel.compute.passing import apply
from basemodel.data import packed
from basemodel.files import read_json, write_json
from basemodel.selection import isolated, one_candidate
from basemodel.selection.names import parse

CPU = torch.device("cpu")
GB = 1_000_000_000


@pytest.fixture
def gpu(monkeypatch):
    """What torch would say of a GPU of 20 GB, of which 15 GB are free; a test may change it."""
    gpu = SimpleNamespace(there=True, free=15 * GB, total=20 * GB, reserved=0, part=1.0, half=True)

    def take(fraction):
        gpu.part = fraction

    answers = {
        "is_available": lambda: gpu.there,
        "mem_get_info": lambda where=None: (gpu.free, gpu.total),
        "memory_reserved": lambda where=None: gpu.reserved,
        "set_per_process_memory_fraction": take,
        "get_per_process_memory_fraction": lambda: gpu.part,
        "get_device_name": lambda where: "NVIDIA Quarter",
        "is_bf16_supported": lambda including_emulation: gpu.half,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    monkeypatch.setattr(device.platform, "node", lambda: "node7")
    return gpu


def test_a_job_computes_where_it_was_lent_a_device(gpu):
    cuda = torch.device("cuda")
    assert allocated_device("auto", {"gpu": 1, "gpu_share": 100}) == cuda
    assert allocated_device("auto", {"gpu": 0, "gpu_share": 0}) == CPU
    assert allocated_device("cpu", {"gpu": 1, "gpu_share": 100}) == CPU
    assert allocated_device("cuda", {"gpu": 1}) == cuda  # a job without the resource
    gpu.there = False
    assert allocated_device("auto", {"gpu": 1, "gpu_share": 12}) == CPU


def test_where_only_a_gpu_is_wanted_its_absence_is_an_error(gpu):
    gpu.there = False
    for gpu in (1, 0):  # Snakemake's limit may be 0
        with pytest.raises(DeviceError, match=r"^runtime\.device is cuda, and .* on node7; set it"):
            allocated_device("cuda", {"gpu": gpu})


def test_cuda_is_not_started_where_no_gpu_is_allocated(monkeypatch):
    def never(*_):
        raise AssertionError("CUDA must not start")

    monkeypatch.setattr(torch.cuda, "is_available", never)
    assert allocated_device("auto", {"gpu": 0}) == allocated_device("cpu", {"gpu": 1}) == CPU


@pytest.mark.parametrize("script", ["rank_candidate.py", "rank_finetune.py"])
def test_a_process_that_is_forked_gets_plain_values(tmp_path, monkeypatch, script):
    """CUDA, once it has started, does not survive a fork."""

    def never(*_):
        raise AssertionError("CUDA must not start before the fork")

    given = []
    monkeypatch.setattr(torch.cuda, "is_available", never)
    for module in (isolated, one_candidate):  # where scripts and the library take it from
        monkeypatch.setattr(module, "isolated", lambda *parts: given.append(parts) or {})
    input = {"images": tmp_path / "images.json", "tests": tmp_path / "tests.json"}
    for path in input.values():
        write_json(path, {"probe": []})
    candidate = asdict(parse("timm:resnet18"))
    settings = {"candidate": candidate, "dtype": "float32", "tuning": {}, "seed": 0}
    output = {name: tmp_path / name for name in ("card", "arrays", "failures", "result", "network")}
    with suppress(KeyError):  # of an outcome that is empty
        jobs.run(
            script, input=input, params=settings, output=output,
            config={"results": "x", "candidates": []}, resources={"gpu": 1, "gpu_share": 25},
        )  # fmt: skip
    assert given[0][-1] == ("auto", {"gpu": 1, "gpu_share": 25})


def test_jobs_that_share_a_gpu_take_no_more_than_their_parts(gpu):
    where = allocated_device("auto", {"gpu": 1, "gpu_share": 25})
    # 5 GB are the job's, of which CUDA takes 0.7 GB.
    assert gpu.part * gpu.total == pytest.approx(4.3 * GB)
    assert free_memory(where) == 4.3 * GB
    gpu.reserved = GB
    assert free_memory(where) == 3.3 * GB
    gpu.free = 2 * GB  # somebody else has taken more
    assert free_memory(where) == 2 * GB
    gpu.reserved = 6 * GB
    assert free_memory(where) == 0
    gpu.total = GB  # smaller than was assumed
    allocated_device("auto", {"gpu": 1, "gpu_share": 12})
    assert gpu.part == 0


def test_a_job_that_is_alone_has_all_that_is_free(gpu):
    assert free_memory(allocated_device("auto", {"gpu": 1, "gpu_share": 100})) == 15 * GB
    assert gpu.part == 1


def test_a_gpu_without_bfloat16_is_named(gpu):
    gpu.half = False
    cuda = torch.device("cuda")
    with pytest.raises(DeviceError) as error:
        autocast("bfloat16", cuda)
    assert "NVIDIA Quarter of node7" in str(error.value)
    assert "pretrain.precision and finetune.precision to float32" in str(error.value)
    autocast("bfloat16", CPU)  # any CPU can


def test_too_little_memory_names_the_settings(gpu):
    with pytest.raises(DeviceError) as error, named_memory():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB.")
    said = str(error.value)
    assert said.startswith("NVIDIA Quarter of node7 has too little memory")
    assert "runtime.gpu_jobs" in said and "batch of pretrain or finetune" in said
    assert "\n" not in said
    with pytest.raises(ValueError, match="another"), named_memory():
        raise ValueError("another")


def test_batches_are_halved_until_they_fit(monkeypatch, capsys):
    monkeypatch.setattr(passing, "EVALUATION_BATCH", 8)
    tried = []

    def no_more_than_three(batch):
        tried.append(len(batch))
        if len(batch) > 3:
            raise torch.OutOfMemoryError("too much")
        return batch * 2

    inputs = torch.arange(19)
    for given in (inputs, Streamed(np.arange(19, dtype=np.uint8), np.arange(19))):
        tried.clear()
        parts = list(apply(no_more_than_three, given, CPU))
        assert torch.equal(torch.cat(parts), inputs * 2)
        # 8 and 4 are too many; later batches are tried with 2.
        assert tried == [8, 4, *[2] * 9, 1]
    assert "too little memory for 8 images at a time: 4" in capsys.readouterr().out

    def nothing_fits(batch):
        raise torch.OutOfMemoryError("too much")

    with pytest.raises(torch.OutOfMemoryError):
        list(apply(nothing_fits, inputs, CPU))


def test_a_dumps_card_names_its_device_and_precision(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    packed.save(tmp_path / "train", images, np.repeat(np.arange(2), 3))
    np.save(tmp_path / "probe.npy", np.arange(4))
    write_json(tmp_path / "subset.json", {"subset": "s", "policy": "p", "classes": [0, 1],
        "images": list(range(6))})  # fmt: skip
    split = {"train": tmp_path / "train/images.npy", "train_labels": tmp_path / "train/labels.npy"}
    jobs.run(
        "pretrain.py",
        input={
            "subset": tmp_path / "subset.json", **split, "test": split["train"],
            "test_labels": split["train_labels"],
        },
        output={"weights": tmp_path / "model.safetensors", "card": tmp_path / "model.json"},
        params={
            "network": {"architecture": "resnet18", "width": 0.05, "stem": "small"}, "seed": 0,
            "preprocessing": {"size": 32, "crop": 32},
            "pretrain": {
                "epochs": 1, "batch": 6, "optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9,
                "weight_decay": 0, "warmup_epochs": 0, "step_epochs": 1, "gamma": 1, "dropout": 0,
                "initialisation": "kaiming", "augmentation": False, "precision": "bfloat16",
                "compile": False,
            },
        },
        config={"runtime": {
            "device_memory": 0.5, "checkpoint_seconds": 60
        }},
    )  # fmt: skip
    card = read_json(tmp_path / "model.json")
    assert (card["device"], card["devices"], card["precision"]) == ("cpu", ["cpu"], "bfloat16")
    names = ("featuremaps", "embeddings", "probabilities")
    jobs.run(
        "featuremaps.py",
        input={
            "weights": tmp_path / "model.safetensors", "card": tmp_path / "model.json",
            "probe": tmp_path / "probe.npy", "images": split["train"],
        },
        output={name: tmp_path / f"{name}.npy" for name in names} | {"card": tmp_path / "c.json"},
        params={"dtype": "float32"},
    )  # fmt: skip
    card = read_json(tmp_path / "c.json")
    assert (card["device"], card["precision"]) == ("cpu", "float32")
    assert set(card["versions"]) == {"python", "numpy", "torch"}
