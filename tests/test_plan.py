"""What an experiment costs, against values computed by hand."""

import copy
import json
import math
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

import jobs
from basemodel import metrics, plan, rates, work
from basemodel.data.listing import Counts
from basemodel.plan import Stage, stages, table
from basemodel.rates import Rate

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def paper():
    """The paper's experiment, as settings: ImageNet, eight targets, 224 pixels, 30 epochs."""
    config = copy.deepcopy(DEFAULT)
    targets = [
        "stanford_cars", "fgvc_aircraft", "dtd", "oxford_iiit_pets", "caltech101", "flowers102",
        "cub200", "indoor67",
    ]  # fmt: skip
    config["datasets"] = {name: {"kind": name, "title": name} for name in ["imagenet", *targets]}
    config |= {"source": "imagenet", "targets": targets, "results": "/nowhere"}
    config["image"] = {"size": 256, "crop": 224}
    for settings in config["architectures"].values():
        settings |= {"width": 1, "stem": "imagenet", "pretrain": {}}
    config["pretrain"]["epochs"] = config["finetune"]["epochs"] = 30
    config["finetune"]["augmentation"] = True
    config["truncation"]["architectures"] = ["resnet18"]
    return config


def rows(config):
    return {(stage.name, stage.architecture): stage for stage in stages(config)}


def test_the_papers_images_by_hand():
    of = rows(paper())
    # 10 subsets of 128,117 images, 20 of 64,058, and as many again: four times ImageNet.
    pretrain = of["pretrain", "vgg16"]
    assert pretrain.jobs == 60
    assert pretrain.trained == 30 * 4 * 1_281_167 == 153_740_040
    # Training accuracy once, and 50,000 test images: shared by the parts of a class-wise division,
    # all of them for each of 30 horizontal parts.
    assert pretrain.passed == 4 * 1_281_167 + 2 * 50_000 + 30 * 50_000
    assert of["normal", "alexnet"].trained == 30 * 1_281_167
    assert of["normal", "alexnet"].passed == 30 * 50_000 + 1_281_167 + 50_000
    train, test = 38_705, 36_290  # docs/paper.md's, summed
    assert of["finetune", "resnet18"].jobs * 3 == 1440
    assert of["finetune", "resnet18"].passed == 60 * (30 * train + test)
    assert of["finetune", "resnet18"].trained == 0
    assert of["cut_finetune", "resnet18"].passed == 17 * (30 * train + test)
    classes = 196 + 100 + 47 + 37 + 102 + 102 + 200 + 67
    assert of["featuremaps", "alexnet"].passed == 60 * 10 * classes
    assert of["featuremaps", "alexnet"].bytes == 60 * 10 * classes * 256 * 13 * 13 * 4
    assert of["featuremaps", "vgg16"].bytes == 60 * 10 * classes * 512 * 14 * 14 * 4
    assert of["pack", ""].packed == 1_281_167 + 50_000 + train + test
    assert of["pack", ""].bytes == of["pack", ""].packed * 256 * 256 * 3
    # torchvision's VGG16 has 138,357,544 numbers with 1000 classes, 4,097 for each of them.
    by_classes = {n: 138_357_544 - (1000 - n) * 4097 for n in (50, 100, 1000)}
    expected = 10 * by_classes[100] + 20 * by_classes[50] + 30 * by_classes[1000]
    assert pretrain.bytes == 4 * expected
    assert of["normal", "vgg16"].bytes == 4 * 31 * 138_357_544


def test_a_network_that_cannot_be_cut_is_planned_where_it_is_not(monkeypatch):
    config = paper()
    config["truncation"]["architectures"] = ["vgg16"]
    known = rates.build

    def build(name, *size):
        model = known(name, *size)
        if name == "alexnet":
            model.features.insert(1, torch.nn.BatchNorm2d(64, device="meta"))
        return model

    monkeypatch.setattr(rates, "build", build)
    assert rows(config)["featuremaps", "alexnet"].bytes > 0


def test_what_is_trained_depends_on_the_settings():
    config = paper()
    config["finetune"]["augmentation"] = False
    assert rows(config)["finetune", "vgg16"].passed == 60 * (38_705 + 36_290)  # cached
    config["finetune"]["trainable"] = "all"
    config["probe"]["dtype"] = "float16"
    of = rows(config)
    assert of["finetune", "vgg16"].trained == 60 * 30 * 38_705
    assert of["finetune", "vgg16"].passed == 60 * 36_290
    assert of["featuremaps", "resnet18"].bytes == 60 * 8510 * 512 * 7 * 7 * 2
    config["pretrain"]["epochs"] = 2
    config["architectures"]["vgg16"]["pretrain"] = {"epochs": 5}
    of = rows(config)
    assert of["pretrain", "vgg16"].trained == of["pretrain", "alexnet"].trained / 2 * 5


