"""S1 … S6: values by hand, other libraries, properties, edge cases, memory, failures."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import calinski_harabasz_score

from basemodel import metrics

SIX = ["S1", "S2", "S3", "S4", "S5", "S6"]


def inputs(featuremaps, labels) -> dict[str, np.ndarray]:
    return {"featuremaps": np.asarray(featuremaps), "labels": np.asarray(labels)}


def value(name: str, featuremaps, labels) -> float:
    return metrics.compute(name, inputs(featuremaps, labels))["value"]


def relu_maps(shape=(12, 5, 4, 3), seed=0, dtype=np.float32) -> np.ndarray:
    return np.maximum(np.random.default_rng(seed).normal(0.3, 1, shape), 0).astype(dtype)


LABELS = np.array([2, 0, 1, 1, 0, 2, 2, 2, 0, 1, 0, 1])


# Values worked out by hand ------------------------------------------------------------------

# Four images of one channel with 1 × 2 positions; class means (1, 0) and (5, 4), mean (3, 2)
FOUR = np.array([[0, 0], [2, 0], [5, 2], [5, 6]], np.float32).reshape(4, 1, 1, 2)
TWO_CLASSES = np.array([0, 0, 1, 1])


def test_s1_by_hand():
    # each class mean lies (2, 2) off: 2 · 8 + 2 · 8
    assert value("S1", FOUR, TWO_CLASSES) == 32


def test_s2_by_hand():
    # (±1, 0) in the first class, (0, ±2) in the second: 1 + 1 + 4 + 4
    assert value("S2", FOUR, TWO_CLASSES) == 10


def test_s3_by_hand():
    result = metrics.compute("S3", inputs(FOUR, TWO_CLASSES))
    assert result == {"value": (32 / 1) / (10 / 2), "S1": 32, "S2": 10}
    assert next(iter(result)) == "value"


def test_s4_by_hand():
    # channels over 1 × 4 positions: b = 2a + 1 (cor 1), c = −a (cor −1), d has cor 0 with a
    a = np.array([0, 1, 2, 3])
    d = np.array([1, 0, 0, 1])
    image = np.stack([a, 2 * a + 1, 3 - a, d])[None, :, None, :].astype(np.float32)
    result = metrics.compute("S4", {"featuremaps": image})
    assert result["value"] == pytest.approx(3, abs=1e-14)  # ab, ac, bc; each pair once
    assert result["mean"] == pytest.approx(3 / 6, abs=1e-14)
    twice = metrics.compute("S4", {"featuremaps": np.concatenate([image, image])})
    assert twice["value"] == pytest.approx(6) and twice["mean"] == pytest.approx(0.5)


def test_s5_by_hand():
    # non-zero: 0 of 2, 1 of 2, 2 of 2, 2 of 2
    assert value("S5", FOUR, TWO_CLASSES) == (0 + 0.5 + 1 + 1) / 4


def test_s6_by_hand():
    image = np.array([[0, 0, 0, 3.0, 3.5, 4.0]], np.float32).reshape(1, 2, 1, 3)
    # 4.0 and 3.5 are within less than 1 of 4.0; 3.0, exactly 1 off, is not. Three zeros.
    assert metrics.compute("S6", {"featuremaps": image}) == {
        "value": 2 / 3,
        "images_without_zeros": 0,
    }


# Other libraries ----------------------------------------------------------------------------


def test_s3_is_scikit_learns_calinski_harabasz():
    maps = relu_maps()
    expected = calinski_harabasz_score(maps.reshape(12, -1).astype(np.float64), LABELS)
    assert value("S3", maps, LABELS) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("channels", [6, 128, 129, 300])
def test_s4_is_numpys_corrcoef(channels):
    maps = relu_maps((3, channels, 5, 5))
    flat = maps.reshape(3, channels, -1).astype(np.float64)
    upper = np.triu_indices(channels, 1)
    expected = sum(np.abs(np.corrcoef(image)[upper]).sum() for image in flat)
    assert value("S4", maps, np.zeros(3, int)) == pytest.approx(expected, rel=1e-12)


def test_formulas_as_written_in_the_paper():
    maps = relu_maps(seed=3)
    flat = maps.reshape(12, -1).astype(np.float64)
    means = {k: flat[k == LABELS].mean(axis=0) for k in range(3)}
    s1 = sum((k == LABELS).sum() * ((flat.mean(axis=0) - means[k]) ** 2).sum() for k in range(3))
    s2 = sum(((flat[i] - means[LABELS[i]]) ** 2).sum() for i in range(12))
    s5 = np.mean([1 - (row == 0).sum() / row.size for row in flat])
    s6 = np.mean([(row.max() - row < 1).sum() / (row == 0).sum() for row in flat])
    expected = [s1, s2, (s1 / 2) / (s2 / 9), s5, s6]
    found = [value(name, maps, LABELS) for name in ("S1", "S2", "S3", "S5", "S6")]
    assert found == pytest.approx(expected, rel=1e-12)


# Properties ---------------------------------------------------------------------------------

maps_and_labels = st.tuples(st.integers(2, 8), st.integers(1, 4), st.integers(1, 3)).flatmap(
    lambda s: st.tuples(
        arrays(np.float32, (s[0], s[1], s[2], 2), elements=st.floats(0, 64, width=16)),
        arrays(np.int64, s[0], elements=st.integers(0, 3)),
    )
)
brief = settings(max_examples=60, deadline=None)


@brief
@given(maps_and_labels)
def test_s1_and_s2_sum_to_the_total(case):
    maps, labels = case
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    total = ((flat - flat.mean(axis=0)) ** 2).sum()
    assert value("S1", *case) + value("S2", *case) == pytest.approx(total, rel=1e-9, abs=1e-9)


@brief
@given(maps_and_labels, st.randoms(use_true_random=False))
def test_the_order_of_images_and_the_names_of_classes_do_not_matter(case, random):
    maps, labels = case
    order = np.array(random.sample(range(len(maps)), len(maps)))
    renamed = np.array([7, 3, 9, 1])[labels]
    for name in SIX:
        expected = value(name, maps, labels)
        assert value(name, maps[order], renamed[order]) == pytest.approx(
            expected, rel=1e-9, abs=1e-9, nan_ok=True
        )


@brief
@given(maps_and_labels, st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_scale(case, factor):
    """S1 and S2 go with the square of a factor, S3, S4 and S5 do not change."""
    maps, labels = case
    power = {"S1": 2, "S2": 2, "S3": 0, "S4": 0, "S5": 0}
    for name, exponent in power.items():
        assert value(name, maps * np.float32(factor), labels) == pytest.approx(
            value(name, maps, labels) * factor**exponent, rel=1e-9, abs=1e-9, nan_ok=True
        )


@brief
@given(maps_and_labels)
def test_ranges(case):
    maps, labels = case
    n, channels = maps.shape[:2]
    assert 0 <= value("S5", maps, labels) <= 1
    assert -1e-9 <= value("S4", maps, labels) <= n * channels * (channels - 1) / 2 + 1e-9
    assert 0 < value("S6", maps, labels) <= maps[0].size


def test_s4_does_not_change_with_a_channels_gain_and_offset():
    maps = relu_maps((2, 4, 3, 3))
    gain = np.array([1, 2, 0.5, 4], np.float32)[:, None, None]
    assert value("S4", maps * gain + 3, np.zeros(2, int)) == pytest.approx(
        value("S4", maps, np.zeros(2, int)), rel=1e-5
    )


# Edge cases ---------------------------------------------------------------------------------


def test_a_constant_channel_has_no_correlation():
    image = relu_maps((1, 3, 4, 4))
    padded = np.concatenate([image, np.full((1, 1, 4, 4), 0.1, np.float32)], axis=1)
    padded = np.concatenate([padded, np.zeros((1, 1, 4, 4), np.float32)], axis=1)
    labels = np.array([0])
    assert value("S4", padded, labels) == pytest.approx(value("S4", image, labels), rel=1e-14)
    # 0.1 in float64 sums to a mean that is not 0.1
    alike = np.full((1, 3, 7, 7), 0.1)
    assert value("S4", alike, labels) == 0


def test_one_channel_has_no_pairs():
    result = metrics.compute("S4", {"featuremaps": relu_maps((2, 1, 4, 4))})
    assert result["value"] == 0 and math.isnan(result["mean"])


def test_an_image_without_zeros_is_divided_by_one():
    maps = np.array([[1.0, 1.5], [0.0, 1.5]], np.float32).reshape(2, 1, 1, 2)
    # first: both within less than 1 of 1.5, no zero: 2 / 1; second: 1 / 1
    assert metrics.compute("S6", {"featuremaps": maps}) == {
        "value": 1.5,
        "images_without_zeros": 1,
    }


def test_a_class_with_one_image_adds_nothing_to_s2():
    maps = np.concatenate([FOUR, np.full((1, 1, 1, 2), 9, np.float32)])
    assert value("S2", maps, [0, 0, 1, 1, 2]) == 10


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3]])
def test_s3_is_undefined_for_one_class_and_for_one_image_a_class(labels):
    assert math.isnan(value("S3", FOUR, labels))


def test_s3_of_collapsed_classes():
    points = np.array([[1, 1], [1, 1], [2, 2], [2, 2]], np.float32).reshape(4, 1, 1, 2)
    assert value("S3", points, TWO_CLASSES) == math.inf
    assert value("S3", np.full_like(points, 0.1), TWO_CLASSES) == 0  # a dead network


def test_a_dead_network_has_finite_metrics():
    maps = np.zeros((4, 3, 2, 2), np.float32)
    found = [value(name, maps, TWO_CLASSES) for name in SIX]
    assert found == [0, 0, 0, 0, 0, 1]  # S6: all 12 values are within 1 of the maximum, 12 zeros


@pytest.mark.parametrize("name", SIX)
def test_float16_gives_what_float32_of_the_same_values_gives(name):
    maps = relu_maps(dtype=np.float16)
    assert value(name, maps, LABELS) == value(name, maps.astype(np.float32), LABELS)


def test_sums_of_float16_do_not_overflow():
    maps = np.full((4, 8, 8, 8), 65504, np.float16)  # the largest float16
    maps[:2] = 0
    assert value("S1", maps, TWO_CLASSES) == 4 * 32752**2 * 512


@pytest.mark.parametrize("name", SIX)
def test_a_memory_map_equals_the_array(name, tmp_path):
    np.save(tmp_path / "maps.npy", relu_maps())
    mapped = np.load(tmp_path / "maps.npy", mmap_mode="r")
    found = metrics.compute(name, {"featuremaps": mapped, "labels": LABELS})
    assert found == metrics.compute(name, inputs(relu_maps(), LABELS))


@pytest.mark.parametrize("name", SIX)
def test_results_do_not_depend_on_the_block_size(name, monkeypatch):
    whole = value(name, relu_maps(), LABELS)
    monkeypatch.setattr("basemodel.metrics._blocks.BLOCK_ELEMENTS", 1)
    assert value(name, relu_maps(), LABELS) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("name", SIX)
def test_memory_stays_well_below_the_input(name, tmp_path):
    path = tmp_path / "maps.npy"
    np.save(path, relu_maps((100, 512, 14, 14)))  # VGG16: 40 MB
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 10))
    mapped = np.load(path, mmap_mode="r")
    metrics.load(name)
    tracemalloc.start()
    metrics.compute(name, {"featuremaps": mapped, "labels": labels})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.25 * mapped.nbytes


# Failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_a_number_is_refused(name, bad):
    maps = relu_maps()
    maps[7, 0, 0, 0] = bad
    with pytest.raises(ValueError, match=rf"^{name if name != 'S3' else 'S1'}: .*image 7 "):
        value(name, maps, LABELS)


@pytest.mark.parametrize("name", ["S1", "S2", "S3"])
def test_labels_must_fit(name):
    with pytest.raises(ValueError, match=r"12 featuremaps need as many labels.*\(11,\)"):
        value(name, relu_maps(), LABELS[1:])


@pytest.mark.parametrize("name", SIX)
def test_featuremaps_must_be_maps(name):
    with pytest.raises(ValueError, match=r"\[n, C, H, W\]"):
        value(name, relu_maps().reshape(12, -1), LABELS)
    with pytest.raises(ValueError, match="non-empty"):
        value(name, np.empty((0, 3, 2, 2), np.float32), np.empty(0, int))
