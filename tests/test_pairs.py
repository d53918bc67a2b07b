"""The search for the best pair of metrics: scaling, curves, ties, memory, published numbers."""

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from basemodel.statistics import published
from basemodel.statistics.pairs import alpha_grid, best_row, curves, scale, search
from basemodel.statistics.scopes import cell_names
from test_correlation import METRICS, TARGETS, correlations, scores


def test_alpha_grid_does_not_drift():
    grid = alpha_grid(0.001)
    assert len(grid) == 1001 and grid[0] == 0 and grid[-1] == 1
    assert all(grid[k] == k / 1000 for k in range(1001))
    assert list(alpha_grid(0.25)) == [0, 0.25, 0.5, 0.75, 1]
    for step in (0.3, 0, -0.1, 2, np.nan):
        with pytest.raises(ValueError, match="must divide 1"):
            alpha_grid(step)


def test_scale_is_over_all_cells_of_a_metric():
    values = np.array([[[0, 1], [5, 10]], [[3, 3], [3, 3]]], float)
    np.testing.assert_array_equal(scale(values)[0], [[-1, -0.8], [0, 1]])
    np.testing.assert_array_equal(scale(values)[1], 0)  # one value only: no information


def test_scaling_sign_flipped_metrics_is_flipping_scaled_ones():
    values = np.random.default_rng(0).normal(size=(2, 3, 5))
    np.testing.assert_allclose(scale(-values), -scale(values), atol=1e-15)


def test_scale_of_infinity_and_nan():
    values = np.array([[[0, 1], [5, np.inf]], [[np.nan, np.nan], [1, 3]]])
    np.testing.assert_array_equal(scale(values)[0], [[-1, -0.6], [1, 1]])
    np.testing.assert_array_equal(scale(values)[1], [[np.nan, np.nan], [-1, 1]])
    assert np.isnan(scale(np.full((1, 2, 2), np.nan))).all()


def test_curves_against_a_plain_loop():
    rng = np.random.default_rng(4)
    scaled, accuracy = rng.normal(size=(3, 2, 8)), rng.integers(0, 5, (2, 8)) / 10
    alphas = alpha_grid(0.125)
    found = curves(scaled, accuracy, alphas)
    assert found.shape == (3, 9, 2) and found.dtype == np.float64
    for k, (i, j) in enumerate(combinations(range(3), 2)):
        for a, alpha in enumerate(alphas):
            for c in range(2):
                blend = (1 - alpha) * scaled[i, c] + alpha * scaled[j, c]
                expected = stats.spearmanr(blend, accuracy[c]).statistic
                assert found[k, a, c] == pytest.approx(expected, abs=1e-12)


def test_the_ends_of_a_curve_are_the_single_metrics():
    gathered = scores(5)
    scaled = scale(np.stack(list(gathered.metrics.values())))
    rho = correlations(gathered)["rho"].to_numpy().reshape(4, 3)  # cells, metrics
    found = curves(scaled, gathered.accuracy, alpha_grid(0.1))
    for k, (i, j) in enumerate(combinations(range(3), 2)):
        np.testing.assert_array_equal(found[k, 0], rho[:, i])
        np.testing.assert_array_equal(found[k, -1], rho[:, j])


def test_search_finds_a_known_optimum():
    """accuracy follows 0.5·A + 0.5·B: the best of their pair is near α = ½ and near ρ = 1."""
    rng = np.random.default_rng(6)
    scaled = scale(rng.uniform(-1, 1, (3, 2, 60)))
    accuracy = (scaled[0] + scaled[1]) / 8 + 0.5
    cells = cell_names(["alexnet"], TARGETS)
    table, found = search(scaled, accuracy, alpha_grid(0.001), ["S1", "S2", "S6"], cells)
    assert list(table["first"]) == ["S1", "S1", "S2", "S1", "S2", "S6"]
    assert list(table["second"]) == ["S2", "S6", "S6", "", "", ""]
    best = best_row(table)
    assert (best["first"], best["second"]) == ("S1", "S2")
    assert best["mean_rho"] == pytest.approx(1, abs=1e-3) and abs(best["alpha"] - 0.5) < 0.02
    means = found.mean(axis=2)
    for k in range(3):
        row, a = table.iloc[k], means[k].argmax()
        assert row["mean_rho"] == pytest.approx(means[k, a], abs=1e-12)
        at = found[k, round(row["alpha"] * 1000)]
        assert row["variance_rho"] == pytest.approx(np.var(at))  # ddof = 0
        assert (row["max_rho"], row["min_rho"], row["cells"]) == (at.max(), at.min(), 2)
        assert row["max_target"] == TARGETS[at.argmax()]
        assert row["min_target"] == TARGETS[at.argmin()]
        assert row["min_architecture"] == "alexnet"
    assert (table["alpha"][3:] == 0).all()


def test_ties_go_to_the_smallest_alpha_and_the_first_pair():
    one = np.arange(5.0) / 4
    scaled = np.stack([one, one, one])[:, None, :]  # ρ is 1 everywhere
    table, _ = search(scaled, one[None], alpha_grid(0.25), METRICS, [("alexnet", "dtd")])
    assert (table["alpha"] == 0).all()
    assert best_row(table).name == 0
    # rounding changes sums of equal ρ, so a mean that is higher by less than that is no better
    table.loc[1, "mean_rho"] += 1e-15
    assert best_row(table).name == 0


def test_undefined_cells_are_left_out_and_counted():
    rng = np.random.default_rng(7)
    scaled, accuracy = rng.normal(size=(2, 3, 9)), rng.uniform(size=(3, 9))
    accuracy[1] = 0.4
    cells = [("alexnet", target) for target in ("dtd", "pets", "cars")]
    table, found = search(scaled, accuracy, alpha_grid(0.5), ["S1", "S2"], cells)
    assert np.isnan(found[:, :, 1]).all() and not np.isnan(found[:, :, [0, 2]]).any()
    assert list(table["cells"]) == [2, 2, 2]
    row = table.iloc[0]
    at = found[0, int(row["alpha"] * 2)][[0, 2]]
    assert row["mean_rho"] == pytest.approx(at.mean()) and row["max_rho"] == at.max()
    accuracy[:] = 0.4
    table, _ = search(scaled, accuracy, alpha_grid(0.5), ["S1", "S2"], cells)
    assert table["mean_rho"].isna().all() and list(table["cells"]) == [0, 0, 0]
    assert best_row(table) is None


def test_full_size_takes_bounded_memory():
    """Three of the fifteen pairs at 1,001 alphas × 24 cells × 60 models: one pair at a time."""
    rng = np.random.default_rng(8)
    scaled, accuracy = rng.normal(size=(3, 24, 60)), rng.uniform(size=(24, 60))
    tracemalloc.start()
    found = curves(scaled, accuracy, alpha_grid(0.001))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.shape == (3, 1001, 24) and peak < 150e6


def test_published_numbers():
    assert (published.FIRST, published.SECOND, published.ALPHA) == ("S5", "S6", 0.574)
    assert set(published.SIGNS) == {"alexnet", "vgg16", "resnet18"}
    assert published.MIN_RHO < published.MEAN_RHO < published.MAX_RHO
