"""Errors before any work starts: one line that names the setting and the remedy."""

import copy
import math
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from basemodel import checks, metrics, prerequisites, settings
from basemodel.files import write_json
from basemodel.models import catalog
from basemodel.models.architectures import build

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def laid(over, under):
    for key, value in over.items():
        under[key] = laid(value, under.get(key, {})) if isinstance(value, dict) else value
    return under


PAPER = laid(
    yaml.safe_load((ROOT / "workflow/experiments/imagenet.yaml").read_text(encoding="utf-8")),
    copy.deepcopy(DEFAULT),
)


def changed(path, value, config=DEFAULT):
    config = copy.deepcopy(config)
    *parents, last = path.split(".")
    place = config
    for key in parents:
        place = place[key]
    place[last] = value
    return config


def test_the_default_is_valid():
    checks.check(DEFAULT)


def test_every_experiment_laid_over_the_default_is_valid():
    for path in (ROOT / "workflow" / "experiments").glob("*.yaml"):
        over = yaml.safe_load(path.read_text(encoding="utf-8"))
        checks.check(laid(over, copy.deepcopy(DEFAULT)))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("pretrain.epoch", 3, "pretrain.epoch: there is no such setting; did you mean epochs?"),
        ("finetunes", {}, "finetunes: there is no such setting; did you mean finetune?"),
        ("architectures.vgg19", {}, "architectures.vgg19: there is no such setting; did you"),
        ("architectures.vgg16.pretrain.rate", 1, "architectures.vgg16.pretrain.rate: there is no"),
        ("metrics", ["S1", "S7"], "metrics: there is no metric 'S7'; there are: ETran, GBC"),
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
        ("datasets.greek.kind", "glyph", "datasets.greek.kind: 'glyph' is not one of"),
        ("datasets.digits.characters", ["a"], "datasets.digits.characters: there is no such"),
        # Numbers that are not what they look like
        ("pretrain.epochs", 2.0, "pretrain.epochs: 2.0 is not of type 'integer'; write 2 (passes"),
        ("finetune.batch", True, "finetune.batch: True is not of type 'integer'"),
        ("subsets.class", [5.0], "subsets.class.0: 5.0 is not of type 'integer'; write 5"),
        ("datasets.greek.train", 20.0, "datasets.greek.train: 20.0 is not of type 'integer'"),
        ("datasets.digits.test", True, "datasets.digits.test: True is not of type 'integer'"),
        ("seed", 1.0, "seed: 1.0 is not of type 'integer'; write 1"),
        ("pretrain.learning_rate", math.nan, "pretrain.learning_rate: nan is not of type 'number'"),
        ("finetune.learning_rate", math.inf, "finetune.learning_rate: inf is not of type 'number'"),
        ("architectures.vgg16.width", math.nan, "architectures.vgg16.width: nan is not of type"),
        ("pretrain.weight_decay", "1e-4", "pretrain.weight_decay: '1e-4' is not of type 'number'; "
            "write 0.0001"),
        ("correlation.alpha_step", 1e-9, "correlation.alpha_step: 1e-09 is less than the minimum"),
        ("finetune.dropout", 0.5, "finetune.dropout: there is no such setting"),
        ("pretrain.precision", "auto", "pretrain.precision: 'auto' is not one of ['float32', "
            "'bfloat16'] (float32; or bfloat16, where all GPUs have it. auto is no more: write"),
        ("architectures.vgg16.pretrain.precision", "bfloat16", "architectures.vgg16.pretrain."
            "precision: bfloat16 here and float32 elsewhere, but models that are compared have"),
        ("runtime.device", "gpu", "runtime.device: 'gpu' is not one of ['auto', 'cpu', 'cuda']"),
        ("runtime.gpu_from", "1e12", "runtime.gpu_from: '1e12' is not of type 'number'; write "),
        ("runtime.gpu_jobs", 0, "runtime.gpu_jobs: 0 is "),
        ("runtime.gpu_jobs", "many", "runtime.gpu_jobs: 'many' is "),
        ("runtime.versions", "rerun", "runtime.versions: 'keep' was expected (rerun is no "
            "more: `snakemake --cores all --forcerun $(snakemake stale)` recomputes"),
        ("runtime.gpu_memory", 0, "runtime.gpu_memory: 0 is less than or equal to"),
        # The same data twice
        ("targets", ["greek", "glyphs"], "targets: glyphs is the source as well; take it out"),
        ("targets", ["greek", "greek"], "targets: ['greek', 'greek'] has non-unique elements"),
        ("metrics", ["S1", "S1"], "metrics: ['S1', 'S1'] has non-unique elements"),
        ("other_metrics", ["GBC", "GBC"], "other_metrics: ['GBC', 'GBC'] "),
        ("subsets.image", [10, 10], "subsets.image: [10, 10] has non-unique elements"),
        ("truncation.architectures", ["vgg16", "vgg16"], "truncation.architectures: ['vgg16', "),
        # Names and titles
        ("targets", [2023], "targets.0: 2023 is not of type 'string'; put it in quotes"),
        ("datasets.greek.title", 2023, "datasets.greek.title: 2023 is not of type 'string'"),
        ("datasets.greek.title", "a\nb", "datasets.greek.title: 'a\\nb' is no line of text"),
        ("datasets.greek.title", " ", "datasets.greek.title: ' ' is no line of text"),
        ("datasets.greek.title", "long " * 9, "datasets.greek.title: 'long long "),
        # Too little to learn or to look at
        ("datasets.greek.characters", ["α"], "datasets.greek: 1 class; at least two are needed"),
        ("datasets.greek.characters", [], "datasets.greek: 0 class"),
        ("image.crop", 12, "image.crop: vgg16 with the small stem leaves nothing of 12 pixels; "
            "take 15 or more"),
        ("architectures.alexnet.stem", "imagenet", "image.crop: alexnet with the imagenet stem "
            "leaves nothing of 32 pixels; take 63 or more"),
        # Folders
        ("results", "out/{x}", "results: { and } cannot be in it; name another folder"),
        ("results", "out<x", "results: < cannot be in it"),
        ("results", ".", "results: is the folder of the project itself"),
        ("results", "out ", "results: 'out ' has blanks at an end"),
        ("results", "~nobody_has_this_name/x", "results: there is no home folder for ~nobody"),
        ("data_root", "~nobody_has_this_name/x", "data_root: there is no home folder for ~nobody"),
        ("data_root", "a\nb", "data_root: 'a\\nb' has blanks at an end or what cannot be"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_work_is_named_with_a_remedy(path, value, message):
    with pytest.raises(checks.SettingsError) as error:
        checks.check(changed(path, value))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"kind": "digits", "train": 20, "test": 60}, {"kind": "digits", "train": 20, "test": 60}),
        # What is held out of the one may be trained on in the other
        ({"kind": "digits", "train": 20, "test": 60}, {"kind": "digits", "train": 40, "test": 60}),
        ({"kind": "folder", "path": "a"}, {"kind": "folder", "path": "a"}),
        ({"kind": "folder", "path": "a"}, {"kind": "folder", "path": "b/../a/", "test_share": 0.5}),
        ({"kind": "folder", "path": "imagenet"}, {"kind": "imagenet"}),
        ({"kind": "cub200"}, {"kind": "cub200", "on_error": "drop"}),
    ],
)  # fmt: skip
def test_two_names_of_the_same_images_are_refused(first, second):
    """They would count as two samples of targets, or be both trained on and held out."""
    config = changed("data_counts", "any")
    config["datasets"] |= {"one": {"title": "One", **first}, "two": {"title": "Two", **second}}
    checks.check(config)  # neither is used
    message = "datasets.two: the same images as datasets.one, which is used too; take one of them"
    for used in ({"targets": ["one", "two"]}, {"source": "one", "targets": ["greek", "two"]}):
        with pytest.raises(checks.SettingsError) as error:
            checks.check({**config, "subsets": {"class": [1]}, **used})
        assert str(error.value) == message


