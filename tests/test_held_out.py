"""Pairs chosen on some cells and judged on others."""

import warnings
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import jobs
from basemodel.statistics.bootstrap import resample
from basemodel.statistics.held_out import choose, evaluate
from basemodel.statistics.pairs import alpha_grid, best_row, curves, scale, search
from basemodel.statistics.spearman import spearman
from basemodel.tables import read_csv, write_csv
from test_correlation import ARCHITECTURES, METRICS, TARGETS, experiment

ALPHAS = alpha_grid(0.05)
CELLS = [(a, t) for a in ("x", "y") for t in ("t", "u", "v")]
NAMES = ["A", "B", "C"]


def made(seed, skill=0.0, cells=6, models=30, metrics=3):
    """Metrics [metrics, cells, models], scaled, and accuracies; ρ grows with skill."""
    rng = np.random.default_rng(seed)
    accuracy = rng.random((cells, models))
    return scale(skill * accuracy + rng.random((metrics, cells, models))), accuracy


def evaluated(scaled, accuracy, cells=CELLS, names=NAMES, resamples=50):
    found = curves(scaled, accuracy, ALPHAS)
    counts = resample(np.zeros(accuracy.shape[1]), resamples, 0)
    return evaluate(scaled, accuracy, ALPHAS, found, names, cells, counts)


@pytest.mark.parametrize("seed", range(4))
def test_a_fold_chooses_what_the_search_would_on_its_cells(seed):
    scaled, accuracy = made(seed, skill=0.5)
    folds, _ = evaluated(scaled, accuracy)
    names = [("target", t) for t in "tuv"] + [("architecture", a) for a in "xy"]
    assert list(zip(folds["left_out"], folds["name"], strict=True)) == names
    for _, fold in folds.iterrows():
        there = np.array([fold["name"] not in cell for cell in CELLS])
        kept = [cell for cell, stays in zip(CELLS, there, strict=True) if stays]
        table, _ = search(scaled[:, there], accuracy[there], ALPHAS, NAMES, kept)
        best = best_row(table)
        for column in ("first", "second", "alpha"):
            assert fold[column] == best[column]
        assert fold["chosen_rho"] == pytest.approx(best["mean_rho"], abs=1e-12)
        i, j = NAMES.index(fold["first"]), NAMES.index(fold["second"])
        both = (1 - fold["alpha"]) * scaled[i] + fold["alpha"] * scaled[j]
        out = [stats.spearmanr(both[c], accuracy[c]).statistic for c in np.flatnonzero(~there)]
        assert fold["held_out_rho"] == pytest.approx(np.mean(out), abs=1e-12)
        assert fold["cells"] == (~there).sum()
        singles = table[table["second"] == ""].set_index("first")["mean_rho"]
        assert fold["metric"] == singles.idxmax()
        assert fold["half"] == singles[[fold["first"], fold["second"]]].idxmax()
        number = NAMES.index(fold["half"])
        half = spearman(scaled[number], accuracy)
        assert fold["half_held_out_rho"] == pytest.approx(half[~there].mean())


def test_the_accuracies_left_out_do_not_affect_a_choice():
    scaled, accuracy = made(1)
    other = accuracy.copy()
    other[[0, 3]] = 1 - other[[0, 3]]  # target t, with both architectures
    folds, changed = (evaluated(scaled, a)[0].iloc[0] for a in (accuracy, other))
    assert folds["alpha"] == changed["alpha"] and folds["chosen_rho"] == changed["chosen_rho"]
    assert folds["held_out_rho"] == pytest.approx(-changed["held_out_rho"])


def test_a_choice_among_noise_is_optimistic_and_one_of_the_truth_is_not():
    noise, truth = [], []
    for seed in range(12):
        for skill, kept in ((0, noise), (20, truth)):
            _, table = evaluated(*made(seed, skill), resamples=5)
            kept.append(table.set_index(["left_out", "what"])["optimism"])
    noise, truth = pd.concat(noise, axis=1).mean(axis=1), pd.concat(truth, axis=1).mean(axis=1)
    assert noise["target", "pair"] > 0.08 and noise["target", "single metric"] > 0.05
    assert abs(truth).max() < 0.01


