"""Real weights on real photographs: what is passed through networks tells the classes apart."""

from dataclasses import asdict

import numpy as np
import pytest
import torch

import jobs
import rank_photos
import rank_weights
from basemodel.files import read_json
from basemodel.rank.names import parse

PER_CLASS = 10


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def nearest_neighbour(embeddings, labels):
    """Leave-one-out accuracy of the nearest neighbour by cosine."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -np.inf)
    return float((labels[likeness.argmax(1)] == labels).mean())


def test_trained_networks_see_more_than_untrained_ones(tmp_path):
    weights = rank_weights.weights(0, tmp_path)
    folder = rank_photos.photos(tmp_path / "photos", PER_CLASS)
    images = tmp_path / "images.json"
    params = {"images": str(folder), "state": "", "images_per_class": PER_CLASS}
    jobs.run("rank_images.py", params=params, output=[images])
    chosen = read_json(images)
    assert chosen["classes"] == sorted(rank_photos.CLASSES)
    assert chosen["problems"] == []
    labels = np.array([facts["label"] for facts in chosen["probe"]])
    assert len(labels) == 8 * 8  # two of ten are for testing

    file = {"file": str(weights), "architecture": "timm:tf_efficientnet_lite0"}
    trained = parse(file)
    accuracies = []
    for candidate in (trained, trained.control):
        out = tmp_path / candidate.slug
        out.mkdir()
        params = {"candidate": asdict(candidate), "models": str(tmp_path), "dtype": "float32"}
        params["cropped"] = str(tmp_path / "cropped")
        card = out / "card.json"
        jobs.run(
            "rank_candidate.py", input={"images": images}, output={"card": card}, params=params
        )
        assert read_json(card)["failed"] is None
        accuracies.append(nearest_neighbour(np.load(out / "embeddings.npy"), labels))
    assert accuracies[0] > accuracies[1] + 0.2
    print(accuracies)
