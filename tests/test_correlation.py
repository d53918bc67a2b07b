"""Spearman's ρ, the table of scores, the search for pairs, and their script."""

import tracemalloc
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

import jobs
from basemodel.statistics import published
from basemodel.statistics.correlation import (
    by_cell,
    cell_names,
    gather,
    oriented,
    p_value,
    rho_table,
    spearman,
)
from basemodel.statistics.pairs import alpha_grid, best_row, curves, scale, search
from basemodel.tables import read_csv, write_csv

ARCHITECTURES = ["alexnet", "resnet18"]
TARGETS = ["dtd", "pets"]
METRICS = ["S1", "S2", "S6"]
SUBSETS = [(f"{policy}-{i:02d}", policy) for policy in ("class10", "image20") for i in range(1, 7)]


def experiment(seed=0):
    """Tables as other stages write them: fine_tuning, base_models, values."""
    rng = np.random.default_rng(seed)
    base_models = pd.DataFrame(
        {"architecture": a, "subset": s, "policy": p, "classes": 10, "test_accuracy": 0.5}
        for a in ARCHITECTURES
        for s, p in SUBSETS
    )
    fine_tuning = pd.DataFrame(
        {"architecture": a, "target": t, "subset": s, "accuracy": rng.integers(20, 80) / 100}
        for a in ARCHITECTURES
        for t in TARGETS
        for s, _ in SUBSETS
    )
    values = {
        (m, a, t): pd.DataFrame({"subset": s, "value": rng.lognormal(3)} for s, _ in SUBSETS)
        for m in METRICS
        for a in ARCHITECTURES
        for t in TARGETS
    }
    return fine_tuning, base_models, values


def scores(seed=0):
    return gather(*experiment(seed), ARCHITECTURES, TARGETS, METRICS)


# Spearman's ρ -------------------------------------------------------------------------------


def test_by_hand():
    # ranks of x are 1 2 3 4, of y 2 1 4 3: 1 − 6·4 / (4·15)
    assert spearman(np.array([1, 5, 6, 9.0]), np.array([20, 10, 40, 30.0])) == pytest.approx(0.6)


def test_ties_by_hand():
    # ranks 1.5 1.5 3 against 1 2 3: (−.5·−1 + 0 + 1·1) / √(1.5 · 2)
    assert spearman(np.array([4, 4, 7.0]), np.array([1, 2, 3.0])) == pytest.approx(1.5 / 3**0.5)


@settings(max_examples=100, deadline=None)
@given(arrays(np.float64, (2, 9), elements=st.integers(0, 5).map(float)))
def test_it_is_scipys_with_ties(pair):
    x, y = pair
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(spearman(x, y))
        return
    expected = stats.spearmanr(x, y)
    assert spearman(x, y) == pytest.approx(expected.statistic, abs=1e-12)
    assert p_value(float(spearman(x, y)), 9) == pytest.approx(expected.pvalue, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (2, 12), elements=st.integers(-20, 20).map(float)))
def test_monotone_maps_change_nothing(pair):
    x, y = pair
    rho = spearman(x, y)
    np.testing.assert_array_equal(spearman(np.exp(x / 4), y**3), rho)
    np.testing.assert_array_equal(spearman(-x, y), -rho)


def test_constant_or_undefined_is_nan_and_infinity_is_a_rank():
    x = np.arange(4.0)
    assert np.isnan(spearman(x, np.ones(4)))
    assert np.isnan(spearman(np.array([1, np.nan, 2, 3]), x))
    assert spearman(np.array([1, 2, 3, np.inf]), x) == 1
    assert np.isnan(p_value(np.nan, 60)) and np.isnan(p_value(1.0, 2)) and p_value(-1.0, 9) == 0


# Gathering ----------------------------------------------------------------------------------


def test_gather_lines_the_rows_up_whatever_their_order():
    fine_tuning, base_models, values = experiment()
    expected = gather(fine_tuning, base_models, values, ARCHITECTURES, TARGETS, METRICS)
    shuffled = gather(
        fine_tuning.sample(frac=1, random_state=1),
        base_models,
        {cell: table.sample(frac=1, random_state=2) for cell, table in values.items()},
        ARCHITECTURES,
        TARGETS,
        METRICS,
    )
    pd.testing.assert_frame_equal(shuffled, expected)
    assert list(expected.columns) == [
        *("architecture", "target", "subset", "policy", "accuracy"),
        *METRICS,
    ]
    assert len(expected) == 2 * 2 * 12
    row = expected.iloc[12 + 3]  # alexnet, pets, the fourth subset
    assert (row["target"], row["subset"], row["policy"]) == ("pets", "class10-04", "class10")
    assert row["S6"] == values["S6", "alexnet", "pets"]["value"][3]
    assert by_cell(expected, "S6")[1, 3] == row["S6"]
    assert cell_names(ARCHITECTURES, TARGETS)[1] == ("alexnet", "pets")


