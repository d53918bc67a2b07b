"""Extreme settings: what is not refused at the start runs through to the last figure.

Three experiments of the smallest size; each has many corners at once.
"""

import copy
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import miniatures
from basemodel.tables import read_csv
from projects import ROOT


def laid(over, under):
    for key, value in over.items():
        under[key] = laid(value, under.get(key, {})) if isinstance(value, dict) else value
    return under


def smallest(over, **replaced):
    """The default experiment, made as small as can be; `replaced` takes the place of whole parts.

    An overlay cannot remove an architecture, so this must be config.yaml itself.
    """
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    glyphs = {"kind": "glyphs", "title": "Letters", "train": 6, "test": 2}
    config |= {
        "datasets": {
            "glyphs": {**glyphs, "characters": ["ABCD", "✁✂✆✈"]},
            "greek": {**glyphs, "title": "Greek", "characters": ["αβγ"], "train": 3},
        },
        "targets": ["greek"],
        "image": {"size": 16, "crop": 16},
        "architectures": {"alexnet": {"width": 0.05, "stem": "small"}},
        "subsets": {"class": [2]},
        "truncation": {"architectures": []},
        "other_metrics": ["LogME", "NCTI"],
    }
    config |= replaced
    common = {
        "pretrain": {"epochs": 1, "batch": 4, "warmup_epochs": 0},
        "finetune": {"epochs": 1, "batch": 4},
        "probe": {"images_per_class": 2},
        "normal": {"classes": 2},
        "correlation": {"alpha_step": 0.5},
        "figures": {"dpi": 30},
    }
    return laid(over, laid(common, copy.deepcopy(config)))


def run(project, config, *arguments, home=None):
    text = yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
    (project.folder / "config.yaml").write_text(text, encoding="utf-8")
    environment = project.environment() | ({"HOME": str(home)} if home else {})
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=project.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1500,  # a machine may be busy with other work
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert "Traceback" not in printed
    return printed


def figures(results: Path) -> list[str]:
    """The figures that are there, each in three kinds that are not empty."""
    files = list((results / "figures").iterdir())
    assert all(path.stat().st_size > 1000 for path in files)
    assert len(files) == 3 * len({path.stem for path in files})
    return sorted({path.stem for path in files})


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
    # The commands that are given the whole of the settings
    commands = run(fresh, config, "-n", "-p", "plan", "fetch", home=tmp_path)
    assert r"a_b^{c$\\frac$ <b> {{y}}" in commands


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
    for label in range(2):
        for number in range(5):
            miniatures.image(root / "bugs {b}" / f"c {label}" / f"{number}.png", label, number)
    own = {"kind": "folder", "title": "Käfer {b}", "path": "bugs {b}", "test_share": 0.4}
    config = smallest(
        {
            "results": f"{fresh.folder}/elsewhere/../out//",
            "data_root": str(root.relative_to(fresh.folder)),
            "pretrain": {"batch": 1},
        },
        datasets={"bugs": own, "none": {**own, "on_error": "drop"}},
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
