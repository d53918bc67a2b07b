"""Which jobs take a GPU, and how many share one: against numbers worked out by hand."""

import copy
import math
from itertools import product
from pathlib import Path

import pytest
import torch
import yaml
from snakemake.utils import update_config

from basemodel import resources, work
from basemodel.compute.passing import EVALUATION_BATCH
from basemodel.data import subsets
from basemodel.models import catalog
from basemodel.models.architectures import build
from basemodel.models.cost import count
from basemodel.resources import Allocated, Need, allocate

ROOT = Path(__file__).resolve().parents[1]


def settings(*overlays, **runtime):
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for name in overlays:
        file = ROOT / "workflow/experiments" / f"{name}.yaml"
        update_config(config, yaml.safe_load(file.read_text(encoding="utf-8")))
    config["results"] = "/nowhere"  # nothing is packed
    config["runtime"] |= runtime
    return config


def need_of(config, work_of, *names):
    """What a job asks of a GPU, whose work a function of `work` says."""
    return resources.need(config, work_of(config, *names))


# Of ResNet18 at width 0.1875: 240 million multiply-adds, times 0.1875 squared.
NARROW = 8_437_500


@pytest.mark.parametrize("experiment", [[], ["smoke"], ["imagenet"]])
@pytest.mark.parametrize("name", catalog.available())
def test_the_costs_without_torch_are_within_a_tenth_of_the_exact_ones(experiment, name):
    config = settings(*experiment)
    network, side = config["architectures"][name], config["image"]["crop"]
    with torch.device("meta"):
        model = build(name, 100, width=network["width"], stem=network["stem"])
    outputs = []
    for layer in model.modules():
        if not list(layer.children()):
            layer.register_forward_hook(lambda layer, given, output: outputs.append(output))
    with torch.no_grad():
        model.eval()(torch.empty(1, 3, side, side, device="meta"))
    cost = count(model, side)
    about = catalog.size(name, network["width"], network["stem"], side)
    assert about.multiply_adds == pytest.approx(cost.multiply_adds, rel=0.1)
    assert about.parameters == pytest.approx(cost.parameters, rel=0.1)
    assert about.largest == pytest.approx(max(output.numel() for output in outputs), rel=0.1)


def test_the_work_of_trainings_by_hand():
    """The default experiment: 100 classes of 200 images to train on and 25 to test on."""
    config = settings()
    found = {
        subset: need_of(config, work.pretraining, "resnet18", subset).multiply_adds
        for subset in ("class10-03", "image20-07", "whole")
    }
    # 8 epochs, each image three times; the accuracies of 2000 and 250 images at the end.
    assert found["class10-03"] == pytest.approx(NARROW * (8 * 2000 * 3 + 2000 + 250))
    # 1000 images of all classes, so all 2500 to test on.
    assert found["image20-07"] == pytest.approx(NARROW * (8 * 1000 * 3 + 1000 + 2500))
    # Tested after every epoch, and at the end.
    assert found["whole"] == pytest.approx(NARROW * (8 * 20000 * 3 + 8 * 2500 + 20000 + 2500))


def test_the_work_of_finetunings_and_dumps_by_hand():
    config = settings()  # 35 Greek letters: 20 images to train on, 12 to test on

    def cost(work_of, *names):
        return need_of(config, work_of, "resnet18", *names).multiply_adds

    assert cost(work.dump, "greek") == pytest.approx(NARROW * 35 * 10)
    assert cost(work.epoch_dump) == pytest.approx(NARROW * 100 * 10)
    config["normal"]["classes"] = 7
    assert cost(work.epoch_dump) == pytest.approx(NARROW * 7 * 10)
    # The features of a frozen network are computed once.
    assert cost(work.finetuning, "greek") == pytest.approx(NARROW * 35 * (20 + 12))
    config["finetune"]["augmentation"] = True
    assert cost(work.finetuning, "greek") == pytest.approx(NARROW * 35 * (30 * 20 + 12))
    config["finetune"]["trainable"] = "all"
    assert cost(work.finetuning, "greek") == pytest.approx(NARROW * 35 * (3 * 30 * 20 + 12))
    assert cost(work.cut_finetuning, "greek") == pytest.approx(NARROW * 35 * (30 * 20 + 12))


def of_an_experiment(config):
    """The resources of an experiment's jobs, by what they do."""
    names, runtime = subsets.names(config["subsets"]), config["runtime"]

    def all_of(work_of, others):
        pairs = product(config["architectures"], others)
        return {allocate(runtime, need_of(config, work_of, name, other)) for name, other in pairs}

    return {
        "pretrain": all_of(work.pretraining, names),
        "normal": all_of(work.pretraining, ["whole"]),
        "featuremaps": all_of(work.dump, config["targets"]),
        "finetune": all_of(work.finetuning, config["targets"]),
    }


def test_of_the_default_experiment_only_the_normal_trainings_take_a_gpu():
    eight = 100 // 8
    assert of_an_experiment(settings()) == {
        "pretrain": {Allocated(0, 0)}, "normal": {Allocated(1, eight)},
        "featuremaps": {Allocated(0, 0)}, "finetune": {Allocated(0, 0)},
    }  # fmt: skip
    assert set.union(*of_an_experiment(settings("smoke")).values()) == {Allocated(0, 0)}


