"""Settings on Snakemake's command line are read as in a file."""

import copy
import json

import pytest
import yaml
from snakemake.cli import parse_config
from snakemake.utils import update_config

from basemodel import checks, inline
from projects import ROOT

DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def given(*entries):
    """The settings that result from `--config` and these entries."""
    config, inline_ones = copy.deepcopy(DEFAULT), parse_config(entries)
    update_config(config, inline_ones)
    inline.read(config, inline_ones)
    return config


@pytest.mark.parametrize(
    "entry",
    [
        "rank={images_per_class: 3, find: 'resnet*'}",
        "pretrain={augmentation: true, learning_rate: 0.001, compile: no, dropout: .5}",
        "architectures={vgg16: {width: 1, pretrain: {epochs: 3, precision: float32}}}",
        "subsets={class: [5, 10], image: []}",
        "rank={metadata: null}",
        "rank={metadata: ~}",
        "runtime={gpu_jobs: 4, gpu_memory: 80, gpu_from: 1.0e+12, device: cpu}",
        "datasets={greek: {title: '2023', train: 12}, d: {kind: digits, title: D, train: 1}}",
        "targets=['2023', greek, 'null']",
        "metrics=[S1, S2]",
        "other_metrics=all",
        "images=null",
        "candidates=[timm:resnet18.a1_in1k, {file: a.pth, architecture: timm:resnet18}]",
        "plan={entered: {job: 5, alexnet: {train: 900}}}",
    ],
)
def test_as_in_a_file(entry):
    name, _, text = entry.partition("=")
    expected = copy.deepcopy(DEFAULT)
    update_config(expected, {name: yaml.safe_load(text)})
    found = given(entry)
    assert found == expected
    assert json.dumps(found) == json.dumps(expected)  # 1 is neither True nor 1.0


def test_what_is_wanted_as_text_needs_no_second_quotes():
    config = given("datasets={greek: {title: 2023}}", "rank={find: 1.0}", "targets=[2023, null]")
    assert config["datasets"]["greek"]["title"] == "2023" and config["rank"]["find"] == "1.0"
    assert config["targets"] == ["2023", "null"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("rank={images_per_class: 3.0}", r"rank\.images_per_class: 3\.0 is not .*; write 3"),
        ("rank={images_per_class: few}", r"rank\.images_per_class: 'few' is not of type 'int"),
        ("finetune={batch: true}", r"finetune\.batch: True is not of type 'integer'"),
        ("rank={images_of_class: 3}", r"rank\.images_of_class: there is no such setting; did "),
    ],
)
def test_what_is_wrong_in_a_file_is_wrong_here(entry, message):
    with pytest.raises(checks.SettingsError, match=message):
        checks.check(given(entry))


def test_text_from_a_file_stays_text():
    config = given("rank={images_per_class: 3}")
    config["rank"]["epochs"] = "3"  # from a file, in quotes
    inline.read(config, parse_config(["rank={images_per_class: 3}"]))
    with pytest.raises(checks.SettingsError, match=r"^rank\.epochs: '3' is not of type 'integ"):
        checks.check(config)
    config["rank"] = {**DEFAULT["rank"], "images_per_class": "4"}
    inline.read(config, {})
    with pytest.raises(checks.SettingsError, match=r"^rank\.images_per_class: '4' is not of"):
        checks.check(config)