def test_jobs_follow_the_metrics():
    config = copy.deepcopy(DEFAULT)
    config["other_metrics"] = []
    of = rows(config)
    assert of["epoch_metric", "vgg16"].jobs == 7  # and the feature norm
    config["metrics"] = ["S1", "feature_norm"]
    assert rows(config)["epoch_metric", "vgg16"].jobs == 2
    config["metrics"] = ["S1"]
    # Only base models predict source classes, and only they have cards
    config["other_metrics"] = ["LogME", "LEEP", "source_accuracy"]
    of = rows(config)
    assert of["metric", "vgg16"].jobs == 8 * 4
    assert of["epoch_metric", "vgg16"].jobs == 4
    assert of["cut_metric", "vgg16"].jobs == 8 * 2


def test_the_default_experiments_sizes_are_those_of_its_settings():
    assert work.dataset_size(DEFAULT, "glyphs") == Counts(100, 20_000, 2_500)
    assert work.dataset_size(DEFAULT, "digits") == Counts(10, 200, 600)
    of = rows(DEFAULT)
    assert of["pretrain", "resnet18"].trained == 8 * 4 * 20_000  # its own number of epochs
    assert sum(row.jobs for row in of.values()) > 4000


def test_what_is_packed_tells_its_size(tmp_path):
    config = {"results": str(tmp_path), "datasets": {"mine": {"kind": "folder", "title": "Mine"}}}
    with pytest.raises(LookupError, match="datasets.mine: how large it is shows when"):
        work.dataset_size(config, "mine")
    meta = tmp_path / "data" / "mine" / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text('{"classes": ["a", "b"], "images": {"train": 30, "test": 7}}')
    assert work.dataset_size(config, "mine") == Counts(2, 30, 7)


def test_hours_by_hand():
    known = {
        "": {"pack": Rate(1 / 100, "entered")},
        "alexnet": {"train": Rate(1 / 50, "measured"), "forward": Rate(1 / 200, "measured"),
                    "metrics": Rate(0.5, "entered")},
    }  # fmt: skip
    rows = [
        Stage("pack", jobs=2, packed=360_000, bytes=5 * 10**9),
        Stage("pretrain", "alexnet", jobs=10, trained=1_800_000, passed=720_000),
        Stage("normal", "alexnet", jobs=1, trained=1_800_000),
        Stage("metric", "alexnet", jobs=6, scored=7200),
    ]
    plan_ = table(rows, known, devices=4, starts=(36, 36)).set_index("stage")
    # 1,800,000 / 50 + 720,000 / 200 = 39,600 s, and ten starts of 36 s
    assert plan_.device_hours["pretrain"] == pytest.approx(11.1)
    assert plan_.wall_hours["pretrain"] == pytest.approx(11.1 * 3 / 10)  # 4 + 4 + 2 jobs
    assert plan_.device_hours["normal"] == plan_.wall_hours["normal"] == pytest.approx(10.01)
    assert plan_.cpu_hours["pack"] == pytest.approx(1 + 0.02)
    assert plan_.cpu_hours["metric"] == pytest.approx(1 + 0.06)
    assert plan_.gigabytes["total"] == 5
    assert plan_.device_hours["total"] == pytest.approx(21.11)
    assert plan_.wall_hours["total"] == pytest.approx(10.01)  # of the longest job
    assert list(plan_.rates) == ["entered", "measured", "measured", "entered", ""]
    on_two = table(rows, known, devices=2, starts=(36, 36)).set_index("stage")
    assert on_two.wall_hours["total"] == pytest.approx(21.11 / 2)


def test_what_is_not_known_is_not_made_up():
    rows = [Stage("pretrain", "vgg16", jobs=1, trained=5), Stage("metric", "vgg16", jobs=1)]
    plan_ = table(rows, {"vgg16": {}}, 1)
    assert math.isnan(plan_.device_hours[0]) and plan_.device_hours[1] == 0
    assert plan_.device_hours.isna().tolist() == [True, False, True]
    assert plan_.rates[0] == "unknown"
    text = plan.page(plan_, 1)
    assert "?" in text and "plan.entered" in text