def test_glyphs_of_the_same_characters_are_two_samples():
    """Each is drawn anew, by its name."""
    config = changed("targets", ["greek", "few"])
    config["datasets"]["few"] = {**config["datasets"]["greek"], "train": 10}
    checks.check(config)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("Spread", 'INPUTS = ("pixels",)', r"Spread\.py: INPUTS must be a tuple of some of feat"),
        ("Spread", "LABEL = 1", r"Spread\.py: INPUTS must be a tuple"),
        ("Spread", 'LABEL = 1\nINPUTS = ("card",', r"Spread\.py: '\(' was never closed in line 2"),
        ("Spread-2", 'INPUTS = ("card",)', r"Spread-2\.py: a metric's name is letters, digits"),
        ("Spread.2", 'INPUTS = ("card",)', r"Spread\.2\.py: a metric's name is letters, digits"),
    ],
)
def test_a_metrics_file_that_cannot_be_used_is_named(monkeypatch, tmp_path, name, code, message):
    """A user's first one may lack something; what no setting selects may be unfinished."""
    for file in metrics.FOLDER.glob("*.py"):
        shutil.copy(file, tmp_path)
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setattr(metrics, "FOLDER", tmp_path)
    checks.check(changed("other_metrics", ["GBC"]))
    for setting, names in (("other_metrics", "all"), ("metrics", ["S1", name])):
        with pytest.raises(checks.SettingsError, match=message) as error:
            checks.check(changed(setting, names))
        assert "\n" not in str(error.value)


