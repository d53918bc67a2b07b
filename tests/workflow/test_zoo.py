"""An experiment on models that are not trained here, run through the real workflow."""

import copy
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import miniatures
from basemodel.files import read_json
from projects import ROOT, copy_project
from rank_weights import as_if_trained
from smallest import laid, run, smallest

pytest.importorskip("timm")

SEEDS = 2
# Targets that cannot be one, and why.
UNUSABLE = {
    "numbers.csv": "config: targets: numbers: its labels are numbers",
    "tags.csv": "config: targets: tags: its labels are tags",
    "one class": "config: targets: one_class: the images are taken as unlabelled: it has one class",
}
WRONG = "timm:no_such_model"


pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """A project, and a zoo of three models and one that there is not, on a folder and on glyphs."""
    project = copy_project(tmp_path_factory.mktemp("zoo") / "project")
    files = project.folder / "files"
    for label in range(3):
        for number in range(10):
            miniatures.image(files / "beetles" / str(label) / f"{number}.jpg", label, number)
            if label == 0:
                miniatures.image(files / "one class" / "0" / f"{number}.jpg", label, number)
    paths = [f"beetles/{label}/{number}.jpg" for label in range(3) for number in range(10)]
    for name, labels in (("numbers", "0.5"), ("tags", "a|b")):
        rows = [f"{path},{labels[: 1 + 2 * (i % 2)]}" for i, path in enumerate(paths)]
        (files / f"{name}.csv").write_text("\n".join(["file,label", *rows]))
    models = [as_if_trained(project.folder / f"w{seed}.safetensors", seed) for seed in range(3)]
    config = smallest(
        {
            "results": "results/zoo",
            "datasets": {"greek": {"train": 5, "test": 4}},
            "probe": {"images_per_class": 6},
            "finetune": {"repeats": SEEDS - 1, "optimizer": None, "learning_rate": None},
            "comparison": {"bootstrap": 100},
        },
        models=[*models, WRONG],
        targets=[str(files / "beetles"), "greek"],
    )
    return project, config


def would_run(project, config):
    """Jobs by rule."""
    printed = run(project, config, "-n")
    return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)  ", printed, re.MULTILINE)}


def outcome(project):
    """All tables of a zoo, as text."""
    return {
        file.name: file.read_text()
        for file in (project.folder / "results" / "zoo" / "tables").glob("*.csv")
    }


def test_a_zoo(zoo, tmp_path):
    project, config = zoo
    printed = run(project, config)
    results = project.folder / "results" / "zoo"
    assert f"{WRONG}: timm has no model 'no_such_model'" in printed

    # Every model, target, seed and score; the accuracies are those of the test images.
    table = pd.read_csv(results / "tables" / "zoo.csv")
    assert list(table["target"].unique()) == ["beetles", "greek"]
    there = table[table["accuracy"].notna()]
    assert len(there[["target", "model", "seed"]].drop_duplicates()) == 2 * 3 * SEEDS
    assert there.groupby("model")["family"].first().nunique() == 2
    assert {"LinearProbe", "LogME", "parameters", "source classes"} <= set(there["metric"])
    one = there[(there["target"] == "beetles") & (there["seed"] == 1)].iloc[0]
    [slug] = [
        read_json(card)["slug"]
        for card in (results / "rank" / "beetles" / "candidates").glob("*/card.json")
        if read_json(card)["candidate"] == one["model"]
    ]
    answers = read_json(results / f"rank/beetles/verified/tests/{slug}.json")["answers"][1]
    labels = [row["label"] for row in read_json(results / "rank/beetles/tests.json")["test"]]
    assert one["accuracy"] == pytest.approx(np.mean(np.array(answers) == labels))

    # What failed is a missing cell, and said.
    failures = pd.read_csv(results / "tables" / "failures.csv")
    assert set(failures["model"]) == {WRONG} and len(failures) == 2
    summary = " ".join((results / "summary.txt").read_text().split())
    assert f"Not compared: {WRONG} on beetles and greek: timm has no model" in summary
    assert "to test on: beetles 18, 6 and 6 of 3 classes; greek " in summary
    assert "3 models of 2 families" in summary and "3 models, 2 targets" in summary
    held_out = pd.read_csv(results / "tables" / "held_out.csv").set_index("left_out")
    assert set(held_out.loc["target", "name"]) == {"beetles", "greek"}
    assert (results / "figures/figure2.svg").is_file() and (
        results / "figures/figure3.pdf"
    ).is_file()
    assert (results / "report.html").is_file() and (results / "figures/figure7.pdf").is_file()
    assert (results / "tables" / "versions_zoo.csv").is_file()
    assert not list(results.glob("rank/*/cropped"))

    # Only what failed is tried again.
    again = would_run(project, config)
    assert again["rank_finetune"] == 2 * SEEDS and again["rank_candidate"] == 2 * 2, again
    assert "rank_images" not in again and "zoo_images" not in again

    # A further model costs its own jobs only, and the outcome is that of a run from scratch.
    further = as_if_trained(project.folder / "w3.safetensors", 3)
    more = config | {"models": [*config["models"][:-1], further]}
    added = would_run(project, more)
    assert added["rank_finetune"] == 2 * SEEDS and added["rank_candidate"] == 2, added
    run(project, more)
    incremental = outcome(project)
    shutil.move(results, tmp_path / "first")
    shutil.move(project.folder / ".snakemake", tmp_path / "snakemake")
    run(project, more)
    scratch = outcome(project)
    assert incremental.keys() == scratch.keys()
    for name in incremental:
        assert incremental[name] == scratch[name], name


def test_the_jobs_of_a_zoo_and_what_cannot_be_one(zoo):
    """Dry runs in one process; paths need not be there but for the targets."""
    project, config = zoo
    config = config | {"results": "results/nothing"}  # whatever has been run
    copied = str(project.folder / "copy.safetensors")
    shutil.copy(project.folder / "w0.safetensors", copied)
    cases = [
        {},
        {"images": config["targets"][0], "candidates": ["timm:a", "timm:b"]},
        {"models": ["timm:a", "timm:b"]},
        {"targets": ["none"]},
        {"finetune": {"trainable": "head"}},
        {"models": []},
        {"models": [*config["models"], {**config["models"][0], "file": copied}]},
        *({"targets": [str(project.folder / "files" / name)]} for name in UNUSABLE),
    ]
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/dag_of.py")],
        input=json.dumps([laid(case, copy.deepcopy(config)) for case in cases]),
        cwd=project.folder, env=project.environment(), capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    plain, with_images, *refused = json.loads(done.stdout.splitlines()[-1])
    assert plain == with_images  # the images of `snakemake rank` are no part of it
    models, targets = len(config["models"]), len(config["targets"])
    assert plain["rank_candidate"] == targets * (models + 2)  # and two untrained baselines
    assert plain["rank_finetune"] == targets * models * SEEDS
    assert plain["zoo"] == plain["zoo_images"] == plain["rank_check"] == 1
    assert not {"pretrain", "featuremaps", "finetune"} & set(plain)
    for found, said in zip(
        refused,
        (
            "config: models: 2 are too few to compare",
            "config: targets.0: none is no folder or table that is there",
            "config: finetune.trainable: only base models",
            "config: targets: no data set is named",
            "config: models: file:w0 and file:copy have the same weights",
            *UNUSABLE.values(),
        ),
        strict=True,
    ):
        assert said in str(found)
