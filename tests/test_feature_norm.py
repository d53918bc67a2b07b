"""The feature norm: values by hand, numpy's norm, memory maps, failures."""

import math

import numpy as np
import pytest

from basemodel import metrics
from basemodel.metrics import _blocks as blocks

NORM = metrics.load("feature_norm")


def test_it_is_a_metric_like_the_others():
    assert "feature_norm" in metrics.available()
    assert (NORM.LABEL, NORM.NAME) == ("norm", "feature norm")
    assert NORM.LARGER_IS_BETTER is True and NORM.INPUTS == ("featuremaps",)


def test_by_hand():
    # |(3, 4)| = 5 and |(0, 0)| = 0 over two channels of one position: the mean is 2.5
    maps = np.array([[3, 4], [0, 0]], np.float32).reshape(2, 2, 1, 1)
    assert NORM.compute(maps) == {"value": 2.5}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_is_numpys_norm_over_many_blocks(tmp_path, monkeypatch, dtype):
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", 100)  # three images a block, the last one short
    maps = np.random.default_rng(0).normal(size=(10, 4, 2, 4)).astype(dtype)
    np.save(tmp_path / "maps.npy", maps)
    mapped = np.load(tmp_path / "maps.npy", mmap_mode="r")
    expected = np.linalg.norm(maps.reshape(10, -1).astype(np.float64), axis=1).mean()
    found = NORM.compute(mapped)["value"]
    assert found == pytest.approx(expected, rel=1e-14)


def test_follows_the_scale_and_not_the_order():
    maps = np.random.default_rng(1).normal(size=(6, 3, 2, 2))
    value = NORM.compute(maps)["value"]
    assert NORM.compute(-2.0 * maps)["value"] == pytest.approx(2 * value)
    assert NORM.compute(maps[::-1])["value"] == pytest.approx(value)


def test_large_values_of_half_precision_do_not_overflow():
    maps = np.full((1, 4, 2, 2), 60_000, np.float16)
    expected = 4 * float(np.float16(60_000))
    assert math.isclose(NORM.compute(maps)["value"], expected)


def test_failures_name_the_metric_and_the_image():
    maps = np.ones((3, 1, 2, 2), np.float32)
    maps[1, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="norm: the featuremaps of image 1 hold NaN"):
        NORM.compute(maps)
    with pytest.raises(ValueError, match=r"norm: featuremaps must be a non-empty \[n, C, H, W\]"):
        NORM.compute(np.ones((3, 4)))
