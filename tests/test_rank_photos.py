"""Real ImageNet weights, and untrained baselines, on real photographs and on handwritten digits."""

from dataclasses import asdict
from operator import itemgetter

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

import jobs
import rank_photos
import rank_weights
from basemodel import metrics
from basemodel.files import read_json
from basemodel.selection.names import candidates, with_baselines
from basemodel.selection.ranking import ranking

pytestmark = pytest.mark.full

PER_CLASS = 10
SIZES = (0, 1)  # of EfficientNet-Lite; the third takes as long as these two
METRICS = [name for name in metrics.available() if metrics.inputs(name) != ("card",)]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def digits(folder):
    """Class folders of scikit-learn's scans, as a user would have them."""
    scans = load_digits()
    for number, (image, label) in enumerate(zip(scans.images, scans.target, strict=True)):
        if number < 25 * PER_CLASS:
            path = folder / str(label) / f"{number:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            grey = Image.fromarray((255 - image * (255 / 16)).astype(np.uint8))
            grey.resize((64, 64), Image.Resampling.BICUBIC).save(path)
    return folder


def ranked(images, folder):
    """What the page says of EfficientNet-Lites and baselines, by way of the rules' scripts."""
    for size in SIZES:
        rank_weights.weights(size)
    named = [f"timm:tf_efficientnet_lite{size}.in1k" for size in SIZES]
    all_of_them = with_baselines(candidates(named))
    chosen = folder / "images.json"
    params = {
        "images": str(images),
        "state": "",
        "images_per_class": PER_CLASS,
        "near_copies": "report",
        "task": "auto",
        "pixels": True,
    }
    jobs.run("rank_images.py", params=params, output=[chosen])
    cards, scores = [], []
    for slug, candidate in all_of_them.items():
        card, scored = folder / slug / "card.json", folder / slug / "scores.json"
        card.parent.mkdir()
        jobs.run(
            "rank_candidate.py",
            input={"images": chosen},
            output={
                "card": card,
                "arrays": card.with_name("arrays"),
                "failures": card.with_name("failures.json"),
            },
            params={"candidate": asdict(candidate), "dtype": "float32"},
            config={"results": str(folder), "candidates": named},
        )
        jobs.run(
            "rank_scores.py",
            input={"card": card, "arrays": card.with_name("arrays"), "images": chosen},
            output=[scored],
            params={"metrics": METRICS, "seed": 0},
        )
        cards.append(read_json(card))
        scores.append(read_json(scored))
    facts = dict.fromkeys(["name", "settings", "versions", "command"])
    found = read_json(chosen)
    return found, ranking(found, cards, scores, METRICS, "LinearProbe", "balanced", {}, facts, 0)


def in_order(found, name):
    """The score of candidates, and of baselines, by size; larger is better."""
    [score] = [score for score in found["scores"] if score["name"] == name]
    sign = 1 if score["larger_is_better"] else -1
    return [
        [sign * row["scores"][name]["value"] for row in sorted(rows, key=itemgetter("parameters"))]
        for rows in (found["candidates"], found["baselines"])
    ]


def test_on_photographs_the_trained_beat_the_untrained(tmp_path):
    folder = rank_photos.photos(tmp_path / "photos", PER_CLASS)
    chosen, found = ranked(folder, tmp_path)
    assert chosen["classes"] == sorted(rank_photos.CLASSES)
    assert chosen["problems"] == []
    assert len(chosen["probe"]) == 8 * 8  # two of ten are for testing
    assert found["failures"] == []
    trust = {score["name"]: score["trust"] for score in found["scores"]}
    for name in ("LinearProbe", "kNN", "LogME", "LEEP", "NCE", "GBC", "S5", "C_5,6(0.574)"):
        trained, untrained = in_order(found, name)
        assert min(trained) > max(untrained), name
        across = name in ("LinearProbe", "kNN", "LogME", "GBC")
        assert trust[name] == ("trusted" if across else "within"), name
    # The paper's distances are larger where nothing was learnt, and the page says so.
    trained, untrained = in_order(found, "S1")
    assert min(trained) < max(untrained)
    assert trust["S1"] == "untrusted"
    trained, untrained = in_order(found, "LinearProbe")
    assert min(trained) > max(untrained) + 0.2


def test_on_digits_the_page_says_which_scores_an_untrained_network_deceives(tmp_path):
    """Digits need little that photographs teach: a probe of an untrained network is as good."""
    chosen, found = ranked(digits(tmp_path / "digits"), tmp_path)
    assert chosen["classes"] == list("0123456789")
    assert found["failures"] == []
    trust = {score["name"]: score["trust"] for score in found["scores"]}
    for name in ("LogME", "LEEP", "NCE", "S5"):
        for trained, untrained in zip(*in_order(found, name), strict=True):
            assert trained > untrained, name
    compare = [name for name in trust if trust[name] != "within"]
    assert {"LinearProbe", "kNN", "LogME", "S1"} <= set(compare)
    for name in compare:
        trained, untrained = in_order(found, name)
        assert trust[name] == ("trusted" if min(trained) > max(untrained) else "untrusted"), name