def test_entered_rates_go_before_measured_ones_and_rows_say_which():
    config = paper()
    measured = {
        "machine": "this",
        "networks": [
            {"architecture": "alexnet", "width": 1, "stem": "imagenet", "side": 224,
             "train": 30.0, "forward": 100.0},
            {"architecture": "alexnet", "width": 1, "stem": "imagenet", "side": 64,
             "train": 999.0, "forward": 9999.0},
            {"architecture": "vgg16", "width": 1, "stem": "imagenet", "side": 112,
             "train": 40.0, "forward": 80.0},
        ],
        "metrics": [{"architecture": "alexnet", "elements": 256 * 13 * 13, "seconds": 0.01}],
    }  # fmt: skip
    found = rates.rates(config, "alexnet", measured)
    assert {what: rate.seconds for what, rate in found.items()} == {
        "train": 1 / 30, "forward": 1 / 100, "metrics": 0.01
    }  # fmt: skip
    assert {rate.source for rate in found.values()} == {"measured on this"}
    scaled = rates.rates(config, "vgg16", measured)
    # At half the side, the convolutions are a quarter; the fully connected layers stay.
    convolutions, connected = 15_346_630_656, 123_633_664
    ratio = (convolutions / 4 + connected) / (convolutions + connected)
    # grids of odd sides: 112 pixels leave 7 x 7 as 224 leave 14 x 14, so exactly a quarter
    assert scaled["train"].seconds == pytest.approx(1 / (40 * ratio), rel=1e-3)
    assert scaled["train"].source == "measured on this at 112 pixels, scaled"
    assert rates.rates(config, "resnet18", measured) == {}
    config["plan"]["entered"] = {"alexnet": {"train": 5000}, "pack": 7}
    found = rates.rates(config, "alexnet", measured)
    assert found["train"] == (1 / 5000, "entered")
    assert found["forward"] == (1 / 100, "measured on this")
    assert rates.pack_rate(config, {"pack": 3, "machine": "this"})["pack"] == (1 / 7, "entered")
    config["plan"]["entered"] = {}
    measured_here = {"pack": (1 / 3, "measured on this")}
    assert rates.pack_rate(config, {"pack": 3, "machine": "this"}) == measured_here
    assert rates.pack_rate(config, {}) == {}


def test_what_a_job_takes_to_start_is_entered_or_else_measured(tmp_path, capsys):
    config = copy.deepcopy(DEFAULT)
    assert rates.start_seconds(config, {}) == (0, 0)
    assert rates.start_seconds(config, {"job": 3}) == (3, 3)
    measured = {"job": 2.5, "cpu_job": 0.05, "machine": "this"}
    assert rates.start_seconds(config, measured) == (2.5, 0.05)
    config["results"] = str(tmp_path)
    config["plan"]["rates"] = str(tmp_path / "rates.json")
    (tmp_path / "rates.json").write_text(json.dumps(measured))
    config["plan"]["entered"] = {"alexnet": {"train": 1e12, "forward": 1e12, "metrics": 1e-12}}
    of_job = read(config, tmp_path)
    # 60 pre-trainings on a device, and all metrics on 8 targets without one
    metric_jobs = 8 * len(metrics.available())
    assert of_job.device_hours["pretrain"] == pytest.approx(60 * 2.5 / 3600)
    assert of_job.cpu_hours["metric"] == pytest.approx(metric_jobs * 0.05 / 3600)
    config["plan"]["entered"]["job"] = 7
    of_job = read(config, tmp_path)
    assert of_job.device_hours["pretrain"] == pytest.approx(60 * 7 / 3600)
    assert of_job.cpu_hours["metric"] == pytest.approx(metric_jobs * 7 / 3600)


def estimate(config):
    """Run scripts/plan.py."""
    table = Path(config["results"], "plan.csv")
    jobs.run("plan.py", params={"table": str(table)}, config=config)


def read(config, folder):
    """AlexNet's rows of the plan."""
    estimate(config)
    rows = pd.read_csv(folder / "plan.csv")
    return rows[rows.architecture == "alexnet"].set_index("stage")


def test_it_prints_a_table_and_writes_a_csv(tmp_path, capsys):
    config = copy.deepcopy(DEFAULT)
    config["results"] = str(tmp_path)
    config["plan"]["rates"] = str(tmp_path / "none.json")
    config["plan"]["entered"] = {
        name: {"train": 100, "forward": 300, "metrics": 0.001} for name in config["architectures"]
    } | {"pack": 500}
    estimate(config)
    printed = capsys.readouterr().out
    assert "pretrain" in printed and "total" in printed and "?" not in printed
    written = pd.read_csv(tmp_path / "plan.csv")
    assert written.stage.iloc[-1] == "total"
    assert (written.rates.iloc[:1] == "entered").all()
