"""Extreme settings: what is not refused at the start runs through to the last figure.

Three experiments of the smallest size; each has many corners at once.
"""

import re
from itertools import product

import numpy as np
import pytest

import miniatures
from basemodel.tables import read_csv
from smallest import figures, run, smallest

ODD = {"2023": "Cars $5 {x} 100 %", "null": "a_b^{c$\\frac$ <b> {{y}}"}


@pytest.mark.full
def test_odd_names_all_metrics_and_training_by_other_means(fresh, tmp_path):
    """And: parts of classes only, alpha at its ends, halved numbers, cuts, an odd home folder."""
    config = smallest(
        {
            "results": "~/odd 'results'/",
            "datasets": {"glyphs": {"title": "{x} $1"}},
            "pretrain": {
                "optimizer": "sgd", "augmentation": True, "precision": "bfloat16", "dropout": 0.5,
                "initialisation": "torchvision", "learning_rate": 0.01, "batch": 1000,
            },
            "finetune": {
                "trainable": "head", "optimizer": "sgd", "augmentation": True, "gamma": 1.5,
                "precision": "bfloat16", "initialisation": "kaiming", "warmup_epochs": 3,
                "repeats": 0,
            },
            "probe": {"dtype": "float16"},
            "correlation": {"alpha_step": 1},
            "seed": -1,
        },
        metrics=["feature_norm", "S6", "S5", "S4", "S3", "S2", "S1"],
        other_metrics="all",
        truncation={"architectures": ["alexnet"]},
        targets=list(ODD),
    )  # fmt: skip
    for name, title in ODD.items():
        config["datasets"][name] = {**config["datasets"]["greek"], "title": title}
    printed = run(fresh, config, home=tmp_path)
    results = tmp_path / "odd 'results'"
    assert re.findall(r"^Results: (.*)$", printed, re.MULTILINE) == [str(results)]
    assert "~" not in [path.name for path in fresh.folder.iterdir()]
    assert figures(results) == [
        "figure1", "figure2", "figure3", "figure4-alexnet", "figure5", "figure6", "figure7"
    ]  # fmt: skip
    for table in ("scores", "correlation", "cut_choices", "targets"):
        found = read_csv(results / "tables" / f"{table}.csv")
        assert list(dict.fromkeys(found["target"])) == list(ODD)
    assert list(found["title"]) == list(ODD.values())
    curves = np.load(results / "tables/pair_curves.npy")
    assert curves.shape == (21, 2, 2)
    summary = (results / "summary.txt").read_text(encoding="utf-8")
    assert "NO: the source is {x} $1, not ImageNet" in summary
    again = run(fresh, config, "-n", home=tmp_path)
    assert f"Nothing to be done: all results are up to date in {results}" in again
    # The commands that are given settings as parameters, and the whole of them
    commands = run(fresh, config, "plan", "fetch", "stale", home=tmp_path)
    assert "there is nothing to fetch" in commands
    assert (results / "plan.csv").is_file()


def test_one_metric_one_target_and_all_of_a_network_trained(fresh):
    """And: parts of images only, a network of one channel, no cuts."""
    config = smallest(
        {
            "finetune": {"trainable": "all", "epochs": 2, "repeats": 0},
            "runtime": {"device_memory": 0},
        },
        metrics=["S1"],
        subsets={"image": [2]},
        architectures={"resnet18": {"width": 0.001, "stem": "imagenet", "pretrain": {"epochs": 2}}},
    )
    config["datasets"]["true"] = config["datasets"].pop("greek")
    config["targets"] = ["true"]
    run(fresh, config)
    results = fresh.folder / "results"
    assert figures(results) == ["figure1", "figure2", "figure6", "figure7"]
    assert "One metric makes no pair." in (results / "summary.txt").read_text(encoding="utf-8")
    assert set(read_csv(results / "tables/scores.csv")["target"]) == {"true"}
    assert sorted(path.name for path in (results / "tables").glob("p*")) == [
        "pair_curves.npy", "pairs.csv"
    ]  # fmt: skip


@pytest.mark.full
def test_one_base_model_of_ones_own_images_below_an_odd_folder(fresh):
    """And: where nothing is defined, as one model has no rank; each image a batch of its own."""
    root = fresh.folder / "my {data}" / "100 % $x"
    for folder, label, number in product(("bugs {b}", "none"), range(2), range(5)):
        miniatures.image(root / folder / f"c {label}" / f"{number}.png", label, number)
    own = {"kind": "folder", "title": "Käfer {b}", "path": "bugs {b}", "test_share": 0.4}
    config = smallest(
        {
            "results": f"{fresh.folder}/elsewhere/../out//",
            "data_root": str(root.relative_to(fresh.folder)),
            "pretrain": {"batch": 1},
        },
        datasets={"bugs": own, "none": {**own, "path": "none", "on_error": "drop"}},
        source="bugs",
        targets=["none"],
        subsets={"class": [1]},
        metrics=["S3", "feature_norm"],
        architectures={"vgg16": {"width": 0.02, "stem": "small"}},
    )
    printed = run(fresh, config)
    results = fresh.folder / "out"
    assert f"\nResults: {results}\n" in printed
    assert figures(results) == ["figure1", "figure2", "figure3", "figure6", "figure7"]
    table = read_csv(results / "tables/correlation.csv")
    assert list(table["target"]) == ["none", "none"] and table["rho"].isna().all()
    assert "No pair of metrics has a defined rho." in (results / "summary.txt").read_text()