def test_characters_without_a_font_are_refused_until_they_are_packed(tmp_path):
    config = changed("results", str(tmp_path))
    config["datasets"]["greek"]["characters"] = ["αβ一", "γ 丁"]
    for name in ("glyphs", "digits"):
        prerequisites.require_glyphs(config, name)
    with pytest.raises(checks.SettingsError) as error:
        prerequisites.require_glyphs(config, "greek")
    assert str(error.value) == (
        "datasets.greek.characters: no font that matplotlib ships draws '一' (U+4E00), ' ' (U+0020)"
        ", '丁' (U+4E01); take it out"
    )
    write_json(tmp_path / "data/greek/meta.json", {"classes": list("αβ一γ 丁")})
    prerequisites.require_glyphs(config, "greek")  # packed, with other fonts perhaps
    config["datasets"]["greek"]["characters"].append("上")
    with pytest.raises(checks.SettingsError, match=r"U\+4E0A"):
        prerequisites.require_glyphs(config, "greek")


def test_a_missing_setting_is_named():
    config = copy.deepcopy(DEFAULT)
    del config["finetune"]["batch"]
    with pytest.raises(checks.SettingsError, match=r"^finetune\.batch: is missing"):
        checks.check(config)


def test_a_results_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(checks.SettingsError, match=r"results: cannot write to .*file"):
        checks.check(changed("results", str(tmp_path / "file" / "results")))


def test_an_architectures_own_values_replace_the_common_ones():
    own = settings.pretrain_settings(DEFAULT, "resnet18")
    assert own == {**DEFAULT["pretrain"], **DEFAULT["architectures"]["resnet18"]["pretrain"]}
    assert settings.pretrain_settings(DEFAULT, "alexnet") == DEFAULT["pretrain"]


@pytest.mark.parametrize("name", [2023, None, True, 1.5])
def test_a_name_that_yaml_does_not_take_for_text_is_refused(name):
    config = copy.deepcopy(DEFAULT)
    config["datasets"][name] = config["datasets"]["greek"]
    message = rf"^datasets: the name {name} is not text; put it in quotes$"
    with pytest.raises(checks.SettingsError, match=message):
        checks.check(config)


def test_names_and_titles_of_any_letters_are_taken():
    config = changed("targets", ["2023", "null", "na", "nan", "true", "1e5"])
    for name, title in zip(
        config["targets"],
        ["Cars $5", "a_b^{c", "{x} {{y}}", "$\\frac{$", "_", "100 % <b>"],
        strict=True,
    ):
        config["datasets"][name] = {**config["datasets"]["greek"], "title": title}
    checks.check(config)


