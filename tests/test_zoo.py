"""An experiment on models that are not trained here: settings, long table, statistics."""

import copy

import numpy as np
import pandas as pd
import pytest
import yaml

from basemodel.report.compare_page import page
from basemodel.report.compare_words import summary
from basemodel.report.figures import figure6, figure7
from basemodel.schema import SettingsError
from basemodel.selection.names import parse
from basemodel.selection.pooled_scores import PAIR
from basemodel.statistics.outside import compare
from basemodel.statistics.scopes import ALL, ONE, SEVERAL
from basemodel.statistics.spearman import spearman
from basemodel.zoo import experiment, table
from basemodel.zoo.architectures import architecture
from basemodel.zoo.models import models
from basemodel.zoo.words import words
from projects import ROOT


@pytest.fixture
def config(tmp_path):
    default = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return default | {"data_root": str(tmp_path), "models": ["timm:a", "timm:b", "timm:c"]}


def test_models_state_what_they_are_variants_of():
    file = {"file": "w.pth", "architecture": "timm:resnet18"}
    found = models(["timm:a", {"name": "timm:b", "family": "B"}, {**file, "family": "B"}])
    assert found == {parse("timm:a"): None, parse("timm:b"): "B", parse(file): "B"}
    # The same weights, given images of another size.
    sides = models(["timm:a@160", "timm:a", "timm:b@64", {"name": "timm:b", "family": "B"}])
    assert list(sides.values()) == ["timm:a", None, "B", "B"]
    for wrong, said in (
        ([{"name": "timm:a", "family": 3}], "models.0.family: 3 is no name"),
        ([{"name": "timm:a", "family": ""}], "models.0.family: '' is no name"),
        ([{"name": "timm:a", "famly": "B"}], "models.0.famly: .* did you mean family"),
        ([{**file, "famly": "B"}], "models.0.famly: .* did you mean family"),
        (["timm:a", "timm:a"], "models.1: timm:a is there already"),
        ([{"embeddings": "e.npy"}], "models.0: embeddings cannot be fine-tuned"),
        (["resnet18"], "models.0: 'resnet18' does not say where the model is from"),
    ):
        with pytest.raises(SettingsError, match=said):
            models(wrong)


def test_targets_are_data_sets_folders_and_tables(config, tmp_path):
    (tmp_path / "my beetles").mkdir()
    (tmp_path / "leaves.csv").write_text("file,label\n")
    config["datasets"]["moths"] = {"kind": "folder", "title": "Moths", "path": "moths"}
    config["datasets"]["dtd"] = {"kind": "dtd", "title": "Textures"}
    paths = [str(tmp_path / "my beetles"), str(tmp_path / "leaves.csv")]
    config["targets"] = ["greek", "moths", "dtd", *paths]
    found = experiment.targets(config)
    assert list(found) == ["greek", "moths", "dtd", "my_beetles", "leaves"]
    assert [str(place) for place in found.values() if place] == [str(tmp_path / "moths"), *paths]
    assert experiment.generated(config) == ["greek"] and experiment.official(config) == ["dtd"]

    config["targets"] = [paths[0], "grek"]
    with pytest.raises(SettingsError, match="targets.1: grek is no folder .* mean greek"):
        experiment.targets(config)
    config["targets"] = ["~nobody/photos"]
    with pytest.raises(SettingsError, match="targets.0: ~nobody/photos is no folder"):
        experiment.targets(config)
    (tmp_path / "link").symlink_to(tmp_path / "my beetles")
    (tmp_path / "moths").mkdir()
    (tmp_path / "link_to_moths").symlink_to(tmp_path / "moths")
    for same in ([paths[0], str(tmp_path / "link")], ["moths", str(tmp_path / "link_to_moths")]):
        config["targets"] = same
        with pytest.raises(SettingsError, match="targets.1: .* same images as the target m"):
            experiment.targets(config)
    config["targets"] = ["moths"]
    config["datasets"]["moths"]["test_share"] = 0.3
    with pytest.raises(SettingsError, match="datasets.moths.test_share: with `models`"):
        experiment.targets(config)


