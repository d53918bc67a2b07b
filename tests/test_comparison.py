"""All metrics compared: pools, ρ with intervals, differences, stability, and their script."""

import warnings
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import jobs
from basemodel import metrics as metric_modules
from basemodel.statistics import comparison
from basemodel.statistics.correlation import rho_of
from basemodel.statistics.pools import across_architectures, cells, scores_table
from basemodel.tables import read_csv, write_csv
from test_correlation import ARCHITECTURES, METRICS, TARGETS, correlations, experiment

TABLES = ("scores", "rho", "mean_rho", "differences", "regret", "mean_regret")


def with_halves(seed=0, noise=0.3):
    """The tables of test_correlation, with the metric on either half of the probe images."""
    fine_tuning, base_models, values = experiment(seed)
    rng = np.random.default_rng(seed)
    for table in values.values():
        for half in ("even", "odd"):
            table[f"value_{half}"] = table["value"] * rng.lognormal(0, noise, len(table))
    return fine_tuning, base_models, values


def pools(given=None, architectures=ARCHITECTURES, metrics=METRICS):
    given = given or with_halves()
    one = cells(*given, architectures, TARGETS, metrics)
    return one, across_architectures(one)


def tables(found, resamples=300):
    counts = found.resample(resamples, 0)
    rho, within = rho_of(found, counts), comparison.rho_within_of(found, counts)
    return (
        comparison.rho_table(found, rho, within),
        comparison.mean_table(found, rho, within),
        comparison.difference_table(found.scope, found.targets, comparison.paired(rho)),
    )


# Pools --------------------------------------------------------------------------------------


def test_rho_of_cells_is_that_of_correlation_csv():
    one, _ = pools()
    found = tables(one, 200)[0]
    columns = ["architecture", "target", "metric", "rho", "low", "high", "n"]
    pd.testing.assert_frame_equal(found[columns], correlations(one, 200)[columns])


def test_rho_within_is_the_mean_over_policies():
    one, _ = pools()
    found, of_policies = tables(one)[0], correlations(one, 2)
    expected = of_policies[["rho_class10", "rho_image20"]].mean(axis=1)
    np.testing.assert_allclose(found["rho_within"], expected, atol=1e-12)
    assert (found["within_low"] < found["rho_within"]).all()


def test_all_architectures_of_a_target_are_one_ranking():
    one, every = pools()
    scores = scores_table(one)
    found = tables(every)[0].set_index(["architecture", "target", "metric"])
    assert set(found.index.get_level_values(0)) == {"all"} and (found["n"] == 24).all()
    for target, (metric, sign) in product(TARGETS, (("S1", 1), ("S2", -1), ("S6", -1))):
        part = scores[scores["target"] == target]
        expected = stats.spearmanr(sign * part[metric], part["accuracy"]).statistic
        assert found.loc[("all", target, metric), "rho"] == pytest.approx(expected, abs=1e-12)


def test_a_source_task_is_resampled_with_all_its_architectures():
    one, every = pools()
    counts = one.resample(5, 0)
    np.testing.assert_array_equal(every.resample(5, 0), np.hstack([counts, counts]))
    assert list(every.policies) == [s.split("-")[0] for s in every.subsets] * 2


def test_one_architecture_has_no_second_scope():
    fine_tuning, base_models, values = with_halves()
    assert pools((fine_tuning, base_models, values), ["resnet18"])[1] is None


def test_a_metric_of_the_pool_is_computed_again_over_all_architectures(monkeypatch):
    given = with_halves()
    for number, (cell, table) in enumerate(given[2].items()):
        table["term"] = table["value"] + 1000 * number  # pools differ in level
        table.loc[0, "term"] = np.nan
        given[2][cell] = table.sort_values("value")  # rows in any order
    seen = []

    def over_pool(terms):
        seen.append(terms)
        return -terms["term"] / terms["term"].max()

    load = metric_modules.load
    pooled = SimpleNamespace(LARGER_IS_BETTER=False, over_pool=over_pool)
    monkeypatch.setattr(metric_modules, "load", lambda name: pooled if name == "S6" else load(name))
    one, every = pools(given)
    assert len(seen) == len(TARGETS) and set(seen[0]) == {"term"}
    for number, target in enumerate(TARGETS):
        terms = [
            given[2]["S6", architecture, target].set_index("subset").loc[one.subsets, "term"]
            for architecture in ARCHITECTURES
        ]
        terms = np.concatenate(terms)
        # a model without the term is not part of the pool
        np.testing.assert_array_equal(seen[number]["term"], terms[~np.isnan(terms)])
        # smaller is better, so the sign is flipped
        np.testing.assert_allclose(every.metrics["S6"][number], terms / np.nanmax(terms))
    np.testing.assert_array_equal(every.metrics["S1"][0, :12], one.metrics["S1"][0])
    assert np.isnan(every.halves("S6")).all()
    assert not np.isnan(one.halves("S6")).any()


# Tables -------------------------------------------------------------------------------------


def test_stability_and_halves_are_scipys():
    given = with_halves()
    found = tables(pools(given)[0])[0].set_index(["architecture", "target", "metric"])
    table = given[2]["S2", "resnet18", "dtd"]
    accuracy = given[0].query("architecture == 'resnet18' and target == 'dtd'")["accuracy"]
    row = found.loc[("resnet18", "dtd", "S2")]
    even, odd = -table["value_even"], -table["value_odd"]
    assert row["stability"] == pytest.approx(stats.spearmanr(even, odd).statistic)
    assert row["rho_even"] == pytest.approx(stats.spearmanr(even, accuracy).statistic)
    assert row["rho_odd"] == pytest.approx(stats.spearmanr(odd, accuracy).statistic)
    assert tables(pools(with_halves(noise=0))[0])[1]["stability"].to_list() == pytest.approx(
        [1] * 3
    )


