"""Errors before any work starts: one line that names the setting and the remedy."""

import copy
from pathlib import Path

import pytest
import yaml

from basemodel import settings

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def changed(path, value):
    config = copy.deepcopy(DEFAULT)
    *parents, last = path.split(".")
    place = config
    for key in parents:
        place = place[key]
    place[last] = value
    return config


def test_the_default_is_valid():
    settings.check(DEFAULT)


def test_every_experiment_laid_over_the_default_is_valid():
    def lay(over, under):
        for key, value in over.items():
            under[key] = lay(value, under.get(key, {})) if isinstance(value, dict) else value
        return under

    for path in (ROOT / "workflow" / "experiments").glob("*.yaml"):
        over = yaml.safe_load(path.read_text(encoding="utf-8"))
        settings.check(lay(over, copy.deepcopy(DEFAULT)))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("pretrain.epoch", 3, "pretrain.epoch: there is no such setting; did you mean epochs?"),
        ("finetunes", {}, "finetunes: there is no such setting; did you mean finetune?"),
        ("architectures.vgg19", {}, "architectures.vgg19: there is no such setting; did you"),
        ("architectures.vgg16.pretrain.rate", 1, "architectures.vgg16.pretrain.rate: there is no"),
        ("metrics", ["S1", "S7"], "metrics: there is no metric 'S7'; there are: S1, S2"),
        ("targets", ["greak"], "targets: no data set is named 'greak'; did you mean greek?"),
        ("source", "imagenet", "source: no data set is named 'imagenet'; there are: glyphs"),
        ("subsets.class", [7], "subsets.class: 7 does not divide the 100 classes of glyphs"),
        ("subsets.image", [300], "subsets.image: 300 parts of the 200 training images of a class"),
        ("subsets", {}, "subsets: no source task at all"),
        ("datasets.greek.train", 9, "datasets.greek.train: 9 training images of a class are"),
        ("datasets.greek.characters", ["αβα"], "datasets.greek.characters: α twice"),
        ("datasets.digits.test", 160, "datasets.digits: train and test add up to more than"),
        ("image.crop", 64, "image.crop: larger than image.size"),
        ("correlation.alpha_step", 0.3, "correlation.alpha_step: does not divide 1"),
        ("pretrain.epochs", "ten", "pretrain.epochs: 'ten' is not of type 'integer' (passes over"),
        ("pretrain.optimizer", "adam", "pretrain.optimizer: 'adam' is not one of ['sgd', 'adamw']"),
        ("datasets.greek.kind", "glyph", "datasets.greek"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_work_is_named_with_a_remedy(path, value, message):
    with pytest.raises(settings.SettingsError) as error:
        settings.check(changed(path, value))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_missing_setting_is_named():
    config = copy.deepcopy(DEFAULT)
    del config["finetune"]["batch"]
    with pytest.raises(settings.SettingsError, match=r"^finetune\.batch: is missing"):
        settings.check(config)


def test_a_results_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(settings.SettingsError, match=r"results: cannot write to .*file"):
        settings.check(changed("results", str(tmp_path / "file" / "results")))


def test_an_architectures_own_values_replace_the_common_ones():
    own = settings.pretrain_settings(DEFAULT, "resnet18")
    assert own == {**DEFAULT["pretrain"], **DEFAULT["architectures"]["resnet18"]["pretrain"]}
    assert settings.pretrain_settings(DEFAULT, "alexnet") == DEFAULT["pretrain"]