def test_settings_of_fine_tuning_that_models_cannot_have(config):
    experiment.check(config)
    for wrong, said in (
        ({"trainable": "head"}, "finetune.trainable"),
        ({"augmentation": True}, "finetune.augmentation"),
        ({"optimizer": None}, "finetune.learning_rate"),
    ):
        changed = copy.deepcopy(config)
        changed["finetune"] |= wrong
        with pytest.raises(SettingsError, match=said):
            experiment.check(changed)


def test_architectures_have_neither_sizes_nor_weights():
    pytest.importorskip("timm")
    for name, family in (
        ("timm:tf_efficientnet_lite0.in1k@160", "efficientnet"),
        ("timm:resnet18.a1_in1k", "resnet"),
        ("timm:vit_tiny_patch16_224", "vision_transformer"),
        ("torchvision:densenet121", "densenet"),
        ("base:alexnet/class10-03", "alexnet"),
        ({"file": "w.pth", "architecture": "timm:resnet50.x"}, "resnet"),
        ({"file": "w.pth", "architecture": "timm:regnetx_002@96"}, "regnet"),
        ("timm:no_such_model", "no_such_model"),
    ):
        assert architecture(parse(name)) == family


# Four models and an untrained one, on one target; only what the table takes of cards and scores.
NAMES = ["S5", "S6", "LogME"]


def card(name, **more):
    facts = {"parameters_without_classifier": 10, "imagenet_top1": None, "source_classes": 7}
    known = {"model": name, "family": name, "architecture": "resnet", "untrained": False}
    return known | facts | more


def scores(value, failed=None):
    if failed:
        return {"failed": failed, "scores": {}}
    one = {"terms": {"value": value}, "halves": []}
    return {
        "failed": None,
        "scores": {"S5": {"note": "no zeros"}, "S6": {"note": ""}, "LogME": one},
    }


def test_a_row_for_each_model_seed_and_metric():
    cards = [card(name) for name in "abc"]
    scored = [scores(0.1), scores(0.2), scores(0, failed="too large")]
    tested = [
        {"failed": None, "answers": [[0, 1, 1], [0, 1, 0]]},
        {"failed": "diverged", "answers": [[1, 1, 1], None]},
        {"failed": "too large", "answers": [None, None]},
    ]
    rows = list(table.rows("t", cards, scored, tested, [0, 1, 1], NAMES))
    found = pd.DataFrame(rows, columns=table.COLUMNS)
    assert list(dict.fromkeys(zip(found["model"], found["seed"], strict=True))) == [
        ("a", 0), ("a", 1), ("b", 0),
    ]  # fmt: skip
    of_a = found[(found["model"] == "a") & (found["seed"] == 1)].set_index("metric")
    assert of_a["accuracy"].unique() == [pytest.approx(2 / 3)]
    assert of_a["score"].dropna().to_dict() == {
        "parameters": 10, "source classes": 7, "LogME": 0.1,
    }  # fmt: skip
    assert not of_a["larger_is_better"]["S5"] and of_a["larger_is_better"][PAIR]
    assert list(table.failures("t", cards, scored, tested)) == [
        ("t", "b", "1", "diverged"), ("t", "c", "all", "too large"),
    ]  # fmt: skip
    scored[1] = scores(0, failed="no embeddings")
    tested[1] = {"failed": None, "answers": [[1, 1, 1], [0, 1, 1]]}
    assert ("t", "b", "scores", "no embeddings") in table.failures("t", cards, scored, tested)


def test_a_score_that_puts_an_untrained_network_first_is_told():
    cards = [card("a"), card("b"), card("untrained", untrained=True)]
    verdicts = table.trusted("t", cards, [scores(0.1), scores(0.3), scores(0.2)], ["LogME"])
    trust = pd.DataFrame(verdicts, columns=["target", "metric", "trust", "why"])
    assert trust["why"].to_list() == ["puts untrained above a"]
    failed = [("t", "c", "all", "no weights"), ("t", "a", "1", "diverged")]
    failures = pd.DataFrame(failed, columns=table.FAILURES)
    targets = pd.DataFrame([target("t"), target("u", told="")], columns=table.IMAGES)
    images, told, missing, seed, untrusted = words(targets, failures, trust)
    assert "t 8, 2 and 3 of 2 classes; u 8, 2 and 3 of 2 classes. Scores are of 6 images." in images
    assert told == "t: class 3 is left out: only 1 image; x.jpg: truncated."
    assert missing == "Not compared: c on t: no weights."
    assert seed == "Without the fine-tuning of seed 1: a on t: diverged."
    assert "the 1 targets: LogME on 1" in untrusted
    assert len(words(targets[1:], failures[:0], trust[:0])) == 1