def test_tables_without_halves_have_no_stability():
    found = tables(pools(experiment())[0])
    assert found[0][["stability", "rho_even", "rho_odd"]].isna().all(axis=None)
    assert found[1]["stability"].isna().all() and found[1]["mean_rho"].notna().all()


def test_differences_are_of_means_and_paired():
    given = with_halves()
    for (metric, *cell), table in given[2].items():  # S6 is S2, but for the last model
        if metric == "S6":
            table["value"] = given[2]["S2", *cell]["value"].to_numpy()
            table.loc[11, "value"] *= 1.5
    one = pools(given)[0]
    _, means, differences = tables(one)
    means = means.set_index("metric")["mean_rho"]
    for _, row in differences.iterrows():
        assert row["difference"] == pytest.approx(means[row["first"]] - means[row["second"]])
        assert row["difference"] >= 0 and row["low"] < row["difference"] < row["high"]
    assert len(differences) == 3
    width = (differences["high"] - differences["low"]).to_numpy()
    alike = [{row["first"], row["second"]} == {"S2", "S6"} for _, row in differences.iterrows()]
    assert width[alike] < width[~np.array(alike)].min() / 2


def test_undefined_cells_are_left_out_of_means_and_differences():
    given = with_halves()
    given[2]["S1", "alexnet", "dtd"]["value"] = 7.0
    one = pools(given)[0]
    found, means, differences = tables(one)
    rho = found.pivot(index=["architecture", "target"], columns="metric", values="rho")
    means = means.set_index("metric")
    assert means.loc["S1", "cells"] == 3 and means.loc["S2", "cells"] == 4
    assert means.loc["S1", "mean_rho"] == pytest.approx(rho["S1"].mean())
    of_both = rho.dropna()
    for _, row in differences.iterrows():
        part = of_both if "S1" in (row["first"], row["second"]) else rho
        expected = (part[row["first"]] - part[row["second"]]).mean()
        assert row["difference"] == pytest.approx(expected)


# The script ---------------------------------------------------------------------------------


def run_script(folder, given, architectures=ARCHITECTURES, targets=TARGETS, metrics=METRICS):
    fine_tuning, base_models, values = given
    write_csv(folder / "fine_tuning.csv", fine_tuning)
    write_csv(folder / "base_models.csv", base_models)
    chosen = list(product(metrics, architectures, targets))
    paths = [folder / f"{'-'.join(cell)}.csv" for cell in chosen]
    for cell, path in zip(chosen, paths, strict=True):
        write_csv(path, values[cell])
    output = {name: folder / f"out/{name}.csv" for name in TABLES}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jobs.run(
            "comparison.py",
            input={
                "fine_tuning": folder / "fine_tuning.csv",
                "base_models": folder / "base_models.csv",
                "metrics": paths,
            },
            output=output,
            params={
                "cells": [list(cell) for cell in chosen],
                "bootstrap": 60,
                "seed": 5,
            },
        )
    return output


def test_script(tmp_path):
    given = with_halves()
    output = run_script(tmp_path, given)
    found = {name: read_csv(path) for name, path in output.items()}
    scores = scores_table(pools(given)[0])
    pd.testing.assert_frame_equal(found["scores"], scores, check_dtype=False)
    assert list(found["rho"].columns) == [
        *("architecture", "target", "metric", "rho", "low", "high"),
        *("rho_within", "within_low", "within_high"),
        *("stability", "rho_even", "rho_odd", "n"),
    ]
    assert len(found["rho"]) == (4 + 2) * 3 and len(found["regret"]) == (4 + 2) * 4
    assert list(found["mean_rho"].columns) == [
        *("scope", "metric", "mean_rho", "low", "high"),
        *("mean_within", "within_low", "within_high", "stability", "cells"),
    ]
    scopes = ["one architecture"] * 3 + ["all architectures"] * 3
    assert list(found["mean_rho"]["scope"]) == list(found["differences"]["scope"]) == scopes
    assert list(found["mean_regret"]["metric"]) == [*METRICS, "random"] * 2
    first = {name: path.read_bytes() for name, path in output.items()}
    assert {n: p.read_bytes() for n, p in run_script(tmp_path, given).items()} == first


@pytest.mark.parametrize("models", [1, 2, 7])
def test_script_with_few_models_one_target_and_one_metric(tmp_path, models):
    fine_tuning, base_models, values = with_halves()
    kept = set(base_models["subset"].unique()[:models])
    given = (
        fine_tuning[fine_tuning["subset"].isin(kept)],
        base_models[base_models["subset"].isin(kept)],
        {cell: table[table["subset"].isin(kept)] for cell, table in values.items()},
    )
    output = run_script(tmp_path, given, ["alexnet"], ["dtd"], ["S1"])
    found = {name: read_csv(path) for name, path in output.items()}
    assert len(found["rho"]) == 1 and len(found["differences"]) == 0
    assert found["rho"]["low"].isna()[0] == (models < 3)
    assert list(found["mean_regret"]["metric"]) == ["S1", "random"]