def test_of_the_papers_experiment_trainings_have_a_gpu_and_finetunings_share_one():
    found = of_an_experiment(settings("imagenet", gpu_memory=80))
    assert found["pretrain"] == found["normal"] == {Allocated(1, 100)}
    assert found["finetune"] == {Allocated(1, 12), Allocated(1, 100)}  # a step of VGG16 fills one
    # 370 images of pets through AlexNet are 2.6e11 multiply-adds, 10 s of a core.
    assert found["featuremaps"] == {Allocated(0, 0), Allocated(1, 12), Allocated(1, 20)}


def test_a_threshold_and_a_device_decide():
    runtime = settings()["runtime"]
    below, at = Need(0.99e12, 0, 1e9), Need(1e12, 0, 1e9)
    unknown = Need(math.inf, 0, 1e9)
    assert [allocate(runtime, need).gpu for need in (below, at, unknown, None)] == [0, 1, 1, 1]
    runtime["device"] = "cuda"
    assert [allocate(runtime, need).gpu for need in (below, at, unknown, None)] == [1, 1, 1, 1]
    runtime["device"] = "cpu"
    assert {allocate(runtime, need) for need in (below, at, unknown, None)} == {Allocated(0, 0)}


def test_own_images_take_a_gpu_until_they_are_packed(tmp_path):
    config = settings()
    config["results"] = str(tmp_path)
    config["datasets"]["own"] = {"kind": "folder", "title": "Own", "path": "own"}
    for work_of in (work.dump, work.finetuning):
        assert allocate(config["runtime"], need_of(config, work_of, "alexnet", "own")) == Allocated(
            1, 12
        )
    (tmp_path / "data/own").mkdir(parents=True)
    (tmp_path / "data/own/meta.json").write_text(
        '{"classes": ["a", "b"], "images": {"train": 100, "test": 20}}'
    )
    for work_of in (work.dump, work.finetuning):
        assert allocate(config["runtime"], need_of(config, work_of, "alexnet", "own")) == Allocated(
            0, 0
        )


def test_jobs_that_share_a_gpu_fit_into_its_memory():
    # Fine-tuning ResNet18 at 224 pixels: 11.7 million weights, and of 256 images four times the
    # largest output, 803,000 numbers: 3.34 GB, twice that beside images, and 0.7 GB for CUDA.
    config = settings("imagenet")
    need = need_of(config, work.finetuning, "resnet18", "dtd")
    assert need.memory == pytest.approx(7.37e9, rel=0.001)
    assert need.step == pytest.approx(64 * 1.81e9)
    shares = {
        gb: allocate(config["runtime"] | {"gpu_memory": gb}, need).gpu_share
        for gb in (6, 14, 15, 24, 80, None)
    }
    assert shares == {6: 100, 14: 100, 15: 50, 24: 33, 80: 12, None: 50}  # None: 16 GB
    # Dumps keep no images on the device.
    assert need_of(config, work.dump, "resnet18", "dtd").memory == pytest.approx(4.04e9, rel=0.002)
    # Training keeps the outputs of all layers for the gradients, and four times the weights.
    config["finetune"]["trainable"] = "all"
    trained = 4 * (4 * 11.7e6 + 10 * 64 * 803_000)
    assert trained < 3.34e9  # so the test, with 256 images at a time, needs more
    assert need_of(config, work.finetuning, "resnet18", "dtd").memory == need.memory
    config["finetune"]["batch"] = 256
    of_all = need_of(config, work.finetuning, "resnet18", "dtd").memory
    assert of_all == pytest.approx(0.7e9 + 2 * 4 * (4 * 11.7e6 + 10 * 256 * 803_000))
    assert resources.EVALUATION_BATCH == EVALUATION_BATCH


def test_where_images_may_take_all_memory_nobody_shares():
    config = settings("imagenet", gpu_memory=80, device_memory=1)
    assert (
        allocate(config["runtime"], need_of(config, work.finetuning, "alexnet", "dtd")).gpu_share
        == 100
    )


def test_a_step_that_fills_a_gpu_and_a_number_of_the_user():
    runtime = settings(gpu_memory=80)["runtime"]
    assert allocate(runtime, Need(1e15, 2.9e11, 1e9)).gpu_share == 12
    assert allocate(runtime, Need(1e15, 3e11, 1e9)).gpu_share == 100
    assert allocate(runtime, None).gpu_share == 25  # of `snakemake rank`
    for number, share in ((1, 100), (3, 33), (7, 14), (100, 1)):
        runtime["gpu_jobs"] = number
        assert allocate(runtime, Need(1e15, 1e12, 1e12)).gpu_share == share
        assert allocate(runtime, None).gpu_share == share


@pytest.mark.parametrize(
    ("printed", "gigabytes"),
    [("81920\n24576\n", 24576 * 2**20 / 1e9), ("[N/A]\n", None), ("", None), (None, None)],
)
def test_the_memory_is_that_of_the_smallest_gpu(printed, gigabytes, tmp_path, monkeypatch):
    if printed is not None:
        smi = tmp_path / "nvidia-smi"
        smi.write_text(f"#!/bin/sh\nprintf '{printed}'\n")
        smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    resources.gpu_memory.cache_clear()
    assert resources.gpu_memory() == gigabytes
    resources.gpu_memory.cache_clear()


def test_nobody_is_asked_where_the_memory_makes_no_difference():
    runtime = settings()["runtime"]
    assert resources.asks_memory(runtime)
    for change in ({"device": "cpu"}, {"gpu_jobs": 2}, {"gpu_memory": 24}):
        assert not resources.asks_memory({**copy.deepcopy(runtime), **change})