def test_optimism_is_in_sample_minus_held_out_over_all_cells():
    scaled, accuracy = made(2, skill=0.4)
    folds, table = evaluated(scaled, accuracy)
    assert list(table["what"][:4]) == ["pair", "best half", "gain", "single metric"]
    table = table.set_index(["left_out", "what"])
    pairs, _ = search(scaled, accuracy, ALPHAS, NAMES, CELLS)
    best = best_row(pairs)
    for left_out in ("target", "architecture"):
        of_folds = folds[folds["left_out"] == left_out]
        row = table.loc[(left_out, "pair")]
        assert row["in_sample"] == pytest.approx(best["mean_rho"], abs=1e-12)
        assert row["held_out"] == pytest.approx(
            np.average(of_folds["held_out_rho"], weights=of_folds["cells"]), abs=1e-12
        )
        assert row["optimism"] == pytest.approx(row["in_sample"] - row["held_out"])
        gain = table.loc[(left_out, "gain")]
        half = table.loc[(left_out, "best half")]
        assert gain["in_sample"] == pytest.approx(row["in_sample"] - half["in_sample"])
        assert gain["held_out"] == pytest.approx(row["held_out"] - half["held_out"])
        for what in ("in_sample", "held_out"):
            assert row[f"{what}_low"] < row[what] < row[f"{what}_high"]


def test_the_gain_of_paired_metrics_has_a_narrower_interval_than_either():
    _, table = evaluated(*made(3, skill=1, models=60), resamples=200)
    table = table.set_index(["left_out", "what"])
    width = table["in_sample_high"] - table["in_sample_low"]
    assert width["target", "gain"] < width["target", "best half"]


def test_undefined_cells_are_left_out():
    scaled, accuracy = made(4)
    accuracy[0] = 0.5
    folds, table = evaluated(scaled, accuracy)
    assert folds["held_out_rho"].notna().all() and table["held_out"].notna().all()


@pytest.mark.parametrize(
    ("cells", "names"),
    [([("x", "t")], NAMES), ([("x", "t"), ("x", "u")], NAMES), ([("x", "t"), ("y", "t")], ["A"])],
)
def test_small_experiments(cells, names):
    scaled, accuracy = made(0, cells=len(cells), models=2, metrics=len(names))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folds, table = evaluated(scaled, accuracy, cells, names)
    assert len(folds) == (0 if len(cells) == 1 else 2)
    assert len(table) == 8 and (len(folds) or table["held_out"].isna().all())


def test_nothing_to_choose():
    nothing = np.full((1, 3, 2), np.nan)
    assert choose(nothing, np.full((2, 2), np.nan), np.ones(2, bool)) is None
    found = choose(np.zeros((3, 2, 2)), np.zeros((3, 2)), np.ones(2, bool))
    assert list(combinations(range(3), 2))[found.pair] == (0, 1) and found.alpha == 0  # first


def test_script(tmp_path):
    fine_tuning, base_models, values = experiment()
    write_csv(tmp_path / "fine_tuning.csv", fine_tuning)
    write_csv(tmp_path / "base_models.csv", base_models)
    paths = []
    for cell, table in values.items():
        paths.append(tmp_path / f"{'-'.join(cell)}.csv")
        write_csv(paths[-1], table)
    names = ["fine_tuning", "base_models"]
    inputs = {name: tmp_path / f"{name}.csv" for name in names} | {"metrics": paths}
    curves_file = tmp_path / "curves.npy"
    params = {
        "cells": [list(cell) for cell in values],
        "alpha_step": 0.05,
        "bootstrap": 60,
        "seed": 1,
    }
    for script, given, outputs in (
        (
            "correlation.py",
            inputs,
            {"correlation": "c.csv", "pairs": "p.csv", "curves": curves_file},
        ),
        (
            "held_out.py",
            inputs | {"curves": curves_file},
            {"held_out": "h.csv", "optimism": "o.csv"},
        ),
    ):
        output = {name: tmp_path / file for name, file in outputs.items()}
        jobs.run(script, input=given, output=output, params=params)
    folds, pairs = read_csv(tmp_path / "h.csv"), read_csv(tmp_path / "p.csv")
    assert list(folds["name"]) == [*TARGETS, *ARCHITECTURES]
    assert set(folds["first"]) | set(folds["second"]) <= set(METRICS)
    optimism = read_csv(tmp_path / "o.csv")
    assert optimism["in_sample"][0] == pytest.approx(best_row(pairs)["mean_rho"], abs=1e-12)
