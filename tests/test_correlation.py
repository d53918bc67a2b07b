"""Spearman's ρ, the table of scores, the search for pairs, and their script."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

import jobs
from basemodel.statistics.correlation import correlation_table, rho_of
from basemodel.statistics.pairs import best_row
from basemodel.statistics.pools import cells, scores_table
from basemodel.statistics.spearman import p_value, spearman
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
    return cells(*experiment(seed), ARCHITECTURES, TARGETS, METRICS)


def correlations(pools, resamples=20, seed=0):
    return correlation_table(pools, rho_of(pools, pools.resample(resamples, seed)))


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


def test_cells_line_the_rows_up_whatever_their_order():
    fine_tuning, base_models, values = experiment()
    pools = cells(fine_tuning, base_models, values, ARCHITECTURES, TARGETS, METRICS)
    expected = scores_table(pools)
    shuffled = cells(
        fine_tuning.sample(frac=1, random_state=1),
        base_models,
        {cell: table.sample(frac=1, random_state=2) for cell, table in values.items()},
        ARCHITECTURES,
        TARGETS,
        METRICS,
    )
    pd.testing.assert_frame_equal(scores_table(shuffled), expected)
    assert list(expected.columns) == [
        *("architecture", "target", "subset", "policy", "accuracy"),
        *METRICS,
    ]
    assert len(expected) == 2 * 2 * 12
    row = expected.iloc[12 + 3]  # alexnet, pets, the fourth subset
    assert (row["target"], row["subset"], row["policy"]) == ("pets", "class10-04", "class10")
    assert row["S6"] == values["S6", "alexnet", "pets"]["value"][3]
    assert pools.metrics["S6"][1, 3] == -row["S6"]  # smaller is better
    assert pools.names[1] == ("alexnet", "pets")


def test_cells_name_what_is_missing_or_double_or_no_number():
    fine_tuning, base_models, values = experiment()

    def gathering(f=fine_tuning, b=base_models, v=values):
        return cells(f, b, v, ARCHITECTURES, TARGETS, METRICS)

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


def test_correlations_are_scipys_with_larger_better():
    gathered = scores_table(scores())
    table = correlations(scores(), 200).set_index(["architecture", "target", "metric"])
    assert list(table.columns) == [
        *("rho", "low", "high", "p_value", "n", "rho_class10", "rho_image20")
    ]
    assert len(table) == 2 * 2 * 3
    cell = gathered[(gathered["architecture"] == "resnet18") & (gathered["target"] == "dtd")]
    for metric, sign in (("S1", 1), ("S2", -1), ("S6", -1)):
        row = table.loc[("resnet18", "dtd", metric)]
        expected = stats.spearmanr(sign * cell[metric], cell["accuracy"])
        assert row["rho"] == pytest.approx(expected.statistic, abs=1e-12)
        assert row["p_value"] == pytest.approx(expected.pvalue, abs=1e-12)
        assert row["n"] == 12 and row["low"] < row["rho"] < row["high"]
        within = cell[cell["policy"] == "image20"]
        assert row["rho_image20"] == pytest.approx(
            stats.spearmanr(sign * within[metric], within["accuracy"]).statistic, abs=1e-12
        )


def test_a_constant_cell_is_an_empty_field(tmp_path):
    given = experiment()
    for architecture in ARCHITECTURES:
        given[2]["S1", architecture, "dtd"]["value"] = 3.0
    pools = cells(*given, ARCHITECTURES, TARGETS, METRICS)
    write_csv(tmp_path / "rho.csv", correlations(pools))
    text = (tmp_path / "rho.csv").read_text()
    assert "alexnet,dtd,S1,,,,,12,,\n" in text
    assert read_csv(tmp_path / "rho.csv")["rho"].isna().sum() == 2


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
            "bootstrap": 200,
            "seed": 3,
        },
    )
    return output


def test_script(tmp_path):
    output = run_script(tmp_path)
    table = read_csv(output["correlation"])
    pd.testing.assert_frame_equal(table, correlations(scores(), 200, 3), check_dtype=False)
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