def target(name, told="class 3 is left out: only 1 image"):
    problems = [told] if told else []
    chosen = {"classes": ["1", "2"], "problems": problems, "probe": [{}] * 6}
    divided = {"train": [{}] * 8, "validation": [{}] * 2, "test": [{}] * 3}
    return table.images(name, chosen, divided | {"problems": ["x.jpg: truncated"] if told else []})


@pytest.fixture(scope="module")
def long():
    """Two architectures of six models and one of two: a score that is good within, not across."""
    rng, rows = np.random.default_rng(0), []
    kinds = {"conv": 0.5, "former": 0.8, "mixer": 0.3}
    for target in ("x", "y", "z"):
        for kind, level in kinds.items():
            for number in range(2 if kind == "mixer" else 6):
                accuracy = level + number / 50 + rng.normal(0, 0.002)
                for metric, score in (("within", number - 100 * level), ("noise", rng.normal())):
                    rows.append((target, f"{kind}{number}", kind, accuracy, metric, score, True))
    columns = ["target", "model", "architecture", "accuracy", "metric", "score"]
    return pd.DataFrame(rows, columns=[*columns, "larger_is_better"])


def test_models_are_ranked_within_architectures_too(long):
    tables, notes = compare(long, resamples=100)
    rho = tables["rho"].set_index(["architecture", "target", "metric"])["rho"]
    one = long[(long["target"] == "y") & (long["metric"] == "noise")]
    for kind, part in (*one.groupby("architecture"), (ALL, one)):
        if kind != "mixer":
            expected = spearman(*part[["score", "accuracy"]].to_numpy().T)
            assert rho[kind, "y", "noise"] == pytest.approx(expected)
    assert "mixer" not in set(tables["rho"]["architecture"])
    assert "under 3 models: mixer" in " ".join(notes)
    means = tables["mean_rho"].set_index(["scope", "metric"])["mean_rho"]
    assert means[ONE, "within"] > 0.9 and means[SEVERAL, "within"] < 0
    assert set(tables["mean_regret"]["scope"]) == {ONE, SEVERAL}
    lost = tables["regret"].set_index(["architecture", "target", "metric"])["regret_1"]
    assert lost["conv", "x", "within"] == 0 and lost[ALL, "x", "within"] > 30

    # Without the column nothing changes for all models.
    plain, _ = compare(long.drop(columns="architecture"), resamples=100)
    for name in ("mean_rho", "differences", "mean_regret"):
        same = tables[name][tables[name]["scope"] == SEVERAL].reset_index(drop=True)
        pd.testing.assert_frame_equal(same, plain[name])

    text = " ".join(" ".join(summary("zoo", tables, notes)).split())
    assert "Among models of one architecture, within has the highest: " in text
    assert "The models of one architecture, mean over architectures and targets:" in text
    figures = (
        figure6.draw(tables["mean_rho"], tables["ceiling"], paper=None),
        figure7.draw(tables["mean_regret"], paper=None),
    )
    for figure in figures:
        assert [panel.get_title(loc="left") for panel in figure.axes] == [
            "models of one architecture", "all models of a target",
        ]  # fmt: skip
    html = page("zoo", tables, notes, {"figure6": b"", "figure7": b""})
    assert "mean over architectures and targets" in html


def test_a_model_has_one_architecture(long):
    wrong = long.copy()
    wrong.loc[len(wrong) - 1, "architecture"] = "conv"
    with pytest.raises(ValueError, match="mixer1 is of two architectures, mixer and conv"):
        compare(wrong)
