"""Whether an experiment is the paper's: what the paper fixes is checked, the rest is free."""

import copy
from pathlib import Path

import pytest
import yaml

from basemodel.comparability import comparable

ROOT = Path(__file__).resolve().parents[1]


def laid(over, under):
    for key, value in over.items():
        under[key] = laid(value, under.get(key, {})) if isinstance(value, dict) else value
    return under


@pytest.fixture
def paper():
    default, over = (
        yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
        for file in ("config.yaml", "workflow/experiments/imagenet.yaml")
    )
    return laid(over, default)


def test_the_papers_experiment_is_and_says_what_is_its_own_choice(paper):
    answer, why = comparable(paper)
    assert answer and "batch, momentum, weight decay" in why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"source": "dtd"}, "the source is DTD, not ImageNet"),
        ({"data_counts": "any"}, "the data sets need not be complete (data_counts: any)"),
        ({"datasets": {"imagenet": {"on_error": "drop"}}}, "datasets.imagenet.on_error is drop,"),
        # The design
        ({"image": {"size": 32, "crop": 32}}, "image.size is 32, not 256; image.crop is 32"),
        ({"subsets": {"class": [10]}}, "subsets.class is [10], not [10, 20]"),
        ({"subsets": {"image": []}}, "subsets.image is [], not [10, 20]"),
        ({"architectures": {"vgg16": {"width": 0.1}}}, "architectures.vgg16.width is 0.1, not 1"),
        ({"architectures": {"vgg16": {"stem": "small"}}}, "architectures.vgg16.stem is small, not"),
        ({"finetune": {"trainable": "all"}}, "finetune.trainable is all, not last"),
        ({"probe": {"images_per_class": 5}}, "probe.images_per_class is 5, not 10"),
        ({"metrics": ["S1", "S2"]}, "metrics is ['S1', 'S2'], not ['S1', 'S2', 'S3', "),
        ({"correlation": {"alpha_step": 0.01}}, "correlation.alpha_step is 0.01, not 0.001"),
        # Table 3, of all architectures, of one, and of fine-tuning
        ({"pretrain": {"epochs": 1}}, "pretrain.epochs is 1, not 30"),
        ({"pretrain": {"optimizer": "adamw"}}, "pretrain.optimizer is adamw, not sgd"),
        ({"pretrain": {"learning_rate": 0.1}}, "pretrain.learning_rate is 0.1, not 0.01"),
        ({"pretrain": {"warmup_epochs": 2}}, "pretrain.warmup_epochs is 2, not 0"),
        ({"pretrain": {"step_epochs": 8}}, "pretrain.step_epochs is 8, not 7"),
        ({"pretrain": {"gamma": 0.5}}, "pretrain.gamma is 0.5, not 0.1"),
        (
            {"architectures": {"resnet18": {"pretrain": {"epochs": 8}}}},
            "architectures.resnet18.pretrain.epochs is 8, not 30",
        ),
        ({"finetune": {"epochs": 1}}, "finetune.epochs is 1, not 30"),
        ({"finetune": {"gamma": 0.2}}, "finetune.gamma is 0.2, not 0.1"),
    ],
)  # fmt: skip
def test_each_setting_that_the_paper_fixes_is_held(paper, change, why):
    answer, text = comparable(laid(change, paper))
    assert not answer and text.startswith(why)


def test_what_the_paper_leaves_open_is_free(paper):
    change = {
        "seed": 3,
        "pretrain": {"batch": 128, "momentum": 0, "weight_decay": 1e-4, "augmentation": False},
        "finetune": {"batch": 32, "precision": "float32"},
        "metrics": ["S6", "S5", "S4", "S3", "S2", "S1"],
        "subsets": {"class": [20, 10]},
        "runtime": {"device_memory": 0.1},
    }
    assert comparable(laid(change, paper))[0]


def test_a_missing_architecture_and_other_targets_are_named(paper):
    without = copy.deepcopy(paper)
    del without["architectures"]["vgg16"]
    assert comparable(without)[1].startswith("architectures is ['alexnet', 'resnet18'], not")
    fewer = {**paper, "targets": paper["targets"][1:]}
    assert comparable(fewer)[1] == (
        "of the paper's targets, stanford_cars are not among the targets"
    )
    assert comparable({**paper, "targets": paper["targets"][:6]})[1] == (
        "the number of targets is 6, not 8"
    )


def test_a_reason_names_the_first_three_differences(paper):
    change = {
        "image": {"size": 32, "crop": 32},
        "finetune": {"trainable": "all"},
        "pretrain": {"epochs": 1, "gamma": 1},
    }
    assert comparable(laid(change, paper))[1] == (
        "image.size is 32, not 256; image.crop is 32, not 224; "
        "finetune.trainable is all, not last; and 2 more"
    )
