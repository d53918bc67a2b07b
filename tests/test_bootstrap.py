"""Intervals of ρ and of means over cells: exact resamples, and how often they cover the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from basemodel.statistics.bootstrap import (
    interval,
    resample,
    resampled_rho,
    resampled_rho_within,
    within_bounds,
)
from basemodel.statistics.means import mean_interval
from basemodel.statistics.spearman import spearman


def one_kind(tasks):
    return np.zeros(tasks)


def test_resamples_keep_the_number_of_each_kind_and_follow_from_the_seed():
    kinds = np.array(list("abbabbbc"))
    counts = resample(kinds, 50, 3)
    assert counts.shape == (51, 8) and counts.max() > 1
    for kind, number in (("a", 2), ("b", 5), ("c", 1)):
        np.testing.assert_allclose(counts[:, kinds == kind].sum(axis=1), number)
    assert (counts[0] == 1).all()  # the estimate
    assert (counts[:, kinds == "c"] == 1).all()  # the only one of its kind
    np.testing.assert_array_equal(resample(kinds, 50, 3), counts)
    assert (resample(kinds, 50, 4) != counts).any()
    assert abs(resample(kinds, 4000, 0).mean(axis=0) - 1).max() < 0.06  # each task equally often


def test_the_variance_of_a_mean_over_resamples_is_unbiased_in_small_kinds():
    kinds, values = np.array(list("aaabb")), np.array([1.0, 4, 5, 0, 1])
    means = resample(kinds, 40_000, 0)[1:] @ values / 5
    of_kinds = [values[kinds == kind] for kind in "ab"]
    expected = sum(len(v) * v.var(ddof=1) for v in of_kinds) / 5**2
    assert means.var() == pytest.approx(expected, rel=0.03)


def times(counts):
    """How often each of n models of one kind is taken, if n − 1 are, each counted n / (n − 1)."""
    n = counts.shape[1]
    return np.rint(counts * (n - 1) / n).astype(int)


def repeated(x, y, times):
    """ρ by scipy among models that are there as often as they are taken; NaN if constant."""
    x, y = np.repeat(x, times), np.repeat(y, times)
    constant = len(set(x)) < 2 or len(set(y)) < 2
    return np.nan if constant else stats.spearmanr(x, y).statistic


small = arrays(np.float64, (2, 9), elements=st.sampled_from([-2.0, 0.0, 1.0, 3.5, np.inf]))


@settings(max_examples=60, deadline=None)
@given(small, st.integers(0, 10**6))
def test_a_resample_is_scipys_rho_of_repeated_models(pair, seed):
    counts = resample(one_kind(9), 5, seed)
    x, y = pair
    finite = [np.where(np.isinf(v), 9.0, v) for v in pair]  # scipy knows no infinite ranks
    expected = [repeated(*finite, row) for row in times(counts)]
    np.testing.assert_allclose(resampled_rho(x, y, counts), expected, atol=1e-12)


def test_every_model_once_is_the_estimate():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 4, (2, 5, 8)).astype(float)
    np.testing.assert_allclose(
        resampled_rho(x, y, np.ones((1, 8)))[:, 0], spearman(x, y), atol=1e-15
    )


def test_undefined_values_make_undefined_resamples():
    x = np.array([[1.0, np.nan, 2, 3], [1, 1, 1, 1], [4, 3, 2, 1]])
    found = resampled_rho(x, np.arange(4.0), np.ones((1, 4)))
    np.testing.assert_array_equal(found, [[np.nan], [np.nan], [-1]])


def test_within_policies_is_the_mean_of_scipys():
    rng = np.random.default_rng(1)
    policies = np.array(list("aaaaabbbbbbcc"))  # two models of policy c have no ρ worth averaging
    x, y = rng.integers(0, 5, (2, 13)).astype(float)
    counts = resample(one_kind(13), 40, 1)
    rho = resampled_rho_within(x, y, policies, counts)
    for row, found in zip(times(counts), rho, strict=True):
        of_policies = [repeated(*(v[policies == k] for v in (x, y, row))) for k in "ab"]
        assert found == pytest.approx(np.nanmean(of_policies), abs=1e-12)
    assert np.isnan(resampled_rho_within(x[-2:], y[-2:], policies[-2:], counts[:, -2:])).all()


def test_within_policies_is_blind_to_differences_between_them():
    policies = np.repeat(["a", "b"], 6)
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 12)) + 100 * (policies == "b")
    assert resampled_rho(x, y, np.ones((1, 12)))[0] > 0.6
    moved = resampled_rho_within(x - 100 * (policies == "b"), y, policies, np.ones((1, 12)))
    np.testing.assert_allclose(resampled_rho_within(x, y, policies, np.ones((1, 12))), moved)


# The interval of one ρ ----------------------------------------------------------------------


def test_an_interval_is_fishers_with_the_standard_error_of_defined_resamples():
    resampled = np.stack([np.linspace(0.5, 0.9, 1001), np.full(1001, np.nan), np.ones(1001)])
    resampled[0, 500] = np.nan
    resampled[:, 0] = [0.8, 0.8, 1]  # the estimate
    error = np.nanstd(resampled[0, 1:], ddof=1)
    expected = np.tanh(np.arctanh(0.8) + np.array([-1.96, 1.96]) * error / (1 - 0.8**2))
    np.testing.assert_allclose(interval(resampled)[:, 0], expected, atol=1e-4)
    assert np.isnan(interval(resampled)[:, 1:]).all()  # nothing defined; nothing varies
    assert np.isnan(interval(np.ones((4, 1)))).all()


def test_an_interval_within_bounds_is_longer_on_the_side_away_from_the_near_one():
    low, high = within_bounds(1.0, 0.8, (0, 100))
    assert 0 < low < 1 < high < 100 and high - 1 > 1 - low
    assert np.log([low, high]) == pytest.approx([-0.8, 0.8], abs=0.02)  # nearly the logarithm
    np.testing.assert_allclose(within_bounds(50.0, 0.1, (0, 100)), [49.9, 50.1], atol=1e-4)
    assert np.isnan(within_bounds(0.0, 1.0, (0, 100))).all()


@pytest.mark.parametrize(
    ("n", "rho", "levels"), [(60, 0.0, 0), (60, 0.9, 0), (20, 0.6, 0), (60, 0.6, 2)]
)
def test_intervals_cover_the_true_rho(n, rho, levels):
    """Near 95 %; 300 simulations have a standard error of 1.3 %.

    `levels`: accuracies are rounded to so many steps per standard deviation, so that many tie.
    """
    rng = np.random.default_rng([n, int(10 * rho)])
    r = 2 * np.sin(np.pi * rho / 6)  # of a normal distribution with this Spearman's ρ

    def sample(size):
        x, y = rng.multivariate_normal([0, 0], [[1, r], [r, 1]], size).T
        return x, (np.round(y * levels) if levels else y)

    truth = stats.spearmanr(*sample(10**5)).statistic if levels else rho
    covered = 0
    for seed in range(300):
        low, high = interval(resampled_rho(*sample(n), resample(one_kind(n), 300, seed)))
        covered += low <= truth <= high
    assert 0.92 <= covered / 300 <= 0.98


# The interval of a mean ---------------------------------------------------------------------


def test_targets_alone_by_the_t_interval_of_their_means():
    # Two architectures of a target are one observation of it
    values, targets = np.array([0.1, 0.5, 0.6, 0.3, 0.5, 0.8]), list("abcabc")
    of_targets = [0.2, 0.5, 0.7]
    mean, low, high = mean_interval(values, targets)
    expected = stats.ttest_1samp(of_targets, 0).confidence_interval(0.95)
    assert mean == pytest.approx(np.mean(of_targets))
    half = (expected.high - expected.low) / 2
    z = np.arctanh(mean) + np.array([-half, half]) / (1 - mean**2)
    assert (low, high) == pytest.approx(tuple(np.tanh(z)))
    wide = mean_interval(values, targets, bounds=(-1000, 1000))[1:]
    assert wide == pytest.approx((expected.low, expected.high), rel=0.01)


def test_undefined_cells_are_left_out():
    values = np.array([0.1, 0.5, 0.6, np.nan, np.nan])
    targets = np.array(list("abcad"))
    assert mean_interval(values, targets) == mean_interval(values[:3], targets[:3])
    assert np.isnan(mean_interval(values[3:], targets[3:])).all()


def test_noise_that_targets_share_adds_and_their_own_does_not():
    rng = np.random.default_rng(3)
    values, targets = np.array([0.1, 0.5, 0.6]), list("abc")
    wide = (-1000, 1000)  # far away
    half = np.diff(mean_interval(values, targets, bounds=wide)[1:])[0] / 2
    common = np.tile(rng.normal(0, 0.2, 5000), (3, 1))
    _, low, high = mean_interval(values, targets, common, wide)
    t = stats.t.ppf(0.975, 2)
    assert (high - low) / 2 == pytest.approx(np.hypot(half, t * common[0].std(ddof=1)), rel=1e-4)
    own = rng.normal(0, 0.2, (3, 200_000))  # the spread of the targets contains it
    _, low, high = mean_interval(values, targets, own, wide)
    assert (high - low) / 2 == pytest.approx(half, rel=0.02)


def test_one_target_has_the_interval_of_its_source_tasks():
    resampled = np.random.default_rng(4).normal(0.5, 0.1, (2, 4000))
    mean, low, high = mean_interval(np.array([0.4, 0.6]), ["a", "a"], resampled)
    assert mean == 0.5 and (high - low) / 2 == pytest.approx(1.96 * 0.1 / 2**0.5, rel=0.05)
    assert np.isnan(mean_interval(np.array([0.4, 0.6]), ["a", "a"])[1:]).all()
    assert np.isnan(mean_interval(np.array([0.4]), ["a"], np.full((1, 9), np.nan))[1:]).all()


def test_a_mean_of_correlations_stays_below_one():
    values, targets = np.array([0.99, 0.8, 0.999]), list("abc")
    _, low, high = mean_interval(values, targets)
    assert -1 < low < values.mean() < high < 1
    assert np.isnan(mean_interval(np.ones(3), targets)[1:]).all()


@pytest.mark.parametrize(("mean", "spread"), [(0.6, 0.15), (0.6, 0.0), (0.85, 0.05)])
def test_intervals_cover_the_mean_over_targets_and_differences(mean, spread):
    """8 targets × 3 architectures × 60 models that share half of their variance in all cells."""
    rng = np.random.default_rng([int(100 * mean), int(100 * spread)])
    targets, n, cells = np.repeat(np.arange(8), 3), 60, 24
    spread_out = np.clip(rng.normal(mean, spread, 10**5), -0.97, 0.97)
    truth = (6 / np.pi * np.arcsin(spread_out / 2)).mean()

    def shared():
        return np.sqrt(0.5) * (rng.normal(size=n) + rng.normal(size=(cells, n)))

    covered = np.zeros(2)
    simulations = 120
    for seed in range(simulations):
        counts = resample(one_kind(n), 100, seed)
        accuracy, rho = shared(), []
        for _ in range(2):  # two metrics, equally good
            r = np.clip(rng.normal(mean, spread, 8), -0.97, 0.97)[targets][:, None]
            rho.append(resampled_rho(r * accuracy + np.sqrt(1 - r**2) * shared(), accuracy, counts))
        for k, (values, true, most) in enumerate([(rho[0], truth, 1), (rho[0] - rho[1], 0, 2)]):
            _, low, high = mean_interval(values[:, 0], targets, values[:, 1:], (-most, most))
            covered[k] += low <= true <= high
    assert (covered / simulations >= 0.91).all()  # near 95 %, with a standard error of 2 %