@pytest.mark.parametrize(
    ("results", "folder"),
    [
        ("dir", "dir"),
        ("dir/", "dir"),
        ("./dir//sub/", "dir/sub"),
        ("other/../dir", "dir"),
        ("../dir", "../dir"),
        ("/some/dir/", "/some/dir"),
        ("~/dir", "/home/somebody/dir"),
        ("my dir", "my dir"),
    ],
)
def test_the_folder_of_results_has_one_spelling(results, folder, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert settings.results({"results": results}) == folder


def test_the_probe_needs_its_images_of_every_class_of_the_source_too():
    config = changed("datasets.glyphs.train", 9)
    config["subsets"] = {"class": [10]}
    message = (
        r"^datasets\.glyphs\.train: 9 training images of a class are fewer than the 10 of probe"
    )
    with pytest.raises(checks.SettingsError, match=message):
        checks.check(config)
    config["probe"]["images_per_class"] = 9
    checks.check(config)


def test_the_probe_is_held_against_published_sizes():
    """Oxford Flowers-102 has 20 training images per class, ImageNet 1,281 on average."""
    checks.check(changed("probe.images_per_class", 20, PAPER))
    with pytest.raises(checks.SettingsError, match=r"^probe\.images_per_class: flowers102 .* 20 "):
        checks.check(changed("probe.images_per_class", 21, PAPER))
    with pytest.raises(checks.SettingsError, match=r"^subsets\.image: 2000 parts of the 1281 "):
        checks.check(changed("subsets.image", [2000], PAPER))
    config = changed("probe.images_per_class", 21, PAPER)
    checks.check({**config, "data_counts": "any"})  # then the packing counts


def test_a_step_of_one_image_is_refused_where_it_would_be_normalised_over_itself():
    config = changed("image", {"size": 32, "crop": 32})
    config["architectures"] = {"resnet18": {"width": 0.1, "stem": "imagenet"}}
    config["truncation"]["architectures"] = []
    checks.check(config)
    config["pretrain"]["batch"] = 2
    with pytest.raises(checks.SettingsError, match=r"^pretrain\.batch: resnet18 leaves one pos"):
        checks.check(config)
    config["architectures"]["resnet18"]["pretrain"] = {"batch": 3}
    config["finetune"]["batch"] = 1
    checks.check(config)  # what is frozen is not normalised over a batch
    config["finetune"] |= {"trainable": "all", "repeats": 0}
    with pytest.raises(checks.SettingsError, match=r"^finetune\.batch: resnet18 leaves one pos"):
        checks.check(config)
    checks.check({**config, "image": {"size": 40, "crop": 33}})


@pytest.mark.parametrize("line", ["", "LAYERS = count()"])
def test_an_architecture_without_a_constant_is_named_before_any_work(tmp_path, monkeypatch, line):
    code = (catalog.FOLDER / "vgg16.py").read_text(encoding="utf-8")
    (tmp_path / "vgg16.py").write_text(code.replace("LAYERS = 13", line), encoding="utf-8")
    monkeypatch.setattr(catalog, "FOLDER", tmp_path)
    catalog.constants.cache_clear()
    config = copy.deepcopy(DEFAULT)
    config["architectures"] = {"vgg16": config["architectures"]["vgg16"]}
    config["truncation"]["architectures"] = []
    with pytest.raises(checks.SettingsError, match=r"vgg16\.py: LAYERS is missing, or no plain"):
        checks.check(config)
    catalog.constants.cache_clear()


@pytest.mark.parametrize("stem", ["imagenet", "small"])
@pytest.mark.parametrize("name", ["alexnet", "vgg16", "resnet18"])
def test_the_sides_that_networks_can_take_are_those_that_they_take(name, stem):
    def takes(side, images=2):
        try:
            build(name, 2, width=0.02, stem=stem)(torch.zeros(images, 3, side, side))
        except (RuntimeError, ValueError):  # of a pooling, of batch normalisation
            return False
        return True

    least = catalog.smallest_side(name, stem)
    for side in range(8, 70):
        assert takes(side) == (side >= least)
        alone = takes(side, images=1)
        assert alone == (takes(side) and not catalog.normalises_one_position(name, stem, side))


@pytest.mark.parametrize("setting", [{"trainable": "head"}, {"augmentation": True}])
def test_repeats_need_features_that_are_computed_once(setting):
    config = changed("finetune.repeats", 1)
    config["finetune"] |= setting
    with pytest.raises(checks.SettingsError, match=r"^finetune\.repeats: .*set it to 0"):
        checks.check(config)
    config["finetune"]["repeats"] = 0
    checks.check(config)