def test_gather_names_what_is_missing_or_double_or_no_number():
    fine_tuning, base_models, values = experiment()

    def gathering(f=fine_tuning, b=base_models, v=values):
        return gather(f, b, v, ARCHITECTURES, TARGETS, METRICS)

    with pytest.raises(ValueError, match="accuracies: no row for alexnet, pets, class10-02"):
        gathering(f=fine_tuning.drop(index=13))
    with pytest.raises(ValueError, match="accuracies: two rows for alexnet, dtd, class10-01"):
        gathering(f=pd.concat([fine_tuning, fine_tuning[:1]]))
    with pytest.raises(ValueError, match="base models: no row for resnet18, image20-06"):
        gathering(b=base_models[:-1])
    cell = ("S2", "resnet18", "dtd")
    with pytest.raises(ValueError, match="values of S2, resnet18, dtd: no row for class10-01"):
        gathering(v=values | {cell: values[cell][1:]})
    with pytest.raises(ValueError, match="metrics: no row for S2, resnet18, dtd"):
        gathering(v={key: table for key, table in values.items() if key != cell})
    for bad in (np.nan, 47.5, -0.1):
        wrong = fine_tuning.copy()
        wrong.loc[3, "accuracy"] = bad
        with pytest.raises(ValueError, match="alexnet, dtd, class10-04 has .* not a fraction"):
            gathering(f=wrong)


# The table of ρ -----------------------------------------------------------------------------


def test_rho_table_is_scipys_with_larger_better():
    gathered = scores()
    table = rho_table(gathered, METRICS).set_index(["architecture", "target", "metric"])
    assert list(table.columns) == ["rho", "p_value", "n", "rho_class10", "rho_image20"]
    assert len(table) == 2 * 2 * 3
    cell = gathered[(gathered["architecture"] == "resnet18") & (gathered["target"] == "dtd")]
    for metric, sign in (("S1", 1), ("S2", -1), ("S6", -1)):
        row = table.loc[("resnet18", "dtd", metric)]
        expected = stats.spearmanr(sign * cell[metric], cell["accuracy"])
        assert row["rho"] == pytest.approx(expected.statistic, abs=1e-12)
        assert row["p_value"] == pytest.approx(expected.pvalue, abs=1e-12)
        assert row["n"] == 12
        within = cell[cell["policy"] == "image20"]
        assert row["rho_image20"] == pytest.approx(
            stats.spearmanr(sign * within[metric], within["accuracy"]).statistic, abs=1e-12
        )


def test_a_constant_cell_is_an_empty_field(tmp_path):
    gathered = scores()
    gathered.loc[gathered["target"] == "dtd", "S1"] = 3.0
    write_csv(tmp_path / "rho.csv", rho_table(gathered, METRICS))
    text = (tmp_path / "rho.csv").read_text()
    assert "alexnet,dtd,S1,,,12,,\n" in text
    assert read_csv(tmp_path / "rho.csv")["rho"].isna().sum() == 2


# Pairs --------------------------------------------------------------------------------------


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


def test_scaling_turned_metrics_is_turning_scaled_ones():
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
    scaled = scale(np.stack([oriented(gathered, metric) for metric in METRICS]))
    accuracy = by_cell(gathered, "accuracy")
    rho = rho_table(gathered, METRICS)["rho"].to_numpy().reshape(4, 3)  # cells, metrics
    found = curves(scaled, accuracy, alpha_grid(0.1))
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
    # as rounding moves sums of equal ρ, a mean that is higher by less than that is no better
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
    """Three of the fifteen pairs at 1,001 alphas × 24 cells × 60 models: a pair at a time."""
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


# The script ---------------------------------------------------------------------------------


def run_script(tmp_path) -> dict[str, Path]:
    fine_tuning, base_models, values = experiment()
    write_csv(tmp_path / "fine_tuning.csv", fine_tuning)
    write_csv(tmp_path / "base_models.csv", base_models)
    paths = []
    for metric, architecture, target in values:
        paths.append(tmp_path / f"metrics/{metric}/{architecture}/{target}.csv")
        write_csv(paths[-1], values[metric, architecture, target])
    output = {
        name: tmp_path / "out" / file
        for name, file in (
            ("scores", "scores.csv"),
            ("correlation", "correlation.csv"),
            ("pairs", "pairs.csv"),
            ("curves", "curves.npy"),
        )
    }
    jobs.run(
        "correlation.py",
        input={
            "fine_tuning": tmp_path / "fine_tuning.csv",
            "base_models": tmp_path / "base_models.csv",
            "metrics": paths,
        },
        output=output,
        params={
            "cells": [list(cell) for cell in values],
            "alpha_step": 0.05,
            "architectures": ARCHITECTURES,
            "targets": TARGETS,
            "metrics": METRICS,
        },
    )
    return output


def test_script(tmp_path):
    output = run_script(tmp_path)
    pd.testing.assert_frame_equal(read_csv(output["scores"]), scores(), check_dtype=False)
    table = read_csv(output["correlation"])
    pd.testing.assert_frame_equal(table, rho_table(scores(), METRICS), check_dtype=False)
    found = np.load(output["curves"])
    assert found.shape == (3, 21, 4) and found.dtype == np.float64
    pairs = read_csv(output["pairs"])
    assert list(pairs.columns) == [
        *("first", "second", "alpha", "mean_rho", "variance_rho"),
        *("max_rho", "max_architecture", "max_target"),
        *("min_rho", "min_architecture", "min_target", "cells"),
    ]
    assert len(pairs) == 3 + 3 and (pairs["second"] == "").sum() == 3
    best = best_row(pairs)
    assert best["mean_rho"] == pytest.approx(found.mean(axis=2).max(), abs=1e-12)
    first = {name: path.read_bytes() for name, path in output.items()}
    assert {name: path.read_bytes() for name, path in run_script(tmp_path).items()} == first
