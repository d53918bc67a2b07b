"""What the benchmarks measure with."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from basemodel.data.decode import picture
from basemodel.files import sha256
from basemodel.models.load import load
from basemodel.selection.images import choose
from basemodel.selection.names import candidates
from projects import ROOT


@pytest.fixture
def speeds(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import speeds

    return speeds


@pytest.mark.parametrize("batch", [4, 160])
def test_the_loader_feeds_batches_of_more_images_than_there_are_files(speeds, tmp_path, batch):
    """On a GPU the batch is 256; at most 128 files are written, and it used to wait for ever."""
    options = SimpleNamespace(
        side=64, width=0.02, batch=batch, images=batch, seconds=0, least=1, workers=1,
        compile=False, precision="float32",
    )  # fmt: skip
    files = speeds.write_jpegs(tmp_path, options)
    assert len(files) == min(batch, 128)
    assert speeds.data_loader("alexnet", options, torch.device("cpu"), tmp_path) > 0


@pytest.fixture
def growth(monkeypatch):
    pytest.importorskip("timm")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import growth

    return growth


def test_exponents_are_those_of_costs_that_are_known(growth):
    sizes = np.array([5, 10, 20])
    assert growth.slope(sizes, 3 * sizes**2) == pytest.approx(2)
    assert growth.slope(sizes, 100 + sizes) < 0.2
    for p in (0.5, 1, 2):
        assert growth.exponent(sizes, 100 + 0.3 * sizes**p) == pytest.approx(p)
    assert np.isnan(growth.exponent(sizes[:2], sizes[:2]))


def test_what_grows_can_be_ranked(growth, tmp_path):
    """Its networks load and take its pictures, and no two pictures are copies."""
    folder = growth.pictures(tmp_path / "pictures", images=12, classes=2)
    probe = choose(folder, 12)["probe"]
    assert len(probe) == 10 and {row["label"] for row in probe} == {0, 1}
    named = candidates(growth.networks(tmp_path / "weights", 5))
    assert len({sha256(one.file) for one in named}) == 5
    for one in named[:4]:
        model = load(**one.arguments, models=tmp_path)
        crop = model.preprocessing.transform(picture(folder / probe[0]["file"]))
        given = model.preprocessing.normalise(crop[None])
        assert given.shape[2:] == (growth.SIDE, growth.SIDE)
        with torch.inference_mode():
            assert {"featuremaps", "embeddings"} <= model.forward(given).keys()


def test_a_fusion_does_not_see_the_target_that_it_is_judged_on(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import fusion

    rng = np.random.default_rng(0)
    columns, accuracy = rng.normal(size=(4, 9, 2)), rng.normal(size=(4, 9))
    once = np.ones((1, 9))
    predicted = fusion.predictions(columns, accuracy, 2, once)
    prior = fusion.prior_of_others(accuracy, 2)
    accuracy[2] = rng.normal(size=9)
    np.testing.assert_array_equal(fusion.predictions(columns, accuracy, 2, once), predicted)
    np.testing.assert_array_equal(fusion.prior_of_others(accuracy, 2), prior)
    expected = accuracy[[0, 3]].mean(axis=0)
    np.testing.assert_allclose(prior[1], expected)
    accuracy[1] = 5.0  # its own accuracy is not in its prior
    np.testing.assert_array_equal(fusion.prior_of_others(accuracy, 2)[1], prior[1])
