"""What the benchmarks measure with."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

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
